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

from aiokafka import codec
from aiokafka.errors import CorruptRecordException
from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.record.util import decode_varint_py

#: Base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and greatest timestamp,
#: producer id and epoch, base sequence, number of records.
HEADER = struct.Struct(">qiibIhiqqqhii")
#: Before the bytes that a batch's length counts.
OVERHEAD = struct.calcsize(">qi")
CODEC_MASK, LOG_APPEND_TIME_MASK, CONTROL_MASK = 0x07, 0x08, 0x20
DECODERS = {
    1: codec.gzip_decode,
    2: codec.snappy_decode,
    3: codec.lz4_decode,
    4: codec.zstd_decode,
}


class LenientRecord(NamedTuple):
    """What aiokafka's record tells; `torn`: why it could not be read, `raw` then holds its bytes as they stood."""

    offset: int
    timestamp: int
    timestamp_type: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...]
    torn: str = ""
    raw: bytes = b""


class Torn(ValueError):
    """Lengths that do not add up."""


def batch_at(content: bytes, number: int) -> bytes:
    """The batch of this number (from 0) in what a fetch brought of a partition."""
    start = 0
    for _ in range(number):
        start += OVERHEAD + _length(content, start)
    return content[start : start + OVERHEAD + _length(content, start)]


def _length(content: bytes, start: int) -> int:
    return cast(int, struct.unpack_from(">i", content, start + 8)[0])


def batch_length(content: bytes, start: int) -> int:
    """How many bytes the batch takes that begins there."""
    return OVERHEAD + _length(content, start)


def records_count(content: bytes, start: int) -> int:
    """How many records the batch holds that begins there."""
    return cast(int, struct.unpack_from(">i", content, start + HEADER.size - 4)[0])


def next_offset(batch: bytes) -> int:
    """The offset after a batch."""
    base, last_delta = struct.unpack_from(">q", batch)[0], struct.unpack_from(">i", batch, 23)[0]
    return cast(int, base + last_delta + 1)


def read_leniently(batch: bytes) -> Iterator[LenientRecord]:
    """All records of a batch; raises where nothing in it can be trusted, or it holds no producer's records."""
    magic, attributes = batch[16], struct.unpack_from(">h", batch, 21)[0]
    if magic != 2 or attributes & CONTROL_MASK:
        raise CorruptRecordException(f"a batch of magic {magic} and attributes {attributes:#x}")
    if not DefaultRecordBatch(batch).validate_crc():
        raise CorruptRecordException("the checksum of the batch is wrong")
    base, _, _, _, _, _, last_delta, first_ms, greatest_ms, _, _, _, count = HEADER.unpack_from(batch)
    content = batch[HEADER.size :]
    if attributes & CODEC_MASK:
        content = DECODERS[attributes & CODEC_MASK](content)
    timestamp_type = int(bool(attributes & LOG_APPEND_TIME_MASK))
    return _Batch(content, base, base + last_delta, first_ms, greatest_ms if timestamp_type else None).records(count)


class _Batch:
    """The records of one batch, uncompressed, and what they count from."""

    def __init__(self, content: bytes, base: int, last: int, first_ms: int, appended_ms: int | None) -> None:
        self.content = content
        self.base = base
        self.last = last
        #: The last offset that leaves one to each of the records behind.
        self.latest = last
        self.first_ms = first_ms
        self.appended_ms = appended_ms

    def records(self, count: int) -> Iterator[LenientRecord]:
        """Records with rising offsets up to the batch's last; where a length is torn, so is what stands behind it."""
        at, expected = 0, self.base
        for number in range(count):
            self.latest = self.last - (count - 1 - number)
            if expected > self.last:
                return
            body, at = self._body(at)
            try:
                record = self._record(body, expected)
            except Torn as error:
                record = self._torn(body, expected, str(error))
            yield record
            expected = record.offset + 1

    def _body(self, at: int) -> tuple[bytes, int]:
        """The next record's bytes and where the one after it begins; all there is left if its length is torn."""
        try:
            length, start = decode_varint_py(self.content, at)
        except (IndexError, ValueError):
            return self.content[at:], len(self.content)
        end = start + length
        if length < 0 or end > len(self.content):
            return self.content[at:], len(self.content)
        return self.content[start:end], end

    def _record(self, body: bytes, expected: int) -> LenientRecord:
        cursor = _Cursor(body, 1)  # behind the attributes, of which no bit has a meaning
        delta_ms, offset = cursor.number(), self._offset(cursor.number(), expected)
        key, value = cursor.content(), cursor.content()
        headers = [cursor.header() for _ in range(cursor.size("number of headers"))]
        if cursor.at != len(body):
            raise Torn(f"its fields take {cursor.at} bytes of {len(body)}")
        return LenientRecord(offset, *self._time(delta_ms), key, value, tuple(headers))

    def _torn(self, body: bytes, expected: int, why: str) -> LenientRecord:
        """Where its own offset was read before the tear it is kept; else it is the one that follows."""
        cursor, delta_ms, offset = _Cursor(body, 1), 0, expected
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


class _Cursor:
    """Reads one record's fields, never beyond its end."""

    def __init__(self, body: bytes, at: int) -> None:
        self.body = body
        self.at = at

    def number(self) -> int:
        try:
            number, self.at = decode_varint_py(self.body, self.at)
        except (IndexError, ValueError) as error:
            raise Torn(f"it ends, or has no number, at byte {self.at}") from error
        return int(number)

    def size(self, what: str) -> int:
        """A length or number of things, which its bytes can hold."""
        size = self.number()
        if not 0 <= size <= len(self.body) - self.at:
            raise Torn(f"a {what} of {size} where {len(self.body) - self.at} bytes are left")
        return size

    def content(self) -> bytes | None:
        """Bytes, or none where the length is negative."""
        before = self.at
        if self.number() < 0:
            return None
        self.at = before
        size = self.size("length")
        self.at += size
        return self.body[self.at - size : self.at]

    def header(self) -> tuple[str, bytes | None]:
        size = self.size("header name's length")
        name = self.body[self.at : self.at + size].decode("utf-8", "replace")
        self.at += size
        return name, self.content()
