"""What plans offer of a day: whom they list is worked out once for all items, and said alike for each."""

import gc
import tracemalloc
from collections.abc import Iterator
from decimal import Decimal

import pytest

from meter.rules.state import quota_cache
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


def names_of(workspaces: int, turned: int = 0) -> tuple[str, ...]:
    names = [f"w{number}" for number in range(workspaces)]
    return (*names[turned:], *names[:turned])


@pytest.fixture
def memory_traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


def bytes_in_use() -> int:
    gc.collect()  # also frees the tuples that Python keeps for reuse: the cache does not hold them
    return tracemalloc.get_traced_memory()[0]


@pytest.mark.usefixtures("memory_traced")
@pytest.mark.parametrize(
    ("lists", "accounts", "days"),
    [
        ([names_of(1_000)], 1, 100),
        ([names_of(4)], 10, 400),
        ([names_of(1)], 4_000, 1),
        ([names_of(300, each)[10 * each :] for each in range(20)], 1, 100),
    ],
    ids=["a thousand workspaces", "four workspaces", "accounts of one day", "twenty plans with other workspaces each"],
)
def test_what_is_held_is_bounded_in_bytes(
    lists: list[tuple[str, ...]], accounts: int, days: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quota_cache, "BYTES_KEPT", 1_000_000)
    held, everybody = QuotaCache(), [account(*lists) for _ in range(accounts)]
    for number, each in enumerate(everybody):
        each.account = f"acct_{number}"
    before, every = bytes_in_use(), max(1, days * accounts // 100)
    most = 0
    for number in range(days * accounts):
        held.of(everybody[number % accounts], "logs", 1 + number // accounts)
        if number % every == 0:
            most = max(most, bytes_in_use() - before)
    assert 500_000 < most < 1_250_000, "it is used, and bounded"


def test_an_account_that_is_forgotten_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota_cache, "BYTES_KEPT", 1_000_000)
    held, mine, other = QuotaCache(), account(names_of(1_000)), account(names_of(4))
    other.account = "acct_2"
    kept = held.of(other, "logs", 5)
    for day in range(1, 101):
        held.of(mine, "logs", day)
        held.forget("acct")
    assert held.of(other, "logs", 5).plans is kept.plans
