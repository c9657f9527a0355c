"""What was told of an account's day: rows of a thousand workspaces; a restatement writes those that changed."""

import pytest
from msgspec.msgpack import encode

from schemas.rows import Told
from tables import keys
from tables import memory as tables_memory
from tables.memory import PartitionMemory
from tests.rules.announced_world import DictStore

DAY = 739_000


@pytest.fixture(autouse=True)
def rows_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables_memory, "TOLD_WORKSPACES", 3)


def told(account: bytes, names: str, **other: bytes) -> Told:
    return Told(account, dict.fromkeys(names, b"first") | other)


def put(memory: PartitionMemory, what: Told) -> list[bytes]:
    memory.put_told("acct", DAY, what)
    assert memory.told("acct", DAY) == what, "also before it is stored"
    rows = memory.changes(1)
    memory.settle(rows, 1)
    assert PartitionMemory(memory.store).told("acct", DAY) == what
    return [key for key, value in rows if value is not None and key.startswith(keys.TOLD)]


def test_nothing_told_is_none_and_an_account_without_workspaces_is_one_row() -> None:
    memory = PartitionMemory(DictStore())
    assert memory.told("acct", DAY) is None
    assert put(memory, Told(b"a", {})) == [keys.told("acct", DAY)]


def test_a_restatement_writes_the_first_row_and_those_that_changed() -> None:
    memory = PartitionMemory(DictStore())
    assert put(memory, told(b"a", "bcdefghij")) == [keys.told("acct", DAY, number) for number in range(3)]
    assert put(memory, told(b"b", "bcdefghij", g=b"again")) == [keys.told("acct", DAY), keys.told("acct", DAY, 1)]
    assert put(memory, told(b"c", "bcdefghij", g=b"again")) == [keys.told("acct", DAY)]


def test_a_workspace_that_comes_later_moves_nobody_to_another_row() -> None:
    memory = PartitionMemory(DictStore())
    put(memory, told(b"a", "bcdefghij"))
    assert put(memory, told(b"b", "abcdefghij")) == [keys.told("acct", DAY), keys.told("acct", DAY, 3)]


def test_a_row_of_an_earlier_version_is_read_and_written_anew_whole() -> None:
    store = DictStore()
    store.write([(keys.told("acct", DAY), encode((b"a", dict.fromkeys("bcdefgh", b"first"))))])
    memory = PartitionMemory(store)
    assert memory.told("acct", DAY) == told(b"a", "bcdefgh")
    assert put(memory, told(b"b", "bcdefgh")) == [keys.told("acct", DAY, number) for number in range(3)]


def test_all_rows_of_a_day_go_with_it() -> None:
    memory = PartitionMemory(DictStore())
    put(memory, told(b"a", "bcdefghij"))
    memory.put_told("acct", DAY + 1, told(b"a", "bcdefghij"))
    assert memory.drop_days("acct", DAY) == 3
    rows = memory.changes(2)
    memory.settle(rows, 2)
    assert memory.told("acct", DAY) is None
    assert memory.told("acct", DAY + 1) == told(b"a", "bcdefghij")
    assert memory.drop_days("acct", DAY + 1) == 3
