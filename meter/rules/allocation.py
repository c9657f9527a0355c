"""Who is covered and who is over: one item of one account on one day.

A day's figures are a function of the day's totals: nothing here knows when or in which order usage arrived.
Plans are drawn in the order given (`rules.plans.shares_on` makes it), inside a plan the workspaces in the order
of its list. Laws (SPEC section 4): coverage + overage = usage; no plan gives more than its quota; a workspace
draws from a plan only when no earlier one on its list stays over; nobody is over beside quota it could draw.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Share(NamedTuple):
    """What one plan offers that day: its quota of the item, for its workspaces in priority order."""

    plan_id: str
    quota: int
    workspaces: tuple[str, ...]


class Allocation(NamedTuple):
    """What was covered: of each workspace in the usage (0 included), and drawn by plan and workspace (> 0 only)."""

    covered: dict[str, int]
    drawn: dict[str, dict[str, int]]


def allocate(shares: Sequence[Share], usage: Mapping[str, int]) -> Allocation:
    """Cover `usage` (workspace -> quantity >= 0) from `shares`, which stand in allocation order.

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
