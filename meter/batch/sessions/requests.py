"""Fetch requests that aiokafka does not speak: with a session (KIP-227), and by topic ids (KIP-516).

In a session the broker remembers what it was asked: a request names only what changed, and an answer only what is new.
A topic made again under its name has another id, so nothing of it is read in the place of the first. Version 13 is the
first with ids (Kafka 3.1; the meter needs 3.6). All is packed by hand: aiokafka's schemas take 30 µs a partition.
"""

import struct
from collections.abc import Sequence
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import Schema

API_KEY, API_VERSION = 1, 13
#: Replica (a consumer), longest wait in ms, least and most bytes, isolation (read_committed), session and its epoch.
_HEAD = struct.Struct(">iiiibii")
#: A topic and its one partition: id, count, partition, leader epoch, offset, last epoch, log start, bytes, tags (none).
_ASKED = struct.Struct(">16sBiiqiqiBB")
#: A topic and its one partition that is asked for no more: id, count, partition, no tags.
_FORGOTTEN = struct.Struct(">16sBiB")
#: Throttle time, error and session of an answer.
_ANSWER = struct.Struct(">ihi")
#: Partition, error, high watermark, last stable offset, log start of a part of it.
_PART = struct.Struct(">ihqqq")
_ABORTED = struct.Struct(">qq")
READ_COMMITTED = 1
ONE, NO_TAGS, UNKNOWN = 2, 0, -1
ID_BYTES, INT32_BYTES = 16, 4

#: Kafka's id of a topic, and a partition of it.
Place = tuple[bytes, int]


class Part(NamedTuple):
    """What an answer says of a partition; `aborted`: producer and first offset of aborted transactions in it."""

    place: Place
    error: int
    highwater: int
    stable: int
    aborted: Sequence[tuple[int, int]]
    content: memoryview


class Asked(NamedTuple):
    """A request; `places`: new or changed ones with their offsets, `forgotten`: those not to be read any more."""

    session: int
    epoch: int
    places: Sequence[tuple[Place, int]]
    forgotten: Sequence[Place]


class Limits(NamedTuple):
    """How long to wait for how many bytes, and the most bytes of an answer and of each of its partitions."""

    wait_ms: int
    least_bytes: int
    most_bytes: int
    partition_bytes: int


class FetchAnswer(Response):
    """A broker's answer: an error of the whole, the session, and parts."""

    API_KEY = API_KEY
    API_VERSION = API_VERSION
    SCHEMA = Schema()

    error_code: int
    session: int
    parts: list[Part]

    @classmethod
    def decode(cls, data: BytesIO | bytes) -> "FetchAnswer":
        answer = cls()
        content = memoryview(data if isinstance(data, bytes) else data.read())
        _, answer.error_code, answer.session = _ANSWER.unpack_from(content)
        answer.parts = []
        topics, at = _count(content, _ANSWER.size)
        for _ in range(topics):
            topic = bytes(content[at : at + ID_BYTES])
            partitions, at = _count(content, at + ID_BYTES)
            for _ in range(partitions):
                part, at = _part(content, at, topic)
                answer.parts.append(part)
            at = _after_tags(content, at)
        return answer


def _part(content: memoryview, at: int, topic: bytes) -> tuple[Part, int]:
    partition, error, highwater, stable, _ = _PART.unpack_from(content, at)
    count, at = _count(content, at + _PART.size)
    aborted = []
    for _ in range(count):
        aborted.append(_ABORTED.unpack_from(content, at))
        at = _after_tags(content, at + _ABORTED.size)
    size, at = _count(content, at + INT32_BYTES)  # past the preferred replica: no rack was said
    part = Part((topic, partition), error, highwater, stable, aborted, content[at : at + size])
    return part, _after_tags(content, at + size)


def _varint(content: memoryview, at: int) -> tuple[int, int]:
    """An integer without a sign, and where the next thing begins."""
    value = content[at]
    if value < 0x80:
        return value, at + 1
    value, shift = value & 0x7F, 7
    while True:
        at += 1
        byte = content[at]
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at + 1
        shift += 7


def _count(content: memoryview, at: int) -> tuple[int, int]:
    """How many elements, or bytes, follow; null counts as none."""
    number, at = _varint(content, at)
    return max(0, number - 1), at


def _after_tags(content: memoryview, at: int) -> int:
    if not content[at]:
        return at + 1
    count, at = _varint(content, at)
    for _ in range(count):
        _, at = _varint(content, at)
        size, at = _varint(content, at)
        at += size
    return at


def _packed_count(count: int) -> bytes:
    number, packed = count + 1, bytearray()
    while number >= 0x80:
        packed.append(number & 0x7F | 0x80)
        number >>= 7
    packed.append(number)
    return bytes(packed)


class _Question(RequestStruct):
    FLEXIBLE_VERSION = True
    API_KEY = API_KEY
    API_VERSION = API_VERSION
    RESPONSE_TYPE = FetchAnswer
    SCHEMA = Schema()

    asked: Asked
    limits: Limits

    def encode(self) -> bytes:
        asked, limits = self.asked, self.limits
        most = limits.partition_bytes
        head = (-1, limits.wait_ms, limits.least_bytes, limits.most_bytes, READ_COMMITTED, asked.session, asked.epoch)
        pack = _ASKED.pack
        parts = [_HEAD.pack(*head), _packed_count(len(asked.places))]
        parts += [
            pack(topic, ONE, partition, UNKNOWN, offset, UNKNOWN, UNKNOWN, most, NO_TAGS, NO_TAGS)
            for (topic, partition), offset in asked.places
        ]
        parts.append(_packed_count(len(asked.forgotten)))
        parts += [_FORGOTTEN.pack(topic, ONE, partition, NO_TAGS) for topic, partition in asked.forgotten]
        parts.append(b"\x01\x00")  # no rack, no tags
        return b"".join(parts)

    def __repr__(self) -> str:
        return f"Fetch({len(self.asked.places)} partitions of session {self.asked.session})"


class Fetch(Request[_Question]):
    """A request for what is new of many partitions."""

    API_KEY = API_KEY

    def __init__(self, asked: Asked, limits: Limits) -> None:
        self._asked = asked
        self._limits = limits

    def build(self, request_struct_class: type[_Question]) -> Any:
        question = request_struct_class()
        question.asked, question.limits = self._asked, self._limits
        return question
