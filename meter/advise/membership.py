"""Who should be listed. Listing can cost money: overage of a listed workspace is priced converted (SPEC §6).

At any quota listing a workspace adds at most its usage at listed prices and takes away what it pays unlisted. So a
workspace that pays no less unlisted is always listed. Only the others, which keep cheap retentions, are in question:
all their subsets are tried up to 12, else a local search (add, take out, exchange) from two starts; advice says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meter.advise.grid import Floats, Grid
from meter.advise.pools import ALIKE

#: Workspaces in question of which all subsets are tried: 4,096.
ALL_SUBSETS_UP_TO = 12
#: Workspaces that the local search moves one by one; the others move together.
MOVED_ALONE = 24

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Members:
    """Workspaces in groups that are listed together: `usage` (item, group, day), `payg` (group,) over all days.

    The first group is always listed; the others are in question.
    """

    groups: tuple[tuple[int, ...], ...]
    usage: Floats
    payg: Floats

    @property
    def in_question(self) -> int:
        """How many groups may be listed or not."""
        return len(self.groups) - 1

    @property
    def all_subsets(self) -> bool:
        """Whether every subset is tried."""
        return self.in_question <= ALL_SUBSETS_UP_TO

    def workspaces(self, mask: Mask) -> frozenset[int]:
        """Rows of the grid that are listed."""
        chosen = [self.groups[0], *(group for group, listed in zip(self.groups[1:], mask, strict=True) if listed)]
        return frozenset(row for group in chosen for row in group)

    def mask(self, listed: frozenset[int]) -> Mask:
        """The mask that lists the groups in question of which all are in `listed`."""
        return np.array([set(group) <= listed for group in self.groups[1:]], dtype=bool)


def members_of(grid: Grid) -> Members:
    """The groups of a grid."""
    listed = np.einsum("id,iwd->w", grid.price, grid.usage)
    extra = listed - grid.payg.sum(axis=1)
    cheaper = extra > ALIKE * listed
    safe = tuple(int(row) for row in np.flatnonzero(~cheaper))
    question = [int(row) for row in np.argsort(-extra, kind="stable") if cheaper[row]]
    alone: list[int] = question
    rest: tuple[int, ...] = ()
    if len(question) > MOVED_ALONE:
        alone, rest = question[: MOVED_ALONE - 1], tuple(question[MOVED_ALONE - 1 :])
    groups = (safe, *((row,) for row in alone), *((rest,) if rest else ()))
    usage = np.stack([grid.usage[:, list(group), :].sum(axis=1) for group in groups], axis=1)
    payg = np.array([grid.payg[list(group)].sum() for group in groups])
    return Members(groups, usage, payg)


def subsets(members: Members) -> NDArray[np.bool_]:
    """All masks, a row each."""
    count = members.in_question
    found: NDArray[np.bool_] = (np.arange(1 << count)[:, None] >> np.arange(count)) & 1 == 1
    return found


def improved(members: Members, price: Floats, quotas: Floats, start: Mask) -> Mask:
    """A mask that no single move makes cheaper, at these quotas; `price`: (item, day), `quotas`: (item,)."""
    mask = start.copy()
    cost = _costs(members, price, quotas, mask[None, :])[0]
    while True:
        for moves in (_single, _exchanges):
            candidates = moves(mask)
            if not len(candidates):
                continue
            costs = _costs(members, price, quotas, candidates)
            best = int(costs.argmin())
            if costs[best] < cost * (1 - ALIKE):
                mask, cost = candidates[best], costs[best]
                break
        else:
            return mask


def _single(mask: Mask) -> NDArray[np.bool_]:
    return mask ^ np.eye(len(mask), dtype=bool)


def _exchanges(mask: Mask) -> NDArray[np.bool_]:
    flips = [(inside, outside) for inside in np.flatnonzero(mask) for outside in np.flatnonzero(~mask)]
    found = np.repeat(mask[None, :], len(flips), axis=0)
    for row, pair in enumerate(flips):
        found[row, list(pair)] ^= True
    return found


def _costs(members: Members, price: Floats, quotas: Floats, masks: NDArray[np.bool_]) -> Floats:
    """Overage and pay-as-you-go charges under each mask."""
    outside = members.payg[1:] @ ~masks.T
    found = np.asarray(outside, dtype=np.float64)
    for item, (usage, each) in enumerate(zip(members.usage, price, strict=True)):
        pooled = usage[0] + masks.astype(np.float64) @ usage[1:]
        found += np.maximum(pooled - quotas[item], 0) @ each
    if not members.groups[0]:
        found[~masks.any(axis=1)] = np.inf
    return found


def starts(members: Members, listed: frozenset[int]) -> Iterator[Mask]:
    """Where the local search begins: everybody, and whoever is listed today (or nobody in question)."""
    yield np.ones(members.in_question, dtype=bool)
    yield members.mask(listed)
