"""Records too large to be held: passed over, with what a dead letter tells of them."""

from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple

from aiokafka.record.util import decode_varint_py

from meter.batch.fields import VARINT_BYTES, Cursor, Torn
from meter.batch.streams import Stream

#: A longer record is not held: the limit of every input is far below it.
HELD_BYTES = 1 << 20
#: What is looked at of one that is not held: its key, and the beginning of its value.
HEAD_BYTES = 64 << 10
#: What is kept of its value and of its key (SPEC §8: 16 KiB of a value that is cut).
KEPT_BYTES = 16 << 10


class Oversized(NamedTuple):
    """What is known of a record that was passed over, or of a range of them."""

    #: The reason, with the numbers.
    why: str
    #: The range's first offset (it ends with the record's own), and how many records the batch says are in it.
    first: int
    records: int = 1
    #: Of one record: its value's beginning, length in bytes and SHA-256 (hexadecimal), and the number of its headers.
    value: bytes | None = None
    length: int | None = None
    digest: str | None = None
    headers: int = 0


class Large(NamedTuple):
    """One record that was passed over; `torn`: why its fields cannot be told."""

    why: str
    torn: str = ""
    delta_ms: int = 0
    #: Its offset within the batch, as its producer says.
    delta: int = -1
    key: bytes | None = None
    value: bytes | None = None
    length: int | None = None
    digest: str | None = None
    headers: int = 0


def read_large(stream: Stream, length: int) -> Large:
    """Pass over the next record, of `length` bytes; its value is hashed on the way, and nothing of it is held."""
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
    """The same with its value's hash and the number of its headers; the value begins `at` of the head."""
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
    """Pass over so many bytes; how many there were."""
    return sum(len(some) for some in stream.passed(count))
