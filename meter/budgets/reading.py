"""Reads a partition of a topic to its end, with records without a value: these remove a budget."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.stopping import stopped
from meter.kafka.reachability import unreachable
from meter.settings import Settings

POLL_MS = 500


class Fetched(NamedTuple):
    """A record, with the topic that aiokafka's own may not name (the batch path slims them)."""

    topic: str
    offset: int
    #: Of the record, in ms.
    timestamp: int
    key: bytes
    value: bytes | None


def fetched(tp: TopicPartition, records: list[Any]) -> list[Fetched]:
    """The fetched records of a partition; records without a key are ignored."""
    return [
        Fetched(tp.topic, record.offset, record.timestamp, bytes(record.key), record.value)
        for record in records
        if record.key is not None
    ]


async def to_the_end(reader: Any, topic: str, partition: int) -> list[Fetched]:
    """All records of the partition committed by now."""
    tp = TopicPartition(topic, partition)
    reader.assign([tp])
    await reader.seek_to_beginning(tp)
    end = (await reader.end_offsets([tp]))[tp]
    found: list[Fetched] = []
    while await reader.position(tp) < end:
        found += fetched(tp, (await reader.getmany(timeout_ms=POLL_MS)).get(tp, []))
    return found


@asynccontextmanager
async def committed_reader(settings: Settings) -> AsyncIterator[Any]:
    """A consumer without a group, for committed records; `BrokerUnreachable` if no broker answers."""
    reader = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        **settings.kafka_client_kwargs(),
    )
    try:
        try:
            await reader.start()
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield reader
    finally:
        await stopped(reader)
