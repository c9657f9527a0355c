"""Records made as they are asked for are those that aiokafka makes at once; what cannot be read ends a chunk early."""

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer import fetcher
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.chunks import Chunk
from meter.batch.errors import Reopen
from meter.batch.patches.fetched_records import SlimRecords, hand_out, lazy
from meter.batch.patches.lenient_batch import LenientRecord
from meter.batch.unopened import LazyBatch, UnreadableRecord
from tests.batch.reading import USAGE, Reading, read
from tests.batch.stage import Stage, on_stage
from tests.batch.test_lenient import BAD_NAME, good
from tests.batch.test_records import TP, fields, log, waiting
from tests.batch.test_records import read as read_at_once
from tests.record_batches import CODECS, batch, record

#: A codec that nobody knows, and one that content which was not compressed cannot be of.
NO_CODEC = 7
GZIP = 1
ABORTED = [(-1, 0)]


class Fetch:
    """One fetch of a partition, by a consumer that opens it later."""

    def __init__(self, content: bytes, since: int = 0, aborted: Any = ()) -> None:
        self.result = waiting(SlimRecords, content, since, lazy, aborted)
        self.state = self.result._assignment.state_value(TP)

    def given(self) -> Any:
        return hand_out(self.result)


def pieces(content: bytes, since: int, count: int) -> tuple[list[Any], int, int]:
    """All records, `count` at a time, where they end, and aiokafka's position."""

    async def read_up() -> tuple[list[Any], int, int]:
        fetch = Fetch(content, since)
        unopened = fetch.given()
        found: list[Any] = []
        while taken := unopened.take(count):
            assert len(taken) <= count
            found += taken
            assert unopened.last is taken[-1]
        return found, unopened.end, fetch.state.position

    return asyncio.run(read_up())


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("count", [1, 3, 10, 11, 1_000])
@pytest.mark.parametrize("since", [0, 5, 9])
def test_they_are_aiokafkas_records(since: int, count: int, compression: int) -> None:
    content = log(batches=3, each=10, compression=compression)

    async def at_once() -> list[Any]:
        return read_at_once(fetcher.PartitionRecords, fetcher.FetchResult.getall, content, since, None)[0]

    found, end, position = pieces(content, since, count)
    assert fields(found) == asyncio.run(at_once())
    assert end == position == 30
    assert not any(isinstance(each, LenientRecord) for each in found), "what is ordinary is read the fast way"


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_batch_that_aiokafka_cannot_read_is_read_leniently_from_where_it_gave_up(
    count: int, compression: int
) -> None:
    spoiled = [record(0, b"v0"), record(1, b"v1", BAD_NAME), record(2, b"v2")]
    content = log(1, 2) + batch(spoiled, 2, compression) + batch(good(2), 5)
    found, end, _ = pieces(content, 0, count)
    assert [each.offset for each in found] == list(range(7))
    assert found[3].headers == (("\ufffd\ufffd", b"x"),)
    assert end == 7


@pytest.mark.parametrize("count", [1, 2, 100])
@pytest.mark.parametrize("before", [1, 2])
def test_what_nobody_can_read_ends_it_before_itself(before: int, count: int) -> None:
    content = log(1, before) + batch(good(2), before, attributes=NO_CODEC) + batch(good(2), before + 2)

    async def story() -> None:
        fetch = Fetch(content)
        chunk = Chunk(USAGE, fetch.given(), fetch.state.position, epoch=1)
        assert (chunk.whole, chunk.position) == (True, before + 4)
        assert [each.offset async for piece in chunk.pieces(count) for each in piece] == list(range(before))
        assert (chunk.whole, chunk.position, chunk.last.offset) == (False, before, before - 1)

    asyncio.run(story())


def test_an_unreadable_batch_is_reported_at_once_if_it_is_the_first() -> None:
    async def story() -> None:
        fetch = Fetch(batch(good(2), 2, attributes=NO_CODEC) + batch(good(2), 4), since=2)
        with pytest.raises(UnreadableRecord, match="at 2"):
            fetch.given()
        assert fetch.state.position == 2

    asyncio.run(story())


@given(
    st.lists(st.lists(st.tuples(st.sampled_from([0, 0, 1, 2, 5, 100, -3]), st.booleans()), min_size=1), min_size=1),
    st.integers(1, 4),
)
def test_whatever_offsets_a_producer_writes_every_record_is_had_once(
    batches: list[list[tuple[int, bool]]], count: int
) -> None:
    """Offsets within a batch are its producer's word, in which a broker looks only where the batch is compressed."""
    content, base = b"", 0
    values: list[bytes] = []
    for records in batches:
        written = []
        for delta, bad in records:
            values.append(b"v%d" % len(values))
            written.append(record(delta, values[-1], BAD_NAME if bad else ()))
        content += batch(written, base)
        base += len(records)
    found, end, position = pieces(content, 0, count)
    assert [each.value for each in found] == values
    assert end == position == base


@pytest.mark.parametrize("delta", [1, 100])
def test_a_batch_that_lies_about_offsets_does_not_hide_the_unreadable_one_behind_it(delta: int) -> None:
    liar = batch([record(0, b"v0"), record(delta, b"v1")])
    found, end, _ = pieces(liar + batch(good(2), 2, attributes=NO_CODEC), 0, 100)
    assert [each.value for each in found] == [b"v0", b"v1"]
    assert end == 2


@pytest.mark.parametrize("since", [2, 3, 4])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_reading_goes_on_in_the_middle_of_a_batch_that_is_read_leniently(since: int, count: int) -> None:
    spoiled = [record(0, b"v0"), record(1, b"v1"), record(2, b"v2", BAD_NAME)]
    found, end, _ = pieces(batch(spoiled, 2), since, count)
    assert [each.offset for each in found] == list(range(since, 5))
    assert end == 5


def test_a_wrong_checksum_ends_a_fetch_before_its_batch() -> None:
    spoiled = bytearray(batch(good(2), 2))
    spoiled[-1] ^= 1
    found, end, position = pieces(log(1, 2) + bytes(spoiled) + batch(good(1), 4), 0, 100)
    assert [each.offset for each in found] == [0, 1]
    assert end == position == 2


def test_an_aborted_transaction_stays_unread_and_a_fetch_of_nothing_else_is_no_chunk() -> None:
    async def story() -> None:
        aborted = batch(good(2), 0, attributes=0x10)
        fetch = Fetch(aborted, aborted=ABORTED)
        assert not fetch.given()
        assert fetch.state.position == 2
        fetch = Fetch(aborted + batch(good(1), 2), aborted=ABORTED)
        assert [each.offset for each in fetch.given().take(9)] == [2]

    asyncio.run(story())


def test_a_batch_whose_records_were_compacted_away_is_no_chunk_but_is_read_past() -> None:
    async def story() -> None:
        fetch = Fetch(batch([record(1, b"v1")], 10, span=8), since=15)
        assert not fetch.given()
        assert fetch.state.position == 18

    asyncio.run(story())


def test_behind_a_chunk_that_ended_early_reading_begins_with_what_could_not_be_read() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        fetch = Fetch(log(1, 2) + batch(good(2), 2, attributes=NO_CODEC))
        chunk = Chunk(USAGE, fetch.given(), 4, epoch=1)
        assert isinstance(chunk.records, list)
        behind = Chunk(USAGE, [], 6, epoch=1, start=4)
        reading.consumer.release(chunk)
        assert reading.consumer.position(USAGE) == 2
        assert not reading.consumer.current(behind)

    read(story)


def test_a_chunk_that_ended_early_begins_nothing_where_its_partition_was_taken_away() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        chunk = Chunk(USAGE, Fetch(log(1, 2) + batch(good(2), 2, attributes=NO_CODEC)).given(), 4, epoch=1)
        assert chunk.records
        del reading.kafka.positions[TopicPartition(*USAGE)]
        reading.consumer.release(chunk)
        assert reading.kafka.positions == {}

    read(story)


def test_what_was_heard_behind_a_chunk_that_ended_early_is_forgotten() -> None:
    """Else a doubt of a later place would be told as the reason, and `meter skip` would leave out what is good."""

    async def story(stage: Stage) -> None:
        async def handling(chunk: Chunk) -> None:
            assert chunk.records

        stage.lane.handling = handling
        ended = Chunk(USAGE, Fetch(log(1, 2) + batch(good(2), 2, attributes=NO_CODEC)).given(), 4, 1, 0)
        stage.runner.offer(ended)
        stage.chunk(4, 6, epoch=1)
        stage.runner.doubt(Reopen("the record at 6 cannot be read"))
        await stage.turn()
        assert stage.lane.handled == [ended]
        assert stage.consumer.released == [ended]
        assert stage.lane.opened_times == 1
        assert stage.lane.position == 2

    on_stage(story)


def test_a_chunk_that_may_turn_out_unreadable_is_not_handled_with_the_one_before_it() -> None:
    """Else what stood before it was not committed when that shows, and `meter skip` would leave it out too."""

    async def story(stage: Stage) -> None:
        behind: list[Chunk | None] = []

        async def handling(chunk: Chunk) -> None:
            behind.append(stage.lane.behind(chunk))
            if chunk is doubtful:
                raise Reopen("it cannot be read")

        stage.lane.handling = handling
        good_one = stage.chunk(0, 2)
        doubtful = Chunk(USAGE, Fetch(batch(good(2), 2, attributes=GZIP), since=2).given(), 4, 1, 2)
        stage.runner.offer(doubtful)
        await stage.turn()
        assert behind == [None, None]
        assert stage.lane.handled == [good_one]

    on_stage(story)


def test_a_chunk_is_had_whole_or_in_pieces() -> None:
    async def story() -> None:
        chunk = Chunk(USAGE, Fetch(log(1, 4)).given(), 4, 1)
        assert len(await anext(chunk.pieces(2))) == 2
        with pytest.raises(AssertionError, match="whole or in pieces"):
            _ = chunk.records

    asyncio.run(story())


def test_something_unopened_is_kept_as_bytes() -> None:
    """The first record is made at once, to know that there is one; the others when they are asked for."""

    async def story() -> None:
        unopened = Fetch(log(batches=1, each=10)).given()
        assert isinstance(unopened, LazyBatch)
        assert len(unopened._ready) == 1

    asyncio.run(story())


@pytest.mark.parametrize("compression", CODECS)
@pytest.mark.parametrize("since", [0, 5, 12])
def test_batches_that_hold_a_needle_are_opened_and_the_others_passed_over(since: int, compression: int) -> None:
    """What is compressed may hold anything, so it is opened; wherever reading begins, it ends where all would."""
    content = log(batches=4, each=10, compression=compression)

    async def found(*needles: bytes) -> tuple[list[Any], int]:
        fetch = Fetch(content, since)
        unopened = fetch.given()
        return unopened.holding(needles), fetch.state.position

    async def everything() -> list[Any]:
        return Fetch(content, since).given().all()  # type: ignore[no-any-return]

    whole = asyncio.run(everything())
    assert fields(asyncio.run(found(b""))[0]) == fields(whole)
    wanted = whole[-3]
    kept, position = asyncio.run(found(b"nobody has this", wanted.value))
    assert position == 40
    assert wanted.offset in {record.offset for record in kept}
    batches = {record.offset // 10 for record in whole if wanted.value in record.value}
    if not compression:
        assert {record.offset // 10 for record in kept} == batches
        assert asyncio.run(found(b"nobody has this"))[0] == []
    assert fields(kept) == [each for each in fields(whole) if each in fields(kept)], "nothing is lost of what is opened"
