"""A batch that aiokafka cannot read is read all the same: what is good in it is good, what is torn is told."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.errors import CorruptRecordException
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.codecs import HEADER
from meter.batch.patches.fetched_records import Batches, SlimRecords, hand_out
from meter.batch.patches.lenient_batch import read_leniently
from meter.batch.unopened import UnreadableRecord
from tests.batch.test_records import TP, log, read
from tests.record_batches import APPENDED_MS, CODECS, FIRST_MS, batch, counted, record, varint

BAD_NAME = ((b"\xff\xfe", b"x"),)


def good(count: int) -> list[bytes]:
    return [record(number, b"v%d" % number) for number in range(count)]


def values(found: Sequence[Any]) -> list[tuple[int, bytes]]:
    return [(each[0], each[4]) for each in found]


def read_all(content: bytes, since: int = 0, most: int | None = None) -> tuple[list[Any], int]:
    """What the worker's reader makes of a fetch, and its position after it."""

    async def scenario() -> tuple[list[Any], list[int]]:
        return read(SlimRecords, hand_out, content, since, most)

    found, positions = asyncio.run(scenario())
    return found, positions[-1]


def test_what_is_written_here_is_what_kafka_writes() -> None:
    found, position = read_all(batch(good(3), base=7), since=7)
    assert values(found) == [(7, b"v0"), (8, b"v1"), (9, b"v2")]
    assert position == 10


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("most", [None, 1, 2])
def test_a_header_name_that_is_not_utf_8_costs_nobody_anything(compression: int, most: int | None) -> None:
    spoiled = [record(0, b"v0"), record(1, b"v1", BAD_NAME), record(2, b"v2")]
    content = log(1, 2) + batch(spoiled, 2, compression) + batch(good(2), 5)
    found, position = read_all(content, most=most)
    assert values(found) == [(0, b"v0"), (1, b"v1"), (2, b"v0"), (3, b"v1"), (4, b"v2"), (5, b"v0"), (6, b"v1")]
    assert found[3][5] == (("\ufffd\ufffd", b"x"),)
    assert [each[1] for each in found[2:5]] == [FIRST_MS, FIRST_MS + 1, FIRST_MS + 2]
    assert position == 7


@pytest.mark.parametrize("since", [2, 3, 4])
def test_reading_goes_on_in_the_middle_of_such_a_batch(since: int) -> None:
    spoiled = [record(number, b"v%d" % number, BAD_NAME) for number in range(3)]
    found, position = read_all(batch(spoiled, 2), since)
    assert [each[0] for each in found] == list(range(since, 5))
    assert position == 5


def test_one_such_batch_after_the_other_is_read() -> None:
    content = b"".join(batch([record(0, b"v%d" % number, BAD_NAME)], number) for number in range(500))
    found, position = read_all(content + batch(good(1), 500))
    assert [each[0] for each in found] == list(range(501))
    assert position == 501


def test_kafkas_own_time_is_kept() -> None:
    found, _ = read_all(batch([record(0, b"v", BAD_NAME)], attributes=0x08))
    assert found[0][1:3] == (APPENDED_MS, 1)


def torn_records() -> Iterator[Any]:
    whole = record(1, b"v1", ((b"name", b"content"),))
    length, body = whole[:1], whole[1:]
    yield pytest.param(varint(len(body) - 1) + body[:-1], id="header cut")
    yield pytest.param(varint(len(body) + 2) + body + b"xx", id="bytes too many")
    yield pytest.param(length + body.replace(varint(2) + b"v1", varint(900) + b"v"), id="value beyond the record")
    yield pytest.param(length + body.replace(varint(4) + b"name", varint(-3) + b"name"), id="negative length of a name")
    yield pytest.param(counted(b"\0" + varint(1) + varint(1) + b"\xff" * 12), id="no varint")
    yield pytest.param(
        counted(b"\0" + varint(1) + varint(1) + varint(-1) * 2 + varint(-1)), id="negative number of headers"
    )
    yield pytest.param(counted(b"\0"), id="ends at once")
    yield pytest.param(counted(b""), id="nothing at all")


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("torn", list(torn_records()))
def test_a_torn_record_is_one_without_content_between_its_neighbours(torn: bytes, compression: int) -> None:
    content = batch([record(0, b"v0"), torn, record(2, b"v2")], 10, compression)
    found = list(read_leniently(content))
    assert values(found) == [(10, b"v0"), (11, b""), (12, b"v2")]
    assert [bool(each.torn) for each in found] == [False, True, False]
    assert found[1].raw == torn[1:]


@pytest.mark.parametrize("delta", [-5, 0, 70])
def test_a_record_with_an_offset_that_cannot_be_has_that_of_its_place(delta: int) -> None:
    found = list(read_leniently(batch([record(0, b"v0"), record(delta, b"v1"), record(2, b"v2")], 10)))
    assert values(found) == [(10, b"v0"), (11, b"v1"), (12, b"v2")]
    assert not any(each.torn for each in found)


@pytest.mark.parametrize("length", [varint(-1), varint(5_000), b"\xff" * 12])
def test_where_a_records_length_is_torn_the_rest_of_its_batch_is(length: bytes) -> None:
    content = batch([record(0, b"v0"), length, record(2, b"v2"), record(3, b"v3")])
    found, position = read_all(content + batch(good(1), 4))
    assert values(found) == [(0, b"v0"), (1, b""), (2, b""), (3, b""), (4, b"v0")]
    assert position == 5


def test_a_compacted_batch_keeps_its_gaps() -> None:
    content = batch([record(1, b"v1", BAD_NAME), record(4, b"v4")], 10, span=8)
    found, position = read_all(content, 10)
    assert values(found) == [(11, b"v1"), (14, b"v4")]
    assert position == 18


def test_a_wrong_checksum_is_reported_after_the_records_before_it() -> None:
    spoiled = bytearray(batch([record(0, b"v0", BAD_NAME)], 2))
    spoiled[-1] ^= 1
    with pytest.raises(CorruptRecordException):
        read_leniently(bytes(spoiled))
    assert values(read_all(log(1, 2) + bytes(spoiled))[0]) == [(0, b"v0"), (1, b"v1")]
    with pytest.raises(UnreadableRecord, match="at 2"):  # fetched again from there
        read_all(bytes(spoiled), 2)


def test_an_aborted_transaction_stays_unread() -> None:
    aborted = bytearray(batch([record(0, b"v0", BAD_NAME)], attributes=0x10))
    unread = SlimRecords(TP, Batches(bytes(aborted)), [(-1, 0)], 0, None, None, True, fetcher.READ_COMMITTED)
    assert list(unread) == []
    assert unread.next_fetch_offset == 1


@given(st.lists(st.binary(max_size=12), min_size=1, max_size=4), st.booleans())
def test_no_content_stops_it_and_offsets_always_rise(contents: list[bytes], framed: bool) -> None:
    content = batch([counted(each) if framed else each for each in contents], 3)
    offsets = [each.offset for each in read_leniently(content)]
    assert offsets == sorted(set(offsets))
    assert all(3 <= offset < 3 + len(contents) for offset in offsets)
    assert len(offsets) == len(contents) or offsets[-1] == 2 + len(contents)


def test_the_header_is_kafkas() -> None:
    assert HEADER.size == 61
