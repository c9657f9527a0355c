"""A batch of records read without trust in its producer, after aiokafka's reader gave it up.

A broker checks a batch's checksum and, mostly, its lengths, but never what a producer calls a header: a name that is
not UTF-8 is acknowledged like any other. Here such a name is read with replacement characters, and a record whose own
lengths do not add up becomes a record without content that says so (`torn`): its neighbours are read as ever. Modelled
on aiokafka's `_DefaultRecordBatchPy` (magic v2); a wrong checksum or codec is not the producer's doing: that raises.
"""

import struct
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple, cast

from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import decode_varint_py

from meter.batch.codecs import CODEC_MASK, HEADER, NAMES, ORDINARY_BYTES
from meter.batch.fields import VARINT_BYTES, Cursor, Torn
from meter.batch.large_records import HELD_BYTES, Oversized, dropped, read_large
from meter.batch.streams import UNPACKED_BYTES, Endless, Stream, slices

#: Of messages before Kafka 0.11: offset, length, checksum, magic, attributes; then a time, but for the oldest.
LEGACY_HEADER = struct.Struct(">qiIbb")
MAGIC_AT, LEGACY_ATTRIBUTES_AT, ATTRIBUTES_AT = 16, 17, 21
#: Before the bytes that a batch's length counts.
OVERHEAD = struct.calcsize(">qi")
LOG_APPEND_TIME_MASK, CONTROL_MASK = 0x08, 0x20
#: Records of a batch that is larger than an ordinary one; what stands behind them is told by its range.
RECORDS_LIMIT = 500_000
#: Where a batch ends before the records that its header says, each of so many is told by itself.
ENDED_LIMIT = 1_000


class LenientRecord(NamedTuple):
    """What aiokafka's record tells; `torn`: why it could not be read, `raw` then holds its bytes as they stood.

    `oversized`: it, or all records of a range, is too large to be held, or cannot be unpacked; the value is empty.
    """

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    torn: str = ""
    raw: bytes = b""
    oversized: Oversized | None = None


def batch_length(content: bytes, start: int) -> int:
    """How many bytes the batch takes that begins there."""
    return OVERHEAD + cast(int, struct.unpack_from(">i", content, start + 8)[0])


def records_count(content: bytes, start: int) -> int:
    """How many records the batch holds that begins there."""
    return cast(int, struct.unpack_from(">i", content, start + HEADER.size - 4)[0])


def next_offset(batch: bytes) -> int:
    """The offset after a batch."""
    base, last_delta = struct.unpack_from(">q", batch)[0], struct.unpack_from(">i", batch, 23)[0]
    return cast(int, base + last_delta + 1)


def passed_over(batch: bytes, since: int) -> Iterator[LenientRecord]:
    """In place of the records of a batch before Kafka 0.11 that is too large: where it ends, and its time, is known."""
    last, _, _, magic, attributes = LEGACY_HEADER.unpack_from(batch)
    time_ms = struct.unpack_from(">q", batch, LEGACY_HEADER.size)[0] if magic else 0
    codec = NAMES.get(attributes & CODEC_MASK, "no")
    why = f"the message set before offset {last + 1} takes {len(batch)} bytes as {codec}, and is not unpacked"
    about = Oversized(why, min(since, last), last + 1 - min(since, last))
    yield LenientRecord(last, time_ms, attributes >> 3 & 1, None, b"", (), oversized=about)


def read_leniently(batch: bytes, content: bytes | None = None) -> Iterator[LenientRecord]:
    """All records of a batch; raises where nothing in it can be trusted, or it holds no producer's records.

    `content`: what it holds, where that is unpacked already; else it is unpacked as the records are asked for.
    """
    magic, attributes = batch[MAGIC_AT], struct.unpack_from(">h", batch, ATTRIBUTES_AT)[0]
    if magic != 2 or attributes & CONTROL_MASK:
        raise CorruptRecordException(f"a batch of magic {magic} and attributes {attributes:#x}")
    if not DefaultRecordBatch(batch).validate_crc():
        raise CorruptRecordException("the checksum of the batch is wrong")
    packed = memoryview(batch)[HEADER.size :]
    stream = Stream(slices(attributes & CODEC_MASK, packed) if content is None else iter((content,)))
    with suppress(Endless):  # that is told of its records
        stream.peek(1)
    return _Batch(batch, stream).records()


class _Batch:
    """The records of one batch, unpacked as they are read, and what they count from."""

    def __init__(self, batch: bytes, stream: Stream) -> None:
        base, _, _, _, _, attributes, last_delta, first_ms, greatest_ms, _, _, _, count = HEADER.unpack_from(batch)
        self.stream = stream
        self.base = base
        self.last = base + last_delta
        #: The last offset that leaves one to each of the records behind.
        self.latest = self.last
        self.first_ms = first_ms
        self.appended_ms = greatest_ms if attributes & LOG_APPEND_TIME_MASK else None
        self.count = count
        self.about = f"the batch of offsets {base} to {self.last} takes {len(batch)} bytes"
        if attributes & CODEC_MASK:
            self.about += f" as {NAMES[attributes & CODEC_MASK]}"

    def records(self) -> Iterator[LenientRecord]:
        """Records with rising offsets up to the batch's last; where a length is torn, so is what stands behind it."""
        expected = self.base
        for number in range(self.count):
            left = self.count - number
            self.latest = self.last - (left - 1)
            if expected > self.last:
                return
            try:
                self._check_number(number, left)
                record = self._next(expected)
            except Exception as error:  # also a decoder's: behind it nothing is known but offsets
                yield self._rest(expected, left, error)
                return
            yield record
            expected = record.offset + 1

    def _check_number(self, number: int, left: int) -> None:
        """A header may say any number of records, and a batch may hold more than anybody reads one by one."""
        if number >= RECORDS_LIMIT and self.stream.unpacked > ORDINARY_BYTES:
            raise Endless(f"{number} of its records were read")
        if left > ENDED_LIMIT and not self.stream.peek(1):
            raise Torn(f"its header says {self.count} records, it holds {number}")

    def _rest(self, expected: int, left: int, error: Exception) -> LenientRecord:
        """What cannot be read of a batch: one record for all that is left, with the last of their offsets."""
        why = f"{self.about}; unpacked up to offset {expected - 1}, to {self.stream.unpacked} bytes: {error}"
        torn = "" if isinstance(error, Endless) else why
        about = Oversized(why, expected, min(left, self.last - expected + 1))
        return LenientRecord(self.last, *self._time(0), None, b"", (), torn, oversized=about)

    def _next(self, expected: int) -> LenientRecord:
        body, length = self._body()
        if length > HELD_BYTES:
            return self._large(length, expected)
        try:
            return self._record(body, expected)
        except Torn as error:
            return self._torn(body, expected, str(error))

    def _body(self) -> tuple[bytes, int]:
        """The next record's bytes and length, or its length alone if it is not held; all there is if that is torn."""
        stream = self.stream
        try:
            length, start = cast(tuple[int, int], decode_varint_py(stream.peek(VARINT_BYTES), 0))
        except (IndexError, ValueError):
            return self._all_left(), 0
        if length > HELD_BYTES:
            stream.take(start)
            return b"", length
        if length < 0 or len(stream.peek(start + length)) < start + length:
            return self._all_left(), 0
        stream.take(start)
        return stream.take(length), length

    def _all_left(self) -> bytes:
        """The bytes that are left, no more of them than are held of a record; nothing is left then."""
        body = self.stream.take(HELD_BYTES)
        dropped(self.stream, UNPACKED_BYTES)
        return body

    def _large(self, length: int, expected: int) -> LenientRecord:
        """A record that is passed over, with what a dead letter tells of it."""
        try:
            large = read_large(self.stream, length)
        except Endless as error:
            raise Endless(f"the record there says that it takes {length} bytes; {error}") from error
        offset = self._offset(large.delta, expected)
        about = Oversized(large.why, offset, 1, large.value, large.length, large.digest, large.headers)
        return LenientRecord(offset, *self._time(large.delta_ms), large.key, b"", (), large.torn, oversized=about)

    def _record(self, body: bytes, expected: int) -> LenientRecord:
        cursor = Cursor(body, 1)  # behind the attributes, of which no bit has a meaning
        delta_ms, offset = cursor.number(), self._offset(cursor.number(), expected)
        key, value = cursor.content(), cursor.content()
        headers = [cursor.header() for _ in range(cursor.size("number of headers"))]
        if cursor.at != len(body):
            raise Torn(f"its fields take {cursor.at} bytes of {len(body)}")
        return LenientRecord(offset, *self._time(delta_ms), key, value, tuple(headers))

    def _torn(self, body: bytes, expected: int, why: str) -> LenientRecord:
        """Where its own offset was read before the tear it is kept; else it is the one that follows."""
        cursor, delta_ms, offset = Cursor(body, 1), 0, expected
        with suppress(Torn):
            delta_ms = cursor.number()
            offset = self._offset(cursor.number(), expected)
        return LenientRecord(offset, *self._time(delta_ms), None, b"", (), torn=why, raw=body)

    def _offset(self, delta: int, expected: int) -> int:
        """Its own, if the records before it and behind it leave room for it; else the one that follows."""
        return self.base + delta if expected <= self.base + delta <= self.latest else expected

    def _time(self, delta_ms: int) -> tuple[int, int]:
        """Its timestamp and the type of that."""
        return (self.first_ms + delta_ms, 0) if self.appended_ms is None else (self.appended_ms, 1)
