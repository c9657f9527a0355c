"""Reads a batch without trusting its producer, after aiokafka's reader failed on it.

A broker checks a batch's checksum and mostly its lengths, but not the names of headers: one that is not UTF-8 is
acknowledged. Here such a name is read with replacement characters, and a record whose lengths do not add up becomes a
record without content, marked `torn`; its neighbours are read normally. Modelled on aiokafka's `_DefaultRecordBatchPy`
(magic v2). A wrong checksum or codec is no producer's mistake and raises.
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

#: Header of messages before Kafka 0.11: offset, length, checksum, magic, attributes; then a time, except the oldest.
LEGACY_HEADER = struct.Struct(">qiIbb")
MAGIC_AT, LEGACY_ATTRIBUTES_AT, ATTRIBUTES_AT = 16, 17, 21
#: Bytes of a batch before those that its length counts.
OVERHEAD = struct.calcsize(">qi")
LOG_APPEND_TIME_MASK, CONTROL_MASK = 0x08, 0x20
#: Of a batch above the ordinary size at most this many records are read; the rest becomes one record with a range.
RECORDS_LIMIT = 500_000
#: If a batch has fewer records than its header says, at most this many missing ones are reported singly.
ENDED_LIMIT = 1_000


class LenientRecord(NamedTuple):
    """A record with the fields of aiokafka's. `torn`: why it could not be read; `raw` then has its bytes.

    `oversized`: the record, or a range of records, is too large to hold or cannot be unpacked; its value is empty.
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
    """Length in bytes of the batch that begins at `start`."""
    return OVERHEAD + cast(int, struct.unpack_from(">i", content, start + 8)[0])


def records_count(content: bytes, start: int) -> int:
    """Number of records of the batch that begins at `start`."""
    return cast(int, struct.unpack_from(">i", content, start + HEADER.size - 4)[0])


def next_offset(batch: bytes) -> int:
    """The offset after a batch."""
    base, last_delta = struct.unpack_from(">q", batch)[0], struct.unpack_from(">i", batch, 23)[0]
    return cast(int, base + last_delta + 1)


def passed_over(batch: bytes, since: int) -> Iterator[LenientRecord]:
    """One record in place of a too large message set of before Kafka 0.11, with its last offset and time."""
    last, _, _, magic, attributes = LEGACY_HEADER.unpack_from(batch)
    time_ms = struct.unpack_from(">q", batch, LEGACY_HEADER.size)[0] if magic else 0
    codec = NAMES.get(attributes & CODEC_MASK, "no")
    why = f"the message set before offset {last + 1} takes {len(batch)} bytes as {codec}, and is not unpacked"
    about = Oversized(why, min(since, last), last + 1 - min(since, last))
    yield LenientRecord(last, time_ms, attributes >> 3 & 1, None, b"", (), oversized=about)


def read_leniently(batch: bytes, content: bytes | None = None) -> Iterator[LenientRecord]:
    """All records of a batch; CorruptRecordException if nothing in it can be trusted, or it is a control batch.

    `content`: its unpacked content if there is one; else it is unpacked as the records are read.
    """
    magic, attributes = batch[MAGIC_AT], struct.unpack_from(">h", batch, ATTRIBUTES_AT)[0]
    if magic != 2 or attributes & CONTROL_MASK:
        raise CorruptRecordException(f"a batch of magic {magic} and attributes {attributes:#x}")
    if not DefaultRecordBatch(batch).validate_crc():
        raise CorruptRecordException("the checksum of the batch is wrong")
    packed = memoryview(batch)[HEADER.size :]
    stream = Stream(slices(attributes & CODEC_MASK, packed) if content is None else iter((content,)))
    with suppress(Endless):  # its records report that
        stream.peek(1)
    return _Batch(batch, stream).records()


class _Batch:
    """The records of one batch, unpacked as they are read."""

    def __init__(self, batch: bytes, stream: Stream) -> None:
        base, _, _, _, _, attributes, last_delta, first_ms, greatest_ms, _, _, _, count = HEADER.unpack_from(batch)
        self.stream = stream
        self.base = base
        self.last = base + last_delta
        #: The highest offset that leaves one for each later record.
        self.latest = self.last
        self.first_ms = first_ms
        self.appended_ms = greatest_ms if attributes & LOG_APPEND_TIME_MASK else None
        self.count = count
        self.about = f"the batch of offsets {base} to {self.last} takes {len(batch)} bytes"
        if attributes & CODEC_MASK:
            self.about += f" as {NAMES[attributes & CODEC_MASK]}"

    def records(self) -> Iterator[LenientRecord]:
        """Records with rising offsets up to the batch's last; after a torn length nothing more can be read."""
        expected = self.base
        for number in range(self.count):
            left = self.count - number
            self.latest = self.last - (left - 1)
            if expected > self.last:
                return
            try:
                self._check_number(number, left)
                record = self._next(expected)
            except Exception as error:  # also a decoder's; behind it only offsets are known
                yield self._rest(expected, left, error)
                return
            yield record
            expected = record.offset + 1

    def _check_number(self, number: int, left: int) -> None:
        """Limit the records of a batch, since its header may claim any number."""
        if number >= RECORDS_LIMIT and self.stream.unpacked > ORDINARY_BYTES:
            raise Endless(f"{number} of its records were read")
        if left > ENDED_LIMIT and not self.stream.peek(1):
            raise Torn(f"its header says {self.count} records, it holds {number}")

    def _rest(self, expected: int, left: int, error: Exception) -> LenientRecord:
        """One record for everything left of a batch that cannot be read, with the last of their offsets."""
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
        """The next record's bytes and length; no bytes if it is too large; all bytes left if its length is torn."""
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
        """The bytes left, at most HELD_BYTES; drops the rest."""
        body = self.stream.take(HELD_BYTES)
        dropped(self.stream, UNPACKED_BYTES)
        return body

    def _large(self, length: int, expected: int) -> LenientRecord:
        """A record that is skipped for its size, with what its dead letter needs."""
        try:
            large = read_large(self.stream, length)
        except Endless as error:
            raise Endless(f"the record there says that it takes {length} bytes; {error}") from error
        offset = self._offset(large.delta, expected)
        about = Oversized(large.why, offset, 1, large.value, large.length, large.digest, large.headers)
        return LenientRecord(offset, *self._time(large.delta_ms), large.key, b"", (), large.torn, oversized=about)

    def _record(self, body: bytes, expected: int) -> LenientRecord:
        cursor = Cursor(body, 1)  # behind the attributes, which have no meaning
        delta_ms, offset = cursor.number(), self._offset(cursor.number(), expected)
        key, value = cursor.content(), cursor.content()
        headers = [cursor.header() for _ in range(cursor.size("number of headers"))]
        if cursor.at != len(body):
            raise Torn(f"its fields take {cursor.at} bytes of {len(body)}")
        return LenientRecord(offset, *self._time(delta_ms), key, value, tuple(headers))

    def _torn(self, body: bytes, expected: int, why: str) -> LenientRecord:
        """A torn record; with its own offset if that could be read, else the next one."""
        cursor, delta_ms, offset = Cursor(body, 1), 0, expected
        with suppress(Torn):
            delta_ms = cursor.number()
            offset = self._offset(cursor.number(), expected)
        return LenientRecord(offset, *self._time(delta_ms), None, b"", (), torn=why, raw=body)

    def _offset(self, delta: int, expected: int) -> int:
        """Its own offset if that leaves room for the records before and behind it, else the next one."""
        return self.base + delta if expected <= self.base + delta <= self.latest else expected

    def _time(self, delta_ms: int) -> tuple[int, int]:
        """Its timestamp and timestamp type."""
        return (self.first_ms + delta_ms, 0) if self.appended_ms is None else (self.appended_ms, 1)
