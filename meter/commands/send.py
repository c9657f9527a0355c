"""Sends JSON lines of a file to an input topic; each line is acknowledged, or named by its number.

A line is sent unchanged; it is parsed only for its key, and by `check`. Problems are values, so that all of them are
shown at once, before anything is sent.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from meter.errors import Interrupted, UserError
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.reachability import unreachable
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.ids import shown
from schemas.record import NotJson, json_value

#: Unacknowledged records at a time: enough to fill batches, few enough to name the line that failed.
ON_THEIR_WAY = 10_000
#: An order of 1,000 workspaces has 66 KB; a line that the broker refuses is named.
REQUEST_BYTES = 8 << 20
#: How long a missing topic is awaited: a worker that is starting creates it within a few seconds.
TOPIC_SECONDS = 15.0
POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Kind:
    """An input topic, and the field that is its records' key."""

    topic: Callable[[Topics], str]
    key: str


KINDS = {
    "usage": Kind(lambda topics: topics.usage, "subject"),
    "workspaces": Kind(lambda topics: topics.workspaces, "workspace"),
    "orders": Kind(lambda topics: topics.plan_purchases, "account"),
}


class Line(NamedTuple):
    """One record to send, and its line number."""

    number: int
    key: bytes | None
    value: bytes


class Problem(NamedTuple):
    """A problem of a line."""

    number: int
    sentence: str


#: Returns the problem of a line's record, or None.
Check = Callable[[int, bytes], Problem | None]


def read_lines(content: Iterable[bytes], kind: Kind, check: Check | None = None) -> Iterator[Line | Problem]:
    """The records of JSON lines, numbered from 1, and the problems; empty lines are skipped."""
    for number, line in enumerate(content, 1):
        value = line.strip()
        if value:
            yield _read(number, value, kind, check)


def _read(number: int, value: bytes, kind: Kind, check: Check | None) -> Line | Problem:
    try:
        shape = json_value(value)
    except NotJson as wrong:
        return Problem(
            number, f"a record must be one JSON object: {wrong.__cause__}".replace("at line 1 column", "at column")
        )
    if not isinstance(shape, dict):
        return Problem(number, f"a record must be one JSON object, this is {shown(shape)}")
    found = None if check is None else check(number, value)
    if found is not None:
        return found
    key = shape.get(kind.key)
    return Line(number, key.encode() if isinstance(key, str) else None, value)


async def deliver(
    settings: Settings,
    kind: Kind,
    lines: Iterable[Line],
    advance: Callable[[int], None],
    say: Callable[[str], None],
) -> int:
    """Send lines in their order and return, when each is acknowledged, how many there were.

    `advance` is called with the number acknowledged after each step, `say` with what is being waited for. UserError
    with the first line that Kafka refused.
    """
    topic = kind.topic(Topics.of(settings.topic_prefix))
    await _await_topic(settings, topic, say)
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        linger_ms=5,
        max_request_size=REQUEST_BYTES,
        **settings.kafka_client_kwargs(),
    )
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        raise await unreachable(settings, error) from error
    try:
        return await _send_all(producer, topic, lines, advance)
    finally:
        await producer.stop()


async def _send_all(
    producer: AIOKafkaProducer, topic: str, lines: Iterable[Line], advance: Callable[[int], None]
) -> int:
    waiting: deque[tuple[int, Awaitable[Any]]] = deque()
    acknowledged = 0
    total = 0

    async def first_acknowledged() -> None:
        nonlocal acknowledged
        number, answer = waiting.popleft()
        try:
            await answer
        except KafkaError as error:
            raise _refused(number, error, acknowledged) from error
        acknowledged += 1
        advance(1)

    try:
        for line in lines:
            total += 1
            try:
                waiting.append((line.number, await producer.send(topic, line.value, key=line.key)))
            except KafkaError as error:
                raise _refused(line.number, error, acknowledged) from error
            if len(waiting) >= ON_THEIR_WAY:
                await first_acknowledged()
        while waiting:
            await first_acknowledged()
    except asyncio.CancelledError:
        raise Interrupted(
            f"interrupted: {acknowledged:,} records are acknowledged, up to {total - acknowledged:,} more may have "
            "arrived. Send the file again: what arrived already counts once"
        ) from None
    return acknowledged


def _refused(number: int, error: KafkaError, acknowledged: int) -> UserError:
    name = type(error).__name__
    return UserError(
        f"line {number}: Kafka did not take it: {name}: {error}; {acknowledged} records before it are acknowledged. "
        "Mend it and send the file again: what arrived already counts once"
    )


async def _await_topic(settings: Settings, topic: str, say: Callable[[str], None]) -> None:
    """Wait until a worker has created the topic: auto-created, it would lack LogAppendTime."""
    deadline = time.monotonic() + TOPIC_SECONDS
    waited = False
    async with connected_admin(settings) as admin:
        while topic not in await partition_counts(admin):
            if time.monotonic() > deadline:
                raise UserError(f"there is no topic {topic} at {settings.broker}; `meter worker` creates it")
            if not waited:
                say(f"there is no topic {topic} yet; waiting up to {TOPIC_SECONDS:.0f} s for a worker to create it")
            waited = True
            await asyncio.sleep(POLL_SECONDS)
