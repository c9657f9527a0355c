"""Reads the journal's facts: its opening, and the catalog versions that partition 0 decided since.

It begins with the state, if there is one (changelog partition 0 keeps opening and versions for the time when the
journal no longer begins at 0), then reads the journal to its end.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiokafka
import msgspec
from aiokafka import TopicPartition

from meter.batch.stopping import stopped
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.rules.catalog_versions import decided
from meter.rules.state.journal_facts import JournalFacts
from schemas.journal import CatalogVersion, Opening, announces, decode
from schemas.rows import replaced
from tables import keys
from tables.facts import FactsRow, facts_of

#: How long a read may get no record, in seconds.
PATIENCE_SECONDS = 20.0
#: The state is searched in the last WINDOW records of the changelog, then in WIDER times as many before them.
WINDOW = 500
WIDER = 8
#: A consumer that seeks first waits for the fetch under way: at most this long, in ms.
ANSWER_MS = 10
#: Offset and time of the last record folded, if there is no state.
NOTHING_FOLDED = (-1, 0)


class OpeningRefused(UserError):
    """The meter under this prefix was opened with other facts."""


@dataclass(frozen=True)
class Recorded:
    """The facts that partition 0 decided before `next_offset`; `newest_ms`: LogAppendTime of the record before it."""

    facts: JournalFacts
    next_offset: int
    newest_ms: int


@asynccontextmanager
async def reading(client_kwargs: Mapping[str, Any]) -> AsyncIterator[aiokafka.AIOKafkaConsumer]:
    """A consumer of committed records without a group, for short reads at different offsets."""
    reader = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=4 << 20,
        fetch_max_wait_ms=ANSWER_MS,
        **client_kwargs,
    )
    try:
        await reader.start()
        yield reader
    finally:
        await stopped(reader)


async def first(reader: aiokafka.AIOKafkaConsumer, topic: str, partition: int) -> Opening | None:
    """The opening at offset 0; None if the partition is empty, or no longer begins there."""
    tp = TopicPartition(topic, partition)
    reader.assign([tp])
    if (await reader.end_offsets([tp]))[tp] == 0 or (await reader.beginning_offsets([tp]))[tp] > 0:
        return None
    async for record in between(reader, tp, 0, 1):
        found = decode(record.value)
        if isinstance(found, Opening):
            return replaced(found, opened_ms=found.opened_ms or record.timestamp)
    raise OpeningRefused(f"{topic}/{partition} does not begin with an opening record; was its beginning deleted?")


async def begun(reader: aiokafka.AIOKafkaConsumer, topic: str, partition: int) -> bool:
    """Whether anything was ever written to the partition."""
    tp = TopicPartition(topic, partition)
    return bool((await reader.end_offsets([tp]))[tp] > 0)


async def newest_ms(reader: aiokafka.AIOKafkaConsumer, topic: str, partitions: int) -> int | None:
    """When Kafka got the newest record of a topic (ms), of the last ones of its partitions; None if it is empty."""
    newest = None
    for tp in [TopicPartition(topic, partition) for partition in range(partitions)]:
        reader.assign([tp])
        beginning, end = (await reader.beginning_offsets([tp]))[tp], (await reader.end_offsets([tp]))[tp]
        if end > beginning:
            async for record in between(reader, tp, end - 1, end):
                newest = max(newest or 0, record.timestamp)
    return newest


async def opening(reader: aiokafka.AIOKafkaConsumer, topics: Topics) -> Opening | None:
    """The opening, from the journal or the changelog; None if the journal is not opened yet."""
    found = await first(reader, topics.journal, 0)
    if found is None:
        state, _ = await _state(reader, topics.changelog)
        found = None if state is None else state.opening
    return found


async def recorded(reader: aiokafka.AIOKafkaConsumer, topics: Topics) -> Recorded | None:
    """The facts under a prefix; None if its journal is not opened yet."""
    state, position = await _state(reader, topics.changelog)
    if not await begun(reader, topics.journal, 0):
        if state is None:
            return None
        raise OpeningRefused(
            f"{topics.journal}/0 is empty, but {topics.changelog}/0 holds the state of meter {state.opening.meter_id}, "
            f"folded up to offset {position[0]}: the journal was deleted; restore it, or begin under another prefix"
        )
    opened = await first(reader, topics.journal, 0)
    if opened is not None and (state is None or state.opening.meter_id != opened.meter_id):
        state, position = None, NOTHING_FOLDED  # made again: the worker that folds it says what is wrong
    if state is not None:
        opened = state.opening
    if opened is None:
        raise OpeningRefused(
            f"{topics.journal}/0 no longer begins with the opening, and {topics.changelog}/0 does not hold it: "
            "the changelog was deleted; restore it, or begin under another prefix"
        )
    facts = JournalFacts.opened(opened, opened.opened_ms)
    for entry in () if state is None else state.announced:
        facts = facts.with_announced(entry)
    offset, folded_ms = position
    return await read_on(reader, topics, Recorded(facts, offset + 1, max(opened.opened_ms, folded_ms)))


async def read_on(reader: aiokafka.AIOKafkaConsumer, topics: Topics, known: Recorded) -> Recorded:
    """The known facts with what partition 0 decided since, up to its end now."""
    tp = TopicPartition(topics.journal, 0)
    reader.assign([tp])
    beginning, end = (await reader.beginning_offsets([tp]))[tp], (await reader.end_offsets([tp]))[tp]
    facts, newest_ms = known.facts, known.newest_ms
    start = max(beginning, min(known.next_offset, end - 1))
    async for record in between(reader, tp, start, end):
        newest_ms = max(newest_ms, record.timestamp)
        entry = announced_by(record)
        if entry is not None:
            facts = facts.with_announced(entry)
    return Recorded(facts, end, newest_ms)


def announced_by(record: Any) -> CatalogVersion | None:
    """The catalog version that a record of partition 0 announces; None, without decoding, for other records."""
    if not announces(record.value):
        return None
    entry = decode(record.value)
    assert isinstance(entry, CatalogVersion), "its tag says so"
    return decided(entry, record.offset, record.timestamp)


async def _state(reader: aiokafka.AIOKafkaConsumer, topic: str) -> tuple[FactsRow | None, tuple[int, int]]:
    """The facts in changelog partition 0, with offset and time of the last journal record folded into them."""
    tp = TopicPartition(topic, 0)
    reader.assign([tp])
    beginning, end = (await reader.beginning_offsets([tp]))[tp], (await reader.end_offsets([tp]))[tp]
    found: dict[bytes, bytes] = {}
    high, window = end, WINDOW
    while high > beginning and len(found) < 2:
        low = max(beginning, high - window)
        latest = {
            record.key: record.value
            async for record in between(reader, tp, low, high)
            if record.key in (keys.FACTS, keys.POSITION) and record.value is not None
        }
        found = {**latest, **found}
        high, window = low, window * WIDER
    if len(found) < 2:
        return None, NOTHING_FOLDED
    offset, timestamp_ms, *_ = msgspec.msgpack.decode(found[keys.POSITION])
    return facts_of(found[keys.FACTS]), (offset, timestamp_ms)


async def between(reader: aiokafka.AIOKafkaConsumer, tp: TopicPartition, low: int, high: int) -> AsyncIterator[Any]:
    """The records of an assigned partition from offset `low` to before `high`; UserError if they do not come."""
    reader.seek(tp, low)
    waited, before = 0.0, low
    while before < high:
        fetched = await reader.getmany(tp, timeout_ms=500)
        for record in fetched.get(tp, ()):
            if record.offset < high:
                yield record
        after = await reader.position(tp)
        waited, before = (0.0 if after > before else waited + 0.5), after
        if waited > PATIENCE_SECONDS:
            raise UserError(f"{tp.topic}/{tp.partition} gives nothing from offset {before} on; is the broker well?")
