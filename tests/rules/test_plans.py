"""A plan on a day: its package, list and quota as they were in force, and its place among others."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules.allocation import Share
from meter.rules.plans import allocation_order, in_force, listed_on, live_history, package_on, quota_on, shares_on
from schemas.rows import Package, Plan, Traffic, WorkspaceList, replaced

STARTUP = Package(10, "startup", Decimal(42000), {"logs": 40, "traces": 5})
GROWTH = Package(12, "growth", Decimal(280000), {"logs": 400})
#: Bought for days 10 to 20; upgraded on day 12, given to b alone on day 14; 3 log packages for days 11 to 13.
PLAN = Plan(
    "o-1",
    10,
    20,
    (STARTUP, GROWTH),
    (WorkspaceList(10, ("a", "b")), WorkspaceList(14, ("b",))),
    (Traffic("logs", 3, Decimal("0.8"), 11, 13, 100), Traffic("sms", 1, Decimal(1), 11, 20, 7)),
)


@pytest.mark.parametrize(
    ("day", "package", "listed", "logs"),
    [
        (9, None, (), 0),
        (10, STARTUP, ("a", "b"), 40),
        (11, STARTUP, ("a", "b"), 340),
        (12, GROWTH, ("a", "b"), 700),
        (13, GROWTH, ("a", "b"), 700),
        (14, GROWTH, ("b",), 400),
        (20, GROWTH, ("b",), 400),
        (21, None, (), 0),
    ],
)
def test_a_plan_is_on_each_day_what_was_in_force(
    day: int, package: Package | None, listed: tuple[str, ...], logs: int
) -> None:
    assert in_force(PLAN, day) == (package is not None)
    assert package_on(PLAN, day) == package
    assert listed_on(PLAN, day) == listed
    assert quota_on(PLAN, "logs", day) == logs


def test_traffic_gives_quota_for_an_item_its_package_has_none_of() -> None:
    assert quota_on(PLAN, "sms", 11) == 7
    assert quota_on(PLAN, "triggers", 11) == 0


def plan(plan_id: str, workspaces: tuple[str, ...], first: int, last: int) -> Plan:
    """A plan of 40 logs."""
    package = Package(first, "startup", Decimal(0), {"logs": 40})
    return Plan(plan_id, first, last, (package,), (WorkspaceList(first, workspaces),))


def test_the_narrowest_plan_is_drawn_first_then_the_one_that_ends_first() -> None:
    narrow = plan("z", ("a",), 1, 99)
    ends_first = plan("y", ("a", "b"), 5, 20)
    begins_first = plan("x", ("a", "b"), 4, 30)
    first_id, second_id = plan("v", ("c", "a"), 5, 30), plan("w", ("b", "c"), 5, 30)
    gone = plan("a", ("a",), 1, 9)
    right = [narrow, ends_first, begins_first, first_id, second_id]
    shares = shares_on([second_id, gone, begins_first, narrow, first_id, ends_first], "logs", 10)
    assert shares == [Share(each.plan_id, 40, listed_on(each, 10)) for each in right]
    assert [allocation_order(each, 10) for each in right] == sorted(allocation_order(each, 10) for each in right)


def test_a_plan_without_quota_of_the_item_still_lists_its_workspaces() -> None:
    assert shares_on([PLAN], "pv", 10) == [Share("o-1", 0, ("a", "b"))]


@given(st.sets(st.integers(2, 12)), st.sets(st.integers(2, 12)), st.integers(0, 14))
def test_a_history_without_final_days_says_the_same_of_every_live_day(
    upgrades: set[int], changes: set[int], expired_through: int
) -> None:
    packages = tuple(Package(day, f"p{day}", Decimal(day), {"logs": day}) for day in sorted({1, *upgrades}))
    lists = tuple(WorkspaceList(day, ("a",) * day) for day in sorted({1, *changes}))
    bought = Plan("o-1", 1, 13, packages, lists)
    kept = live_history(bought, expired_through)
    for day in range(expired_through + 1, 16):
        assert package_on(kept, day) == package_on(bought, day)
        assert listed_on(kept, day) == listed_on(bought, day)
        assert quota_on(kept, "logs", day) == quota_on(bought, "logs", day)
        assert allocation_order(kept, day) == allocation_order(bought, day)
    assert (kept.packages[-1], kept.lists[-1]) == (bought.packages[-1], bought.lists[-1])
    for entries in (kept.packages, kept.lists):
        assert sum(entry.since <= expired_through + 1 for entry in entries) <= 1


def test_of_days_that_have_not_expired_nothing_is_dropped() -> None:
    assert live_history(PLAN, 0) is PLAN
    assert live_history(PLAN, 12) == replaced(PLAN, packages=(GROWTH,))
    assert live_history(PLAN, 13) == replaced(PLAN, packages=(GROWTH,), lists=PLAN.lists[1:])
