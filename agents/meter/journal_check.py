"""Checks that the journal is the one from which the state was folded, without a gap.

The position row names the last record folded. If the next records leave a gap, the worker stops with the exact range
instead of publishing figures that may be wrong.
"""

import zlib
from collections.abc import Sequence
from typing import Any

from meter.errors import UserError
from schemas.rows import Fact

WHAT_NOW = "or begin under another prefix"


class Position(Fact, frozen=True):
    """The last journal record folded: offset, time and CRC. It is part of the state, so it shows what was committed."""

    offset: int
    timestamp_ms: int
    crc: int


class AnotherJournal(UserError):
    """The state does not belong to this journal."""


def position_of(record: Any) -> Position:
    return Position(record.offset, record.timestamp, zlib.crc32(record.value or b""))


def check_meter(where: str, of: str, state_of: str) -> None:
    """Refuse a state of another meter than the journal's."""
    if of != state_of:
        raise AnotherJournal(
            f"{where} is of meter {of}, the state of {state_of}; the journal was made again: restore it, {WHAT_NOW}"
        )


def check_last(where: str, last: Position, beginning: int, end: int, found: Any | None) -> None:
    """Refuse a journal that lacks the last record folded, or the one after it."""
    if end <= last.offset or beginning > last.offset + 1:
        raise AnotherJournal(
            f"{where} holds offsets {beginning} to {end - 1}, the state was folded up to {last.offset}: "
            f"records are missing; restore the journal, {WHAT_NOW}"
        )
    if beginning <= last.offset and (found is None or position_of(found) != last):
        raise AnotherJournal(
            f"{where}: the record at {last.offset} is not the one that was folded; the journal was made again: "
            f"restore it, {WHAT_NOW}"
        )


def check_unfolded(where: str, changelog: str, committed: int) -> None:
    """Refuse an empty state if records were folded before."""
    if committed > 0:
        raise AnotherJournal(
            f"{where} was folded up to offset {committed - 1}, but {changelog} holds no state: the changelog was "
            f"deleted; restore it, {WHAT_NOW}"
        )


def following(where: str, last: Position | None, records: Sequence[Any]) -> Sequence[Any]:
    """The records after the last one folded; AnotherJournal if there is a gap (the journal has no markers)."""
    expected = 0 if last is None else last.offset + 1
    if records[0].offset < expected:
        records = [record for record in records if record.offset >= expected]
    if records and records[0].offset != expected:
        raise AnotherJournal(
            f"{where}: records {expected} to {records[0].offset - 1} are gone before they were folded; "
            f"restore the journal, {WHAT_NOW}"
        )
    return records
