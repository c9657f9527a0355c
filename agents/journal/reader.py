"""Reads a journal partition while the meter folds it: record by record, from one offset up to another."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.journal.facts_reader import between, reading
from meter.kafka.reachability import unreachable
from meter.kafka.topics import Topics
from meter.settings import Settings
from tables import keys

#: How long the meter may take to fold what was in the journal at the start.
FOLDING_SECONDS = 30.0
#: A position is searched in the last WINDOW records of the changelog, then in WIDER times as many before them.
WINDOW, WIDER = 1_000, 8


@dataclass(frozen=True)
class Span:
    """A partition's folded offsets: `begin` to before `bound`. `end`: of the log, `first_ms`: time of the first."""

    begin: int
    bound: int
    end: int
    first_ms: int


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncIterator[Any]:
    """A consumer of committed records without a group, which never resets its offset."""
    async with AsyncExitStack() as stack:
        try:
            reader = await stack.enter_async_context(reading(settings.kafka_client_kwargs()))
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield reader


async def ends_of(reader: Any, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The present ends of these partitions."""
    places = [TopicPartition(topic, partition) for partition in partitions]
    return {tp.partition: end for tp, end in (await reader.end_offsets(places)).items()}


async def spans_of(reader: Any, topics: Topics, partitions: Iterable[int]) -> dict[int, Span]:
    """The folded offsets of the journal's partitions; waits FOLDING_SECONDS for the meter to fold all there is now."""
    ends = await ends_of(reader, topics.journal, partitions)
    clock = asyncio.get_running_loop().time
    deadline = clock() + FOLDING_SECONDS
    folded = dict.fromkeys(ends, 0)
    while behind := [partition for partition, end in ends.items() if folded[partition] < end]:
        for partition in behind:
            folded[partition] = await folded_position(reader, topics.changelog, partition)
        if clock() > deadline:
            break
        await asyncio.sleep(0.2)
    return {part: await _span(reader, topics.journal, part, min(end, folded[part]), end) for part, end in ends.items()}


async def records(reader: Any, topic: str, partition: int, low: int, high: int) -> AsyncIterator[Any]:
    """The records from offset `low` to before `high`; UserError if they do not come."""
    tp = TopicPartition(topic, partition)
    reader.assign([tp])
    async for record in between(reader, tp, low, high):
        yield record


async def _span(reader: Any, topic: str, partition: int, bound: int, end: int) -> Span:
    tp = TopicPartition(topic, partition)
    begin = (await reader.beginning_offsets([tp]))[tp]
    async for record in records(reader, topic, partition, begin, min(begin + 1, end)):
        return Span(begin, max(begin, bound), end, record.timestamp)
    return Span(begin, max(begin, bound), end, 0)


async def folded_position(reader: Any, topic: str, partition: int) -> int:
    """The first journal offset that is not folded yet, from the position row in the changelog."""
    tp = TopicPartition(topic, partition)
    bounds: Mapping[Any, int] = await reader.beginning_offsets([tp])
    beginning, high = bounds[tp], (await reader.end_offsets([tp]))[tp]
    window = WINDOW
    while high > beginning:
        low, found = max(beginning, high - window), None
        async for record in records(reader, topic, partition, low, high):
            if record.key == keys.POSITION and record.value is not None:
                found = int(msgspec.msgpack.decode(record.value)[0]) + 1
        if found is not None:
            return found
        high, window = low, window * WIDER
    return 0
