"""Who is covered and who is over: one item of one account on one day.

The result depends only on the day's totals, never on when or in which order usage arrived. Plans are drawn in the
given order (`plans.plans_on` sorts them); inside a plan the workspaces draw in the order of its list. Laws (SPEC
section 4): coverage + overage = usage; no plan gives more than its quota; a workspace draws from a plan only if no
earlier one on the plan's list stays over; no workspace is over while a plan that lists it has quota left.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """What one plan offers that day: its quota of the item, for its workspaces in priority order."""

    plan_id: str
    quota: int
    workspaces: tuple[str, ...]


class Allocation(NamedTuple):
    """`covered`: units by workspace, 0 included. `drawn`: units by plan id and workspace, only those above 0."""

    covered: dict[str, int]
    drawn: dict[str, dict[str, int]]


def allocate(shares: Sequence[Share], usage: Mapping[str, int]) -> Allocation:
    """Cover `usage` (workspace -> quantity >= 0) from `shares`, which come in allocation order.

    The overage of a workspace is `usage[workspace] - covered[workspace]`.
    """
    covered = dict.fromkeys(usage, 0)
    drawn = {}
    for plan_id, left, workspaces in shares:
        draws: dict[str, int] = {}
        for workspace in workspaces:
            if not left:
                break
            if workspace in usage:
                draw = usage[workspace] - covered[workspace]
                if draw > left:
                    draw = left
                if draw:
                    covered[workspace] += draw
                    draws[workspace] = draw
                    left -= draw
        if draws:
            drawn[plan_id] = draws
    return Allocation(covered, drawn)
