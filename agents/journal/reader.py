"""Reads a journal partition beside the meter that folds it, record by record, from one offset up to another."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.journal.facts_reader import reading
from meter.errors import UserError
from meter.kafka.reachability import unreachable
from meter.kafka.topics import Topics
from meter.settings import Settings
from tables import keys

#: How long the meter may take to fold what stood in the journal at the start.
FOLDING_SECONDS = 30.0
#: How long Kafka may give nothing, in seconds.
PATIENCE_SECONDS = 20.0
#: A position is looked for in the last so many records of the changelog, then in more before them.
WINDOW, WIDER = 1_000, 8


@dataclass(frozen=True)
class Span:
    """Offsets from `begin` to before `bound`, up to where it is folded; it ended at `end`. `first_ms`: of the first."""

    begin: int
    bound: int
    end: int
    first_ms: int


@asynccontextmanager
async def open_journal(settings: Settings) -> AsyncIterator[Any]:
    """A reader of committed records that never jumps."""
    async with AsyncExitStack() as stack:
        try:
            reader = await stack.enter_async_context(reading(settings.kafka_client_kwargs()))
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield reader


async def ends_of(reader: Any, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """Where these partitions end now."""
    places = [TopicPartition(topic, partition) for partition in partitions]
    return {tp.partition: end for tp, end in (await reader.end_offsets(places)).items()}


async def spans_of(reader: Any, topics: Topics, partitions: Iterable[int]) -> dict[int, Span]:
    """What there is of the journal now, up to where the meter has folded it, which is given some time."""
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
            raise UserError(f"{topic}/{partition} gives nothing from offset {before} on; is the broker well?")


async def _span(reader: Any, topic: str, partition: int, bound: int, end: int) -> Span:
    tp = TopicPartition(topic, partition)
    begin = (await reader.beginning_offsets([tp]))[tp]
    async for record in records(reader, topic, partition, begin, min(begin + 1, end)):
        return Span(begin, max(begin, bound), end, record.timestamp)
    return Span(begin, max(begin, bound), end, 0)


async def folded_position(reader: Any, topic: str, partition: int) -> int:
    """The first journal offset that the committed state does not hold yet, as its position in the changelog says."""
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
