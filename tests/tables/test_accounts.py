"""An account's plans are rows of their own: only what changed is written, and none grows with the others."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from meter.batch.store import Store
from meter.topics import STATE_BATCH_BYTES
from schemas.rows import Package, Plan, WorkspaceList
from tables import keys
from tables.memory import PartitionMemory

PACKAGE = Package(1, "startup", Decimal("42000.00"), {"logs": 40})


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def plan(plan_id: str, *lists: tuple[str, ...]) -> Plan:
    return Plan(plan_id, 1, 372, (PACKAGE,), tuple(WorkspaceList(day, names) for day, names in enumerate(lists, 1)))


def put(memory: PartitionMemory, *plans: Plan) -> dict[bytes, int]:
    """Plans of an account, settled; the rows written and how long they are."""
    account = memory.account("acct")
    account.plans |= {each.plan_id: each for each in plans}
    memory.touch_account(account)
    rows = memory.changes(1)
    memory.settle(rows, 1)
    return {key: len(value or b"") for key, value in rows}


def test_an_order_writes_the_account_and_the_one_plan_that_it_changed(store: Store) -> None:
    memory = PartitionMemory(store)
    put(memory, plan("p-1", ("a",)), plan("p-2", ("b",)))
    assert set(put(memory, plan("p-2", ("b", "a")))) == {keys.account("acct"), keys.plan("acct", "p-2")}
    assert set(put(memory)) == {keys.account("acct")}


def test_an_account_is_read_back_with_its_plans_in_the_order_they_were_bought(store: Store) -> None:
    memory = PartitionMemory(store)
    memory.account("acct").last_order_day = 7
    memory.account("other")
    put(memory, plan("p-2", ("a",)), plan("p-1", ("b",), ("b", "a")))
    found = PartitionMemory(store).account("acct")
    assert found == memory.account("acct")
    assert list(found.plans) == ["p-2", "p-1"]
    assert found.last_order_day == 7
    assert list(PartitionMemory(store).accounts_after("")) == ["acct", "other"]


def test_no_row_of_the_largest_account_is_too_long_for_the_changelog(store: Store) -> None:
    """Fifty plans, each with a list of a thousand of the longest names for every day that can still change."""
    names = tuple(f"{number:064d}" for number in range(1_000))
    largest = plan("p-1", *[names] * 38)
    rows = put(PartitionMemory(store), *(plan(f"p-{number}", names) for number in range(49)), largest)
    assert max(rows.values()) < STATE_BATCH_BYTES // 2
