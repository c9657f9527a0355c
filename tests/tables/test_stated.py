"""What was told of an account's day: rows of a thousand workspaces; a restatement writes those that changed."""

import pytest
from msgspec.msgpack import encode

from schemas.rows import StatedDay, replaced
from tables import keys
from tables import stated as stated_days
from tables.partition_state import PartitionState
from tests.rules.announced_world import DictStore

DAY = 739_000


@pytest.fixture(autouse=True)
def rows_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated_days, "STATED_WORKSPACES", 3)


def first(names: str) -> dict[str, bytes]:
    return dict.fromkeys(names, b"first")


def stored(state: PartitionState) -> list[bytes]:
    """Commit; the rows of what was told that were written."""
    rows = state.changes(1)
    state.committed(rows, 1)
    return [key for key, value in rows if value is not None and key.startswith(keys.STATED)]


def put(state: PartitionState, account: bytes, changed: dict[str, bytes]) -> list[bytes]:
    """Tell this of the account and of these workspaces; the rows that were written."""
    before = state.stated("acct", DAY)
    whole = ({} if before is None else before.workspaces) | changed
    state.put_stated("acct", DAY, StatedDay(account, due="1.50", used=2), changed)
    expected = StatedDay(account, whole, len(whole), "1.50", 2)
    assert state.stated("acct", DAY) == expected, "also before it is stored"
    written = stored(state)
    assert PartitionState(state.store).stated("acct", DAY) == expected
    return written


def rows(*numbers: int) -> list[bytes]:
    return [keys.stated("acct", DAY, number) for number in numbers]


def test_a_day_without_statements_is_none_and_an_account_without_workspaces_is_one_row() -> None:
    state = PartitionState(DictStore())
    assert state.stated("acct", DAY) is None
    assert put(state, b"a", {}) == rows(0)


def test_a_restatement_writes_the_first_row_and_those_that_changed() -> None:
    state = PartitionState(DictStore())
    assert put(state, b"a", first("bcdefghij")) == rows(0, 1, 2)
    assert put(state, b"b", {"g": b"again"}) == rows(0, 1)
    assert put(state, b"c", {}) == rows(0)


def test_a_workspace_that_comes_later_moves_nobody_to_another_row() -> None:
    state = PartitionState(DictStore())
    put(state, b"a", first("bcdefghij"))
    assert put(state, b"b", first("a")) == rows(0, 3)


def test_another_worker_finds_each_workspace_in_its_row() -> None:
    state = PartitionState(DictStore())
    put(state, b"a", first("bcdefghij"))
    assert put(PartitionState(state.store), b"b", {"g": b"again", "k": b"first"}) == rows(0, 1, 3)


def test_a_day_that_is_no_longer_at_hand_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stated_days, "STATED_KEPT", 5)
    state = PartitionState(DictStore())
    for number in range(4):
        put(state, b"%d" % number, first("bcdefghij"[: 3 * number]))


def test_a_row_of_an_earlier_version_is_read_and_written_again_whole() -> None:
    store = DictStore()
    store.write([(keys.stated("acct", DAY), encode((b"a", first("bcdefgh"))))])
    state = PartitionState(store)
    assert state.stated("acct", DAY) == StatedDay(b"a", first("bcdefgh"), 7)
    assert put(state, b"b", {}) == rows(0, 1, 2)


def test_rows_of_an_earlier_version_have_no_sums() -> None:
    store = DictStore()
    store.write([(keys.stated("acct", DAY), encode((b"a", first("bcd"), 5)))])
    store.write([(keys.stated("acct", DAY, 1), encode((b"", first("ef"), 0)))])
    state = PartitionState(store)
    assert state.stated("acct", DAY) == StatedDay(b"a", first("bcdef"), 5, "", 0)
    assert put(state, b"b", {"c": b"again"}) == rows(0)


def test_all_rows_of_a_day_go_with_it() -> None:
    state = PartitionState(DictStore())
    put(state, b"a", first("bcdefghij"))
    state.put_stated("acct", DAY + 1, StatedDay(b"a"), first("bcdefghij"))
    assert state.drop_days("acct", DAY) == 3
    stored(state)
    assert state.stated("acct", DAY) is None
    found = state.stated("acct", DAY + 1)
    assert found is not None
    assert replaced(found, count=0) == StatedDay(b"a", first("bcdefghij"))
    assert state.drop_days("acct", DAY + 1) == 3


def test_a_day_stated_in_the_same_chunk_is_deleted() -> None:
    state = PartitionState(DictStore())
    state.put_stated("acct", DAY, StatedDay(b"a"), first("bcde"))
    assert state.drop_days("acct", DAY) == 2
    assert not stored(state)
    assert state.stated("acct", DAY) is None
