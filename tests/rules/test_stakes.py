"""What plans offer of a day: whom they list is worked out once for all items, and said alike for each."""

from decimal import Decimal

from meter.rules.state.quota_cache import QuotaCache
from schemas.rows import Account, Package, Plan, WorkspaceList


def account(*lists: tuple[str, ...]) -> Account:
    plans = {
        f"p{number}": Plan(
            f"p{number}", 1, 400, (Package(1, "x", Decimal(1), {"logs": number}),), (WorkspaceList(1, names),)
        )
        for number, names in enumerate(lists)
    }
    return Account("acct", plans)


def test_a_workspace_has_the_plans_that_list_it_in_allocation_order() -> None:
    stake = QuotaCache().of(account(("a", "b", "c"), ("c", "a"), ("b",)), "logs", 5)
    assert [share.plan_id for share in stake.shares] == ["p2", "p1", "p0"]
    assert stake.plans == {"b": ("p2", "p0"), "c": ("p1", "p0"), "a": ("p1", "p0")}
    assert list(stake.plans) == ["b", "c", "a"], "which is the order of priority"
    assert stake.plans["c"] is stake.plans["a"]


def test_items_of_a_day_share_whom_plans_list_until_the_plans_change() -> None:
    stakes, mine = QuotaCache(), account(("a", "b"))
    logs, sms = stakes.of(mine, "logs", 5), stakes.of(mine, "sms", 5)
    assert logs.plans is sms.plans
    assert logs.shares != sms.shares or logs.quota == sms.quota
    mine.plans |= account(("a", "b"), ("c",)).plans
    stakes.forget("acct")
    assert stakes.of(mine, "sms", 5).plans == {"c": ("p1",), "a": ("p0",), "b": ("p0",)}


def test_fifty_plans_of_a_thousand_workspaces_each_keep_one_tuple_of_plans() -> None:
    names = tuple(f"w{number}" for number in range(1_000))
    stake = QuotaCache().of(account(*[names] * 50), "logs", 5)
    assert len({id(plans) for plans in stake.plans.values()}) == 1
    assert len(stake.plans["w999"]) == 50
