"""Skips records that are too large to hold, keeping what their dead letters need."""

from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from aiokafka.record.util import decode_varint_py

from meter.batch.fields import VARINT_BYTES, Cursor, Torn
from meter.batch.streams import Stream

#: Longer records are skipped; the limit of every input is far below.
HELD_BYTES = 1 << 20
#: Bytes that are decoded of a skipped record: its key, and the beginning of its value.
HEAD_BYTES = 64 << 10
#: Bytes kept of its value and of its key (SPEC §8: a cut value keeps 16 KiB).
KEPT_BYTES = 16 << 10


class Oversized(NamedTuple):
    """What is known of a skipped record, or of a range of them."""

    #: The reason, with the numbers.
    why: str
    #: The range's first offset (it ends at the record's own), and its number of records by the batch's header.
    first: int
    records: int = 1
    #: Of a single record: its value's beginning, length in bytes and SHA-256 (hex), and the number of its headers.
    value: bytes | None = None
    length: int | None = None
    digest: str | None = None
    headers: int = 0


class Large(NamedTuple):
    """A skipped record; `torn`: why its fields could not be decoded."""

    why: str
    torn: str = ""
    delta_ms: int = 0
    #: Its offset within the batch, by its producer.
    delta: int = -1
    key: bytes | None = None
    value: bytes | None = None
    length: int | None = None
    digest: str | None = None
    headers: int = 0


def read_large(stream: Stream, length: int) -> Large:
    """Skip the next record, of `length` bytes, hashing its value without holding it."""
    head = stream.take(min(length, HEAD_BYTES))
    cursor = Cursor(head, 1)
    large = Large(f"the record alone takes {length} bytes")
    try:
        large = large._replace(delta_ms=cursor.number(), delta=cursor.number())
        key = cursor.content()
        size = cursor.number()
        if size < 0 or size > length - cursor.at:
            raise Torn(f"a value of {size} where {length - cursor.at} bytes are left")
        large = large._replace(key=key, length=size, value=head[cursor.at : cursor.at + min(size, KEPT_BYTES)])
    except Torn as error:
        passed = len(head) + dropped(stream, length - len(head))
        torn = str(error) if passed < length or len(head) == length else ""
        return large._replace(torn=torn)
    return _valued(stream, large, head, cursor.at, length)


def _valued(stream: Stream, large: Large, head: bytes, at: int, length: int) -> Large:
    """`large` with its value's hash and the number of its headers; the value begins at `at` of the head."""
    assert large.length is not None
    digest, end = sha256(head[at : at + large.length]), at + large.length
    passed = len(head)
    for some in stream.passed(end - len(head)) if end > len(head) else ():
        digest.update(some)
        passed += len(some)
    behind = head[end : end + VARINT_BYTES] or stream.peek(VARINT_BYTES)
    headers = 0
    with suppress(IndexError, ValueError):
        headers = max(0, decode_varint_py(behind, 0)[0])
    passed += dropped(stream, length - passed)
    if passed < length:
        return large._replace(torn=f"its batch ends after {passed} of its {length} bytes", length=None, value=None)
    return large._replace(digest=digest.hexdigest(), headers=headers)


def dropped(stream: Stream, count: int) -> int:
    """Skip `count` bytes; returns how many there were."""
    return sum(len(some) for some in stream.passed(count))
