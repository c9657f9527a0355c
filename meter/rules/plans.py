"""A plan on one day: in force or not, its package, its list, its quota of an item, its place in the order.

A plan keeps its history (`packages` and `lists`, by first day) for as long as a day can be restated, so the answer for
a past day stays the same.
"""

from collections.abc import Iterable
from typing import TypeVar

from meter.rules.allocation import Share
from schemas.rows import Package, Plan, Traffic, WorkspaceList, replaced

Dated = TypeVar("Dated", Package, WorkspaceList)


def in_force(plan: Plan, day: int) -> bool:
    """Whether the plan covers usage of this day: its first and its last day included."""
    return plan.first_day <= day <= plan.last_day


def package_on(plan: Plan, day: int) -> Package | None:
    """The plan package of this day; None outside the plan's days."""
    if in_force(plan, day):
        for package in reversed(plan.packages):
            if package.since <= day:
                return package
    return None


def listed_on(plan: Plan, day: int) -> tuple[str, ...]:
    """The workspaces that draw from the plan this day, in priority order; none outside the plan's days."""
    if in_force(plan, day):
        for listing in reversed(plan.lists):
            if listing.since <= day:
                return listing.workspaces
    return ()


def quota_on(plan: Plan, item: str, day: int) -> int:
    """What the plan covers of the item this day: its package's quota and its traffic packages' in force."""
    return quota_of(package_on(plan, day), plan.traffic, item, day)


def quota_of(package: Package | None, traffic: Iterable[Traffic], item: str, day: int) -> int:
    """`quota_on` by the package of the day."""
    if package is None:
        return 0
    quota = package.quotas.get(item, 0)
    for each in traffic:
        if each.item == item and each.since <= day <= each.through:
            quota += each.units * each.capacity
    return quota


def allocation_order(plan: Plan, day: int) -> tuple[int, int, int, str]:
    """The plan's sort key in the total order of SPEC section 4: the fewest workspaces first, the plan id last."""
    return (len(listed_on(plan, day)), plan.last_day, plan.first_day, plan.plan_id)


def plans_on(plans: Iterable[Plan], day: int) -> list[Plan]:
    """All plans in force this day, in allocation order."""
    present = [plan for plan in plans if in_force(plan, day)]
    if len(present) > 1:
        present.sort(key=lambda plan: allocation_order(plan, day))
    return present


def shares_on(plans: Iterable[Plan], item: str, day: int) -> list[Share]:
    """The shares of an item of all plans in force, in allocation order."""
    return shares_of(plans_on(plans, day), item, day)


def shares_of(plans: Iterable[Plan], item: str, day: int) -> list[Share]:
    """The shares of an item of these plans, also those with quota 0: they still list workspaces."""
    return [Share(plan.plan_id, quota_on(plan, item, day), listed_on(plan, day)) for plan in plans]


def live_history(plan: Plan, expired_through: int) -> Plan:
    """The plan without packages and lists that were in force only on expired days.

    It bounds the history: a list has up to 1,000 workspaces, and a new one may be ordered every day.
    """
    packages, lists = _live(plan.packages, expired_through + 1), _live(plan.lists, expired_through + 1)
    if len(packages) == len(plan.packages) and len(lists) == len(plan.lists):
        return plan
    return replaced(plan, packages=packages, lists=lists)


def _live(entries: tuple[Dated, ...], day: int) -> tuple[Dated, ...]:
    """The entry in force on this day and all later ones."""
    begun = sum(entry.since <= day for entry in entries)
    return entries[max(begun - 1, 0) :]
