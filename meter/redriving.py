"""Which dead letters can be sent again, and as what: pure, from the letters to records for input topics.

A letter is sent again once: `meter.control` notes how far a run went. One whose record is the very one of a letter
that was sent again has died again, and is left out too, or a letter would come of every letter for ever.
"""

import json
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from hashlib import sha256
from typing import NamedTuple

from meter.topics import OWN
from schemas.control import Redriven
from schemas.dead_letters import DeadLetter
from schemas.ids import is_id
from schemas.reasons import DeadReason

STRUCTURED = ("content-type", b"application/cloudevents+json; charset=UTF-8")
SHARED = ("usage", "workspaces", "plan-purchases")
Headers = tuple[tuple[str, bytes | None], ...]


class Place(NamedTuple):
    """Where a letter stands in `dead-letters`."""

    partition: int
    offset: int


@dataclass(frozen=True)
class Sendable:
    """A record to send again; `whole` is False until what the letter left out was read from its source."""

    letter: DeadLetter
    topic: str
    key: bytes | None
    value: bytes
    headers: Headers
    whole: bool


class Left(StrEnum):
    """Why a letter is not sent."""

    BEFORE = "sent again before"
    DIED_AGAIN = "died again after it was sent again"
    OTHER = "cannot be sent"


@dataclass
class Plan:
    """What a run would do."""

    send: list[Sendable] = field(default_factory=list)
    left: list[tuple[DeadLetter, Left, str]] = field(default_factory=list)
    through: dict[int, int] = field(default_factory=dict)


def planned(
    letters: Iterable[tuple[Place, DeadLetter]],
    runs: Sequence[Redriven],
    reasons: Sequence[DeadReason],
    topics: frozenset[str],
    again: bool,
) -> Plan:
    """The plan for these letters; `topics`: the topics there are now, without the prefix."""
    plan = Plan()
    every = list(letters)
    before = {place for place, letter in every if any(run.holds(letter.reason, *place) for run in runs)}
    sent = {fingerprint(letter) for place, letter in every if place in before}
    seen: set[str] = set()
    for place, letter in every:
        plan.through[place.partition] = max(plan.through.get(place.partition, 0), place.offset + 1)
        if (reasons and letter.reason not in reasons) or letter.record_key() in seen:
            continue
        seen.add(letter.record_key())
        if not again and (place in before or fingerprint(letter) in sent):
            plan.left.append((letter, Left.BEFORE if place in before else Left.DIED_AGAIN, ""))
            continue
        made = sendable(letter, topics)
        if isinstance(made, str):
            plan.left.append((letter, Left.OTHER, made))
        else:
            plan.send.append(made)
    return plan


def fingerprint(letter: DeadLetter) -> str:
    """The same for two letters of one record, wherever it was sent."""
    content = letter.sha256 or sha256((letter.value or "").encode()).hexdigest()
    return f"{letter.reason} {letter.topic} {content}"


def is_input(topic: str) -> bool:
    """Whether records may be sent to a topic (without the prefix): the meter's own topics are nobody's to write."""
    return topic in SHARED or (topic.startswith(OWN) and is_id(topic.removeprefix(OWN)))


def sendable(letter: DeadLetter, topics: frozenset[str]) -> Sendable | str:
    """What to send for a letter, or why nothing can be."""
    if letter.reason == DeadReason.RECORDS_LOST:
        return "it stands for records that nobody has"
    if not is_input(letter.topic):
        return f"{letter.topic} is no input topic"
    if letter.topic not in topics:
        return f"there is no topic {letter.topic} any more"
    if letter.value is None:
        return "it holds no value"
    value = b64decode(letter.value)
    cut = letter.length is not None or letter.key_length is not None or letter.headers_left_out is not None
    headers = tuple(
        (header.name, None if header.value is None else b64decode(header.value)) for header in letter.headers
    )
    made = Sendable(
        letter, letter.topic, None if letter.key is None else b64decode(letter.key), value, headers, not cut
    )
    return rebuilt(made) if letter.rebuilt and not cut else made


def rebuilt(made: Sendable) -> Sendable:
    """The record of a letter decided after the intake: a structured event, or an order, under the key of its kind."""
    usage = made.topic == SHARED[0] or made.topic.startswith(OWN)
    key = json.loads(made.value).get("subject" if usage else "account")
    return replace(made, key=key.encode() if isinstance(key, str) else None, headers=(STRUCTURED,) if usage else ())


def in_order(made: Sendable) -> tuple[int, str, int, int]:
    """What is sent before what: what others build on first, then as it stood in the log."""
    first = ("workspaces", "plan-purchases").index(made.topic) if made.topic in SHARED[1:] else 2
    return first, made.topic, made.letter.partition, made.letter.offset


def completed(made: Sendable, key: bytes | None, value: bytes | None, headers: Headers) -> Sendable | str:
    """A record whose letter is cut, whole again by the one that stands at its coordinates; or why not."""
    letter = made.letter
    if value is None:
        return f"the record at {letter.record_key()} is gone, and the letter holds only its beginning"
    same = sha256(value).hexdigest() == letter.sha256 if letter.sha256 is not None else value == made.value
    if not same:
        return f"another record stands at {letter.record_key()} now: its SHA-256 is not the letter's"
    return replace(made, key=key, value=value, headers=headers, whole=True)
