"""What does not follow the state without a gap is refused, with the exact range."""

from types import SimpleNamespace
from typing import Any

import pytest

from agents.meter.journal_check import (
    AnotherJournal,
    Position,
    check_last,
    check_meter,
    check_unfolded,
    following,
    position_of,
)

WHERE = "meter.journal/2"


def record(offset: int, value: bytes = b"x", timestamp: int = 5) -> Any:
    return SimpleNamespace(offset=offset, timestamp=timestamp, value=value)


LAST = position_of(record(10))


def test_a_chunk_that_follows_is_taken_whole() -> None:
    records = [record(11), record(12)]
    assert following(WHERE, LAST, records) == records
    assert following(WHERE, None, [record(0)])[0].offset == 0


def test_what_was_folded_already_is_skipped() -> None:
    assert [each.offset for each in following(WHERE, LAST, [record(offset) for offset in range(8, 14)])] == [11, 12, 13]
    assert not following(WHERE, LAST, [record(9), record(10)])


@pytest.mark.parametrize(("last", "first", "gap"), [(LAST, 15, "records 11 to 14"), (None, 3, "records 0 to 2")])
def test_a_gap_is_refused_with_its_range(last: Position | None, first: int, gap: str) -> None:
    with pytest.raises(AnotherJournal, match=f"{WHERE}: {gap} are gone before they were folded"):
        following(WHERE, last, [record(first)])


def test_the_last_record_folded_must_stand_where_it_stood() -> None:
    check_last(WHERE, LAST, 0, 11, record(10))
    for other in (record(10, b"y"), record(10, timestamp=6), None):
        with pytest.raises(AnotherJournal, match="the record at 10 is not the one that was folded"):
            check_last(WHERE, LAST, 0, 11, other)


def test_it_may_have_expired_if_nothing_behind_it_has() -> None:
    check_last(WHERE, LAST, 11, 20, None)
    with pytest.raises(AnotherJournal, match="holds offsets 12 to 19, the state was folded up to 10"):
        check_last(WHERE, LAST, 12, 20, None)


def test_a_journal_that_ends_before_the_state_is_refused() -> None:
    with pytest.raises(AnotherJournal, match="holds offsets 0 to 9, the state was folded up to 10"):
        check_last(WHERE, LAST, 0, 10, None)


def test_a_state_of_another_meter_is_refused() -> None:
    check_meter(WHERE, "one", "one")
    with pytest.raises(AnotherJournal, match="is of meter one, the state of two"):
        check_meter(WHERE, "one", "two")


def test_an_empty_state_is_right_only_where_nothing_was_folded() -> None:
    check_unfolded(WHERE, "meter.changelog/2", 0)
    with pytest.raises(AnotherJournal, match=r"folded up to offset 41, but .* holds no state"):
        check_unfolded(WHERE, "meter.changelog/2", 42)
