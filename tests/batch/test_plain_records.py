"""Records made at once are those that are kept unopened, and whatever is special about them is left to that way."""

from collections.abc import Callable
from typing import Any

import pytest
from aiokafka import TopicPartition
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.sessions.plain import PLAIN_BYTES, Fetched, fetched, plain_records
from meter.batch.sessions.requests import Part
from meter.batch.unopened import LazyBatch, UnreadableRecord
from tests.record_batches import batch, record

TP = TopicPartition("usage.w", 0)
TRANSACTIONAL, CONTROL, APPEND_TIME = 0x10, 0x20, 0x08
COMMIT = b"\0\0\0\1"


def marker(base: int) -> bytes:
    return batch([record(0, b"\0\0\0\0\0\0", key=COMMIT)], base, attributes=CONTROL | TRANSACTIONAL)


def part(content: bytes, aborted: Any = ()) -> Part:
    return Part((b"t" * 16, 0), 0, 99, 99, aborted, memoryview(content))


def told(found: Fetched) -> tuple[list[tuple[Any, ...]], int]:
    made: Any = found.records.all() if isinstance(found.records, LazyBatch) else found.records
    return [
        (each.offset, each.timestamp, each.timestamp_type, each.key, each.value, tuple(each.headers)) for each in made
    ], (found.position)


def unopened(content: bytes, offset: int, monkeypatch: pytest.MonkeyPatch) -> Fetched:
    monkeypatch.setattr("meter.batch.sessions.plain.PLAIN_BYTES", -1)
    try:
        return fetched(part(content), TP, offset)
    finally:
        monkeypatch.undo()


@st.composite
def logs(draw: st.DrawFn) -> tuple[bytes, int]:
    """Batches in a row, of some records or of a marker, and where a fetch of them begins."""
    content, base, first = b"", 0, 0
    for number in range(draw(st.integers(1, 5))):
        if draw(st.integers(0, 4)) == 0:
            made, count = marker(base), 1
        else:
            count = draw(st.integers(1, 4))
            headers = [(b"ce_id", b"x")] if draw(st.booleans()) else []
            records = [record(delta, b"v%d" % delta, headers) for delta in range(count)]
            attributes = draw(st.sampled_from((0, TRANSACTIONAL, APPEND_TIME)))
            made = batch(records, base, draw(st.sampled_from((0, 1, 3, 4))), attributes)
        content += made
        if not number:
            first = count
        base += count
    return content + draw(st.sampled_from((b"", content[:30]))), draw(st.integers(0, first - 1))


@given(logs())
def test_what_is_made_at_once_is_what_aiokafkas_reader_gives(log: tuple[bytes, int]) -> None:
    content, offset = log
    plain = plain_records(memoryview(content), offset)
    assert plain is not None
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert told(plain) == told(unopened(content, offset, monkeypatch))


def spoiled(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


THREE = [record(delta, b"v") for delta in range(3)]
SPECIAL: dict[str, Callable[[], bytes]] = {
    "a wrong checksum": lambda: spoiled(batch(THREE), 70),
    "a batch is gone": lambda: batch(THREE) + batch(THREE, 9),
    "records are gone": lambda: batch(THREE, 0, span=8),
    "a header's name is not UTF-8": lambda: batch([record(0, b"v", [(b"\xff", b"x")])]),
    "records end early": lambda: batch([*THREE[:2], b"\x7f"]),
    "it unpacks to much": lambda: batch([record(0, bytes(PLAIN_BYTES))], compression=1),
    "an old format": lambda: spoiled(batch(THREE), 16),
}


@pytest.mark.parametrize("what", SPECIAL)
def test_whatever_is_special_is_left_to_the_careful_reader(what: str) -> None:
    assert plain_records(memoryview(SPECIAL[what]()), 0) is None


def test_what_is_much_or_was_aborted_in_part_is_kept_unopened() -> None:
    assert isinstance(fetched(part(batch([record(0, bytes(PLAIN_BYTES))])), TP, 0).records, LazyBatch)
    assert isinstance(fetched(part(batch(THREE), [(7, 0)]), TP, 0).records, LazyBatch)
    assert not isinstance(fetched(part(batch(THREE)), TP, 0).records, LazyBatch)


def test_a_batch_that_nobody_can_read_ends_it_before_itself() -> None:
    good, bad = batch(THREE), spoiled(batch(THREE, 3), 70)
    found = fetched(part(good + bad), TP, 0)
    assert ([row[0] for row in told(found)[0]], found.position) == ([0, 1, 2], 3)
    with pytest.raises(UnreadableRecord) as raised:
        fetched(part(bad), TP, 3)
    assert raised.value.offset == 3


def test_markers_alone_move_the_position_and_give_no_record() -> None:
    assert fetched(part(marker(4)), TP, 4) == Fetched([], 5)
