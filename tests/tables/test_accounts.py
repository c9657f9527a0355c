"""An account's plans, and their histories, are rows of their own: none grows with the others, or with time."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from meter.batch.store import Store
from schemas.rows import Package, Plan, Traffic, WorkspaceList, pack, replaced
from tables import keys
from tables.partition_state import PartitionState

PACKAGE = Package(1, "startup", Decimal("42000.00"), {"logs": 40})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def plan(plan_id: str, *lists: tuple[str, ...]) -> Plan:
    return Plan(plan_id, 1, 372, (PACKAGE,), tuple(WorkspaceList(day, names) for day, names in enumerate(lists, 1)))


def put(state: PartitionState, *plans: Plan) -> dict[bytes, int]:
    """Plans of an account, settled; the rows written and how long they are."""
    return put_of(state, "acct", *plans)


def put_of(state: PartitionState, name: str, *plans: Plan) -> dict[bytes, int]:
    account = state.account(name)
    account.plans |= {each.plan_id: each for each in plans}
    state.put_account(account)
    rows = state.changes(1)
    state.committed(rows, 1)
    return {key: len(value or b"") for key, value in rows}


def test_an_order_writes_the_account_and_the_entries_that_it_changed(store: Store) -> None:
    state = PartitionState(store)
    put(state, plan("p-1", ("a",)), bought := plan("p-2", ("b",)))
    listed = (*bought.lists, WorkspaceList(2, ("b", "a")))
    changed = replaced(bought, lists=listed)
    assert set(put(state, changed)) == {keys.account("acct"), keys.plan_list("acct", "p-2", 2)}
    traffic = (Traffic("logs", 1, Decimal(1), 2, 372, 10),)
    assert set(put(state, replaced(changed, traffic=traffic))) == {keys.account("acct"), keys.plan("acct", "p-2")}
    forgotten = replaced(changed, lists=listed[1:], traffic=traffic)
    assert put(state, forgotten) == {keys.account("acct"): 6, keys.plan_list("acct", "p-2", 1): 0}
    assert set(put(state)) == {keys.account("acct")}
    assert PartitionState(store).account("acct").plans["p-2"] == forgotten


def test_an_account_is_read_back_with_its_plans_and_their_histories(store: Store) -> None:
    state = PartitionState(store)
    state.account("acct").last_order_day = 7
    state.account("other")
    put(state, plan("p-2", ("a",)), plan("p-1", ("b",), ("b", "a")), plan("p", ("a",)))
    put_of(state, "acc", plan("p-3", ("z",)))
    found = PartitionState(store).account("acct")
    assert found == state.account("acct")
    assert set(found.plans) == {"p", "p-1", "p-2"}
    assert found.last_order_day == 7
    assert list(PartitionState(store).accounts_after("")) == ["acc", "acct", "other"]


def test_lists_of_one_plan_hold_each_workspace_once_in_memory(store: Store) -> None:
    names = tuple(f"{number:064d}" for number in range(100))
    put(PartitionState(store), plan("p-1", names, names[::-1]))
    first, second = PartitionState(store).account("acct").plans["p-1"].lists
    assert all(one is other for one, other in zip(first.workspaces, second.workspaces[::-1], strict=True))


def test_what_an_earlier_version_wrote_in_one_row_is_read_and_written_again_when_it_changes(store: Store) -> None:
    bought = plan("p-1", ("a",), ("b",))
    store.write([(keys.account("acct"), b"\x92\x07\x91\xa3p-1"), (keys.plan("acct", "p-1"), pack(bought))])
    state = PartitionState(store)
    assert state.account("acct").plans == {"p-1": bought}
    put(state, replaced(bought, lists=bought.lists[1:]))
    found = PartitionState(store).account("acct")
    assert (found.last_order_day, found.plans["p-1"].lists) == (7, bought.lists[1:])


def test_an_ended_plan_becomes_a_stub_and_its_account_forgets_it(store: Store) -> None:
    state = PartitionState(store)
    ended, live = replaced(plan("old", ("a",), ("b",)), last_day=9), plan("new", ("a",))
    put(state, ended, live)
    for again in (state, PartitionState(store)):
        assert again.drop_days("acct", 8) == 0
    state = PartitionState(store)
    assert state.drop_days("acct", 9) == 1
    assert state.expired_plan("acct", "old") == Plan("old", 1, 9, (), ())
    rows = put(state)
    assert [key for key, size in rows.items() if size] == [keys.expired_plan("acct", "old"), keys.account("acct")]
    again = PartitionState(store)
    assert again.account("acct").plans == {"new": live}
    assert again.expired_plan("acct", "old") == Plan("old", 1, 9, (), ())
    assert again.expired_plan("acct", "new") is None
    assert not [key for key, _ in store.scan(keys.plans_of("acct")) if b"old" in key]
    assert again.drop_days("acct", 371) == 0


def test_no_row_grows_with_the_changes_of_a_plan_or_the_number_of_plans(store: Store) -> None:
    """A list of a thousand for every day of a year, fifty plans a day for a year."""
    names = tuple(f"{number:064d}" for number in range(1_000))
    state = PartitionState(store)
    rows = put(state, plan("p-1", *[names] * 366))
    assert max(rows.values()) < 70_000
    many = [replaced(plan(f"p-{day}-{number}", ("a",)), last_day=day) for day in range(366) for number in range(50)]
    assert put(state, *many)[keys.account("acct")] < 10
    assert max(size for key, size in put(state, *many).items() if key[:1] == keys.ACCOUNT) < 10
