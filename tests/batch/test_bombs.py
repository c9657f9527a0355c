"""However much a batch unpacks to, little of it is held: large records are told, and their neighbours are read."""

import asyncio
import hashlib
import resource
import struct
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import cramjam
import pytest
from aiokafka.record.legacy_records import LegacyRecordBatchBuilder
from aiokafka.record.util import calc_crc32c

from meter.batch import streams
from meter.batch.codecs import GZIP, LZ4, ORDINARY_BYTES, SNAPPY, ZSTD, TooLarge, install, unpack
from meter.batch.large_records import KEPT_BYTES
from meter.batch.patches import lenient_batch as lenient
from meter.batch.streams import BLOCK_BYTES
from meter.batch.unopened import PIECE_BYTES, UnreadableRecord
from tests.batch.test_unopened import Fetch
from tests.record_batches import CODECS, FIRST_MS, batch, counted, packed_batch, record, varint

MIB = 1 << 20
#: Written once: making them takes longer than reading them.
ZEROS = bytes(100 * MIB)
COMPRESSED = [codec for codec in CODECS if codec]
#: Python's own memory while a batch is read: pieces, slices, what is told of a record. Decoders take theirs besides.
HELD_BYTES = 4 * ORDINARY_BYTES


def snappy_raw(content: bytes) -> bytes:
    """One block, as librdkafka writes it."""
    return bytes(cramjam.snappy.compress_raw(content))


async def read_all(content: bytes, since: int = 0) -> tuple[list[Any], Any]:
    """All records as a lane of the intake reads them, and what they came from."""
    unopened = Fetch(content, since).given()
    found: list[Any] = []
    while piece := await unopened.taken(500):
        found += piece
    unopened.close()
    return found, unopened


def records_of(content: bytes, since: int = 0) -> list[Any]:
    return asyncio.run(read_all(content, since))[0]


@contextmanager
def held_at_most(limit: int) -> Iterator[None]:
    """Fails if Python holds more at any moment than it held before."""
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        yield
        peak = tracemalloc.get_traced_memory()[1]
        assert peak - before < limit, f"{(peak - before) / MIB:.0f} MiB were held"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("compression", list(CODECS))
def test_a_value_of_100_mb_is_reported_with_its_length_and_hash_and_its_neighbours_are_read(compression: int) -> None:
    size = 100 * MIB if compression in (GZIP, LZ4, ZSTD) else 40 * MIB
    value = memoryview(ZEROS)[:size]
    content = batch(
        [record(0, b"before"), record(1, bytes(value), key=b"its key"), record(2, b"after")], 7, compression
    )
    with held_at_most(HELD_BYTES):
        before, large, after = records_of(content, 7)
    assert [(each.offset, each.value) for each in (before, after)] == [(7, b"before"), (9, b"after")]
    assert (large.offset, large.value, large.key, large.timestamp) == (8, b"", b"its key", FIRST_MS + 1)
    about = large.oversized
    assert (about.first, about.records, about.length) == (8, 1, size)
    assert about.digest == hashlib.sha256(value).hexdigest()
    assert about.value == bytes(KEPT_BYTES)
    assert "the record alone takes" in about.why


@pytest.mark.parametrize("compression", COMPRESSED)
def test_behind_what_nobody_unpacks_a_batch_is_reported_by_its_range(
    compression: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "UNPACKED_BYTES", 20 * MIB)
    bomb = batch(
        [record(0, b"before"), record(1, bytes(30 * MIB)), record(2, b"after"), record(3, b"last")], 7, compression
    )
    before, rest, following = records_of(bomb + batch([record(0, b"next")], 11), 7)
    assert (before.offset, before.value) == (7, b"before")
    assert (rest.offset, rest.oversized.first, rest.oversized.records, rest.torn) == (10, 8, 3, "")
    assert "offsets 7 to 10" in rest.oversized.why
    assert f"{30 * MIB}"[:4] in rest.oversized.why
    assert (following.offset, following.value) == (11, b"next")


def test_a_snappy_block_larger_than_anybody_holds_is_reported_by_the_range_of_its_batch() -> None:
    content = record(0, b"before") + record(1, bytes(BLOCK_BYTES))
    (rest,) = records_of(packed_batch(snappy_raw(content), 2, 7, SNAPPY), 7)
    assert (rest.offset, rest.oversized.first, rest.oversized.records) == (8, 7, 2)
    assert "snappy" in rest.oversized.why


def test_a_snappy_block_that_a_topics_default_limit_lets_through_loses_no_neighbour() -> None:
    content = record(0, b"before") + record(1, bytes(24 * MIB)) + record(2, b"after")
    packed = snappy_raw(content)
    assert len(packed) > MIB, "a producer's batch of 1 MB holds no more"
    assert [each.value for each in records_of(packed_batch(packed, 3, 0, SNAPPY))] == [b"before", b"", b"after"]


@pytest.mark.parametrize("compression", COMPRESSED)
def test_many_good_records_in_a_large_batch_are_all_read_in_little_memory(compression: int) -> None:
    value = b"x" * 60_000
    content = batch([record(number, value) for number in range(600)], 0, compression)
    assert 600 * len(value) > 2 * ORDINARY_BYTES

    async def story() -> int:
        unopened, read = Fetch(content).given(), 0
        while piece := await unopened.taken(500):
            assert sum(len(each.value) for each in piece) < PIECE_BYTES + MIB
            assert all(each.value == value for each in piece)
            read += len(piece)
        return read

    with held_at_most(HELD_BYTES):
        assert asyncio.run(story()) == 600


@pytest.mark.parametrize("compression", list(CODECS))
def test_a_key_or_headers_that_large_are_a_record_that_is_reported(compression: int) -> None:
    large = bytes(17 * MIB)
    content = batch(
        [record(0, b"before"), record(1, b"v1", key=large), record(2, b"v2", ((b"h", large), (b"i", b"")))],
        0,
        compression,
    )
    before, key, headers = records_of(content)
    assert before.value == b"before"
    assert (key.key, key.oversized.length, key.oversized.first, key.torn) == (None, None, 1, "")
    assert (headers.key, headers.oversized.length, headers.oversized.headers) == (b"k", 2, 2)
    assert headers.oversized.digest == hashlib.sha256(b"v2").hexdigest()


@pytest.mark.parametrize("compression", COMPRESSED)
def test_a_large_batch_that_ends_in_the_middle_of_a_record_says_so(compression: int) -> None:
    head = b"\0" + varint(1) + varint(1) + counted(b"k") + varint(90 * MIB)
    torn = varint(90 * MIB + 20) + head + bytes(18 * MIB)
    before, large, *behind = records_of(batch([record(0, b"before"), torn], 0, compression, span=2))
    assert (before.value, behind) == (b"before", [])
    assert (large.offset, large.value) == (1, b"")
    assert "ends after" in large.torn


@pytest.mark.parametrize("compression", COMPRESSED)
def test_what_cannot_be_unpacked_further_is_reported_and_the_next_batch_is_read(compression: int) -> None:
    """A broker refuses such a batch, with its own decoders; where ours dislike another, nobody may be stuck."""
    content = record(0, b"before") + b"".join(record(number, bytes(MIB - 100)) for number in range(1, 20))
    packed = CODECS[compression](content)
    spoiled = packed[: len(packed) * 2 // 3]
    found = records_of(packed_batch(spoiled, 20, 0, compression) + batch([record(0, b"next")], 20))
    assert [each.offset for each in found[:-2]] == list(range(len(found) - 2))
    rest, following = found[-2:]
    assert (rest.offset, rest.oversized.first) == (19, len(found) - 2)
    assert rest.torn
    assert (following.offset, following.value) == (20, b"next")


@pytest.mark.parametrize("compression", [GZIP, LZ4])
def test_bytes_behind_the_compressed_content_are_ignored_as_by_kafka_itself(compression: int) -> None:
    packed = CODECS[compression](record(0, b"v0") + record(1, b"v1")) + b"garbage behind it"
    found = records_of(packed_batch(packed, 2, 0, compression))
    assert [each.value for each in found] == [b"v0", b"v1"]


def test_a_frame_after_a_frame_is_content() -> None:
    for compression in (GZIP, LZ4, ZSTD):
        pack = CODECS[compression]
        frames = pack(record(0, b"v0")) + pack(record(1, bytes(17 * MIB))) + pack(record(2, b"v2"))
        found = records_of(packed_batch(frames, 3, 0, compression))
        assert [each.value for each in found] == [b"v0", b"", b"v2"]


@pytest.mark.parametrize("compression", list(CODECS))
def test_a_header_that_says_a_billion_records_is_one_record_more(compression: int) -> None:
    content = bytearray(batch([record(0, b"v0"), record(1, b"v1")], 0, compression, span=1 << 30))
    struct.pack_into(">i", content, 57, 1 << 30)
    found = records_of(sealed(content))
    assert [each.value for each in found[:2]] == [b"v0", b"v1"]
    (rest,) = found[2:]
    assert (rest.offset, rest.oversized.first, rest.oversized.records) == ((1 << 30) - 1, 2, (1 << 30) - 2)
    assert "says 1073741824 records, it holds 2" in rest.torn


def test_of_a_large_batch_so_many_records_are_read_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lenient, "RECORDS_LIMIT", 10)
    written = [record(0, bytes(17 * MIB)), *(record(number, b"v") for number in range(1, 20))]
    found = records_of(batch(written, 0, ZSTD))
    assert [each.offset for each in found] == [*range(10), 19]
    assert (found[-1].oversized.first, found[-1].oversized.records) == (10, 10)


@pytest.mark.parametrize("since", [8, 9, 10])
def test_reading_goes_on_in_the_middle_of_a_large_batch(since: int) -> None:
    content = batch([record(0, b"v0"), record(1, bytes(17 * MIB)), record(2, b"v2"), record(3, b"v3")], 7, ZSTD)
    assert [each.offset for each in records_of(content, since)] == list(range(since, 11))


def test_reading_goes_on_in_the_middle_of_a_range_with_the_whole_range(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the last record read, whose mark a commit carries, is found again at its offset."""
    monkeypatch.setattr(streams, "UNPACKED_BYTES", 20 * MIB)
    content = batch([record(0, b"v0"), record(1, bytes(30 * MIB)), record(2, b"v2")], 7, ZSTD)
    for since in (8, 9):
        (rest,) = records_of(content, since)
        assert (rest.offset, rest.oversized.first) == (9, 8)


@pytest.mark.parametrize("magic", [0, 1])
@pytest.mark.parametrize("compression", [GZIP, SNAPPY])
def test_a_message_set_of_old_is_read_or_reported_by_its_last_offset(magic: Any, compression: int) -> None:
    def old(*values: bytes) -> bytes:
        builder = LegacyRecordBatchBuilder(magic=magic, compression_type=compression, batch_size=64 * MIB)
        for offset, value in enumerate(values):
            builder.append(offset, 1_000, b"k", value)
        return bytes(builder.build())

    install()
    good = [b"v" * 100, b"w" * 100]
    assert [each.value for each in records_of(old(*good))] == good
    (rest,) = records_of(old(b"v0", bytes(17 * MIB)))
    assert (rest.value, rest.oversized.first) == (b"", 0)
    assert "message set" in rest.oversized.why


def test_decoders_never_write_more_than_they_may() -> None:
    """The peak of the process's own memory, decoders' included, beside 100 MB that unpack to more."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for compression in (GZIP, LZ4, ZSTD):
        with pytest.raises(TooLarge, match="unpacks to more than"):
            unpack(compression, PACKED[compression]())
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) << 10
    assert grown < 8 * ORDINARY_BYTES


@pytest.mark.parametrize("compression", COMPRESSED)
def test_a_batch_of_exactly_the_limit_is_ordinary(compression: int) -> None:
    content = bytes(ORDINARY_BYTES)
    assert unpack(compression, CODECS[compression](content)) == content
    with pytest.raises(TooLarge):
        unpack(compression, CODECS[compression](content + b"\0"))


@pytest.mark.parametrize("length", [0, -4, 1 << 30])
def test_a_snappy_block_of_an_impossible_length_ends_its_reading(length: int) -> None:
    packed = b"\x82SNAPPY\0" + struct.pack(">iii", 1, 1, length) + b"xxxx"
    with pytest.raises(TooLarge):
        unpack(SNAPPY, packed)
    with pytest.raises(UnreadableRecord):
        records_of(packed_batch(packed, 1, 0, SNAPPY))


def test_reading_all_records_at_once_fails_if_they_are_too_large() -> None:
    async def story() -> None:
        content = batch([record(0, bytes(17 * MIB))], 5, ZSTD)
        with pytest.raises(UnreadableRecord, match=r"at 5.*too large"):
            Fetch(content, 5).given().all()

    asyncio.run(story())


def sealed(content: bytearray) -> bytes:
    """The batch with the checksum of what it holds."""
    struct.pack_into(">I", content, 17, calc_crc32c(bytes(content[21:])))
    return bytes(content)


PACKED: dict[int, Callable[[], bytes]] = {
    GZIP: lambda: CODECS[GZIP](ZEROS),
    LZ4: lambda: CODECS[LZ4](ZEROS),
    ZSTD: lambda: CODECS[ZSTD](ZEROS),
}
