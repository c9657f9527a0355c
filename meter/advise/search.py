"""The search: for each portfolio the cheapest list of workspaces and numbers of traffic packages over closed days.

It ranks by floating point; `meter.advise.alternatives` replays the best by the rules. Where all subsets of the
workspaces in question are tried, the best found is the best there is, up to the cutting of charges to 0.01 unit.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from meter.advise.grid import Floats, Grid
from meter.advise.membership import Mask, Members, improved, members_of, starts, subsets
from meter.advise.pools import Offer, Pools
from meter.advise.portfolios import Portfolio
from schemas.ids import WORKSPACES_LIMIT

#: Portfolios whose lists are searched. Of more, a first look (everybody listed) picks them, and advice says so.
SEARCHED = 200
#: Rounds of the local search: lists for fixed traffic, then traffic for fixed lists.
ROUNDS = 4


@dataclass(frozen=True, slots=True)
class Found:
    """A portfolio with its best list (rows of the grid; nobody where it has no plan) and traffic packages by item."""

    portfolio: Portfolio
    listed: frozenset[int]
    units: tuple[tuple[str, int], ...]
    #: The cost of the window: packages, traffic packages, overage, pay-as-you-go charges.
    cost: float


@dataclass(frozen=True, slots=True)
class Searched:
    """What was found, cheapest first, and how thoroughly."""

    found: tuple[Found, ...]
    portfolios: int
    of: int
    in_question: int
    all_subsets: bool
    #: Workspaces in question that are listed all or none.
    together: int = 0
    #: There were more portfolios than are enumerated.
    cut: bool = False
    #: There were more workspaces to list than an order may.
    shortened: bool = False

    def sentence(self) -> str:
        """How thorough the search was, for a reader who must defend the advice."""
        among = f"the {self.of:,} of fewest plans" if self.cut else f"{self.of:,}"
        share = "" if self.portfolios == self.of else f" (the best of {among} by a first look)"
        if not self.in_question:
            lists = "listing everybody is never dearer here"
        else:
            who = f"{self.in_question} workspace{'' if self.in_question == 1 else 's'} that could be cheaper unlisted"
            together = f" ({self.together} of least weight together)" if self.together else ""
            search = f"lists by a local search over {who}{together}"
            lists = f"every subset of the {who}" if self.all_subsets else search
        long = (
            f"; a plan lists at most {WORKSPACES_LIMIT:,} workspaces: those listed today stay, then those with the "
            "largest usage are taken"
        )
        return (
            f"{self.portfolios:,} portfolios{share}, {lists}, the best number of traffic packages for each"
            f"{long if self.shortened else ''}"
        )


@dataclass(frozen=True, slots=True)
class Room:
    """How many workspaces with usage can be listed: by the plans that are kept, or beside them by one that is bought.

    `today`: rows that plans list; they keep their places.
    """

    today: frozenset[int]
    kept: int = WORKSPACES_LIMIT

    def first(self, grid: Grid, rows: Iterable[int], portfolio: Portfolio) -> frozenset[int]:
        """Those of the rows that can be listed: who is listed today, then the largest usage."""
        paid = grid.payg.sum(axis=1)
        order = sorted(rows, key=lambda row: (row not in self.today, -paid[row], row))
        return frozenset(order[: max(self.most(portfolio), len(self.today.intersection(order)))])

    def most(self, portfolio: Portfolio) -> int:
        """How many with this portfolio, unless more are listed today."""
        return WORKSPACES_LIMIT if portfolio.buys else self.kept


def searched(grid: Grid, found: Sequence[Portfolio], offers: Mapping[str, Offer], room: Room) -> Searched:
    """Search; the local search begins with who is listed today, who also wins ties."""
    search = _Search(grid, offers, room.today)
    chosen = search.first_look(found) if len(found) > SEARCHED else list(found)
    best = search.all_subsets(chosen) if search.members.all_subsets else [search.local(each) for each in chosen]
    long = [(each, room.first(grid, each.listed, each.portfolio)) for each in best]
    best = [each if len(first) == len(each.listed) else search.shortened(each, first) for each, first in long]
    best.sort(key=lambda each: (each.cost, each.portfolio.bought))
    members = search.members
    asked = [len(group) for group in members.groups[1:]]
    together = asked[-1] if asked and asked[-1] > 1 else 0
    shortened = any(len(first) < len(each.listed) for each, first in long)
    return Searched(
        tuple(best), len(chosen), len(found), sum(asked), members.all_subsets, together, shortened=shortened
    )


class _Search:
    def __init__(self, grid: Grid, offers: Mapping[str, Offer], listed: frozenset[int]) -> None:
        self.grid = grid
        self.offers = [offers.get(item) for item in grid.items]
        self.listed = listed
        self.members: Members = members_of(grid)

    def first_look(self, portfolios: Sequence[Portfolio]) -> list[Portfolio]:
        """The portfolios that cost least with everybody listed, or with whoever is listed today."""
        masks = np.array(list(starts(self.members, self.listed)))
        costs = self._costs(masks, portfolios).min(axis=0)
        return [portfolios[place] for place in np.argsort(costs, kind="stable")[:SEARCHED]]

    def all_subsets(self, portfolios: Sequence[Portfolio]) -> list[Found]:
        """The best list of every portfolio, of all lists."""
        masks = subsets(self.members)
        today = self.members.mask(self.listed)
        masks = masks[np.argsort((masks != today).sum(axis=1), kind="stable")]  # of equals the nearest to today's
        costs = self._costs(masks, portfolios)
        return [self._found(each, masks[costs[:, place].argmin()]) for place, each in enumerate(portfolios)]

    def local(self, portfolio: Portfolio) -> Found:
        """Alternates: the best list that moves reach at fixed packages, then the best packages for that list."""
        best: Found | None = None
        for mask in starts(self.members, self.listed):
            for _ in range(ROUNDS):
                before = mask
                mask = improved(self.members, self.grid.price, self._quotas_with(portfolio, mask), mask)
                if (mask == before).all():
                    break
            found = self._found(portfolio, mask)
            if best is None or found.cost < best.cost:
                best = found
        assert best is not None, "there are two starts"
        return best

    def shortened(self, found: Found, listed: frozenset[int]) -> Found:
        """The same portfolio with a shorter list, and the best traffic packages for it."""
        rows = sorted(listed)
        quotas = self.grid.quotas(found.portfolio.quotas)
        cost = float(found.portfolio.day_cost) * self.grid.days + float(np.delete(self.grid.payg, rows, axis=0).sum())
        units = []
        for row, (item, offer) in enumerate(zip(self.grid.items, self.offers, strict=True)):
            pools = Pools.of(self.grid.usage[row, rows, :].sum(axis=0)[None, :], self.grid.price[row])
            cost += float(pools.costs(quotas[row : row + 1], offer)[0, 0])
            if offer is not None and (count := int(pools.best_units(quotas[row : row + 1], offer)[0, 0])):
                units.append((item, count))
        return Found(found.portfolio, listed, tuple(units), cost)

    def _costs(self, masks: NDArray[np.bool_], portfolios: Sequence[Portfolio]) -> Floats:
        """The cost of the window for each mask (rows) and portfolio (columns); infinite where a list is empty."""
        members, days = self.members, self.grid.days
        quotas = np.array([self.grid.quotas(each.quotas) for each in portfolios]).reshape(len(portfolios), -1)
        total = np.asarray(members.payg[1:] @ ~masks.T, dtype=np.float64)[:, None].repeat(len(portfolios), axis=1)
        for row, offer in enumerate(self.offers):
            pooled = members.usage[row, 0] + masks.astype(np.float64) @ members.usage[row, 1:]
            total += Pools.of(pooled, self.grid.price[row]).costs(quotas[:, row], offer)
        if not members.groups[0]:
            total[~masks.any(axis=1)] = np.inf
        nobody = np.array([not each.any_plan for each in portfolios])
        total[:, nobody] = members.payg.sum()
        packages: Floats = total + np.array([float(each.day_cost) * days for each in portfolios])
        return packages

    def _found(self, portfolio: Portfolio, mask: Mask) -> Found:
        cost = float(self._costs(mask[None, :], [portfolio])[0, 0])
        if not portfolio.any_plan:
            return Found(portfolio, frozenset(), (), cost)
        units = self._units(portfolio, mask)
        traffic = tuple((item, int(count)) for item, count in zip(self.grid.items, units, strict=True) if count)
        return Found(portfolio, self.members.workspaces(mask), traffic, cost)

    def _units(self, portfolio: Portfolio, mask: Mask) -> Floats:
        """The best number of traffic packages, by item."""
        quotas = self.grid.quotas(portfolio.quotas)
        units = np.zeros(len(quotas))
        for row, offer in enumerate(self.offers):
            if offer is not None:
                pooled = self.members.usage[row, 0] + mask.astype(np.float64) @ self.members.usage[row, 1:]
                pools = Pools.of(pooled[None, :], self.grid.price[row])
                units[row] = pools.best_units(quotas[row : row + 1], offer)[0, 0]
        return units

    def _quotas_with(self, portfolio: Portfolio, mask: Mask) -> Floats:
        """Quotas by item, with the traffic packages that are best for a list."""
        capacity = np.array([0 if offer is None else offer.capacity for offer in self.offers])
        quotas: Floats = self.grid.quotas(portfolio.quotas) + self._units(portfolio, mask) * capacity
        return quotas
