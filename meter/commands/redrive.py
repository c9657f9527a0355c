"""Plans a redrive: which dead letters are sent again, and as which records. Pure.

A letter is sent again once: `meter.control` notes how far a run went, and where its records went. A record that a run
sent and that died again is left out too; otherwise letters would circulate for ever. Records of equal content are sent
once in a run: they are one event, order or binding.
"""

import json
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import NamedTuple

from meter.commands.redriven import SentBefore
from meter.kafka.topics import OWN
from schemas.control import Redriven
from schemas.dead_letters import DeadLetter
from schemas.ids import is_id
from schemas.reasons import MAY_COUNT_LATER, DeadReason, may_count_later

STRUCTURED = ("content-type", b"application/cloudevents+json; charset=UTF-8")
SHARED = ("usage", "workspaces", "plan-purchases")
#: Records of one run and bytes of their values, which are held in memory; the rest is left to the next run.
RECORDS_LIMIT, BYTES_LIMIT = 100_000, 64 << 20
#: At most this many letters that are left out are named; the others are counted.
NAMED_LIMIT = 1_000
#: A longer value is not read again: no input accepts it.
SENT_BYTES = 1 << 20
Headers = tuple[tuple[str, bytes | None], ...]


class RecordPosition(NamedTuple):
    """The coordinates of a letter in `dead-letters`."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Sendable:
    """A record to send again; `whole`: False until the part that the letter cut was read from its source."""

    letter: DeadLetter
    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    whole: bool
    #: Its own offset, if it is one of the records of a shared letter.
    offset: int = -1

    def content(self) -> bytes:
        """Equal for records of equal content."""
        return content(self.topic, self.headers, sha256(self.value).hexdigest())


class Left(StrEnum):
    """Why a letter is not sent."""

    BEFORE = "sent again before"
    DIED_AGAIN = "died again after it was sent again"
    SAME = "same content as another"
    NEXT_RUN = "left to the next run"
    OTHER = "cannot be sent"


@dataclass
class Plan:
    """What a run would do: `send` single records, and a number of records of each of the `summaries`."""

    send: list[Sendable] = field(default_factory=list)
    summaries: list[tuple[DeadLetter, int]] = field(default_factory=list)
    #: The first NAMED_LIMIT letters that are left out, and why.
    left: list[tuple[DeadLetter, Left, str]] = field(default_factory=list)
    #: (reason, topic, why) -> number of records left out.
    left_out: Counter[tuple[str, str, Left]] = field(default_factory=Counter)
    #: Partition of `dead-letters` -> the offset before which every letter is handled.
    through: dict[int, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records would be sent."""
        return len(self.send) + sum(count for _, count in self.summaries)

    def leave(self, letter: DeadLetter, why: Left, error: str = "", records: int = 0) -> None:
        """Leave out records of a letter: all of them, or `records`."""
        self.left_out[letter.reason.value, letter.topic, why] += records or letter.records or 1
        if len(self.left) < NAMED_LIMIT:
            self.left.append((letter, why, error))


class Distinct:
    """The contents of the records that a run sends."""

    def __init__(self) -> None:
        self._seen: set[bytes] = set()

    def is_new(self, content: bytes) -> bool:
        """Whether this content is new; keeps it."""
        if content in self._seen:
            return False
        self._seen.add(content)
        return True

    def copy(self) -> "Distinct":
        copied = Distinct()
        copied._seen = set(self._seen)
        return copied


class Planning:
    """Makes a plan in two passes over the letters: `look` at all of them, then `take` all of them."""

    def __init__(
        self, runs: Sequence[Redriven], reasons: Sequence[DeadReason], topics: frozenset[str], again: bool
    ) -> None:
        self.plan = Plan()
        self.distinct = Distinct()
        self.sent = SentBefore(runs)
        self._reasons, self._topics, self._again = reasons, topics, again
        #: Contents, with reasons, that were sent again.
        self._sent_contents: set[bytes] = set()
        #: Number of earlier runs that sent a letter -> how many letters.
        self._times: Counter[int] = Counter()
        #: Number of earlier runs -> how many of their records this run sends.
        self._taken: Counter[int] = Counter()
        self._bytes = 0
        self._full = False
        #: Partitions of `dead-letters` with a letter that is left to the next run.
        self._left_from: set[int] = set()

    def look(self, place: RecordPosition, letter: DeadLetter) -> None:
        """First pass: note what was sent before."""
        times = self.sent.times(letter.reason, *place)
        if times and not letter.records:
            self._sent_contents.add(fingerprint(letter))
        if not self._reasons or letter.reason in self._reasons:
            self._times[times] += letter.records or 1

    def take(self, place: RecordPosition, letter: DeadLetter) -> None:
        """Second pass: plan a letter."""
        times = self.sent.times(letter.reason, *place)
        if not self._decide(letter, times) and not times:  # a letter that was sent before stays sent
            self._left_from.add(place.partition)
        elif place.partition not in self._left_from:
            self.plan.through[place.partition] = place.offset + 1

    def _decide(self, letter: DeadLetter, times: int) -> bool:
        """Decide on a letter; returns False if it is left to the next run."""
        plan = self.plan
        if self._reasons and letter.reason not in self._reasons:
            return True
        if not self._again and (times or self._died_again(letter)):
            plan.leave(letter, Left.BEFORE if times else Left.DIED_AGAIN)
            return True
        if letter.records is None and not self.distinct.is_new(content_of(letter)):
            plan.leave(letter, Left.SAME)
            return True
        made = sendable(letter, self._topics)
        if isinstance(made, str):
            plan.leave(letter, Left.OTHER, made)
            return True
        if not self._has_room(made, times):
            plan.leave(letter, Left.NEXT_RUN)
            return False
        if letter.records:
            plan.summaries.append((letter, letter.records))
        else:
            plan.send.append(made)
        return True

    def _died_again(self, letter: DeadLetter) -> bool:
        if letter.records:
            return False  # its records are checked one by one
        return self.sent.went_to(letter.topic, letter.partition, letter.offset) or (
            fingerprint(letter) in self._sent_contents
        )

    def _has_room(self, made: Sendable, times: int) -> bool:
        """Whether the run has room for a record; those sent least often come first."""
        records, size = made.letter.records or 1, made.letter.length or len(made.value)
        if self.plan.records and (self.plan.records + records > RECORDS_LIMIT or self._bytes + size > BYTES_LIMIT):
            self._full = True
        first = sum(count for often, count in self._times.items() if often < times)
        if self._full or (first and self._taken[times] + records > RECORDS_LIMIT - first):
            return False
        self._taken[times] += records
        self._bytes += size
        return True


def planned(
    letters: Iterable[tuple[RecordPosition, DeadLetter]],
    runs: Sequence[Redriven],
    reasons: Sequence[DeadReason],
    topics: frozenset[str],
    again: bool,
) -> Plan:
    """The plan for these letters; `topics`: the existing topics, without the prefix."""
    every, planning = list(letters), Planning(runs, reasons, topics, again)
    for place, letter in every:
        planning.look(place, letter)
    for place, letter in every:
        planning.take(place, letter)
    return planning.plan


def content(topic: str, headers: Headers, value_sha256: str) -> bytes:
    """Equal for records of one topic with equal content."""
    parts = [topic.encode(), bytes.fromhex(value_sha256)]
    for name, each in headers:
        parts += [name.encode(), b"-" if each is None else b"+" + each]
    return blake2b(b"".join(len(part).to_bytes(4, "big") + part for part in parts), digest_size=16).digest()


def content_of(letter: DeadLetter) -> bytes:
    """The content of the record as which a letter would be sent."""
    value = letter.sha256 or sha256(b64decode(letter.value or "")).hexdigest()
    usage = letter.topic == SHARED[0] or letter.topic.startswith(OWN)
    headers = ((STRUCTURED,) if usage else ()) if letter.rebuilt else headers_of(letter)
    return content(letter.topic, headers, value)


def fingerprint(letter: DeadLetter) -> bytes:
    """Equal for letters of the same record, wherever it was sent."""
    return letter.reason.encode() + content_of(letter)


def headers_of(letter: DeadLetter) -> Headers:
    return tuple((header.name, None if header.value is None else b64decode(header.value)) for header in letter.headers)


def is_input(topic: str) -> bool:
    """Whether a topic (without the prefix) is an input; only those may be written."""
    return topic in SHARED or (topic.startswith(OWN) and is_id(topic.removeprefix(OWN)))


def sendable(letter: DeadLetter, topics: frozenset[str]) -> Sendable | str:
    """The record to send for a letter, or why none can be sent."""
    if letter.reason == DeadReason.RECORDS_LOST:
        return "its records are lost"
    if not is_input(letter.topic):
        return f"{letter.topic} is no input topic"
    if letter.topic not in topics:
        return f"there is no topic {letter.topic} any more"
    if letter.records:
        return Sendable(letter, letter.topic, None, b"", (), whole=False)
    if letter.last_offset is not None:
        return f"it stands for the records {letter.offset} to {letter.last_offset}: their batch is not unpacked"
    if letter.length is not None and letter.length > SENT_BYTES:
        return f"its value takes {letter.length} bytes: at most {SENT_BYTES} are sent again"
    if letter.value is None:
        return "it holds no value"
    value = b64decode(letter.value)
    cut = letter.length is not None or letter.key_length is not None or letter.headers_left_out is not None
    key = None if letter.key is None else b64decode(letter.key)
    made = Sendable(letter, letter.topic, key, value, headers_of(letter), not cut)
    return rebuilt(made) if letter.rebuilt and not cut else made


def rebuilt(made: Sendable) -> Sendable:
    """The record of a letter decided after the intake: a structured event, or an order, under the key of its kind."""
    usage = made.topic == SHARED[0] or made.topic.startswith(OWN)
    key = json.loads(made.value).get("subject" if usage else "account")
    return replace(made, key=key.encode() if isinstance(key, str) else None, headers=(STRUCTURED,) if usage else ())


def may_count(letter: DeadLetter) -> bool:
    """Whether records of a letter may count unchanged; the others die again."""
    return may_count_later(letter.reason, letter.error) or not MAY_COUNT_LATER.isdisjoint(letter.reasons or ())


def in_order(letter: DeadLetter) -> tuple[int, str, int, int]:
    """What is sent before what: what others build on first, then as it stood in the log."""
    first = ("workspaces", "plan-purchases").index(letter.topic) if letter.topic in SHARED[1:] else 2
    return first, letter.topic, letter.partition, letter.offset


def completed(made: Sendable, key: bytes | None, value: bytes | None, headers: Headers) -> Sendable | str:
    """The record of a cut letter, completed from the one at its coordinates; or why it cannot be."""
    letter = made.letter
    if value is None:
        return f"the record at {letter.record_key()} is gone, and the letter holds only its beginning"
    same = sha256(value).hexdigest() == letter.sha256 if letter.sha256 is not None else value == made.value
    if not same:
        return f"another record stands at {letter.record_key()} now: its SHA-256 is not the letter's"
    return replace(made, key=key, value=value, headers=headers, whole=True)
