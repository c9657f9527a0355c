"""Reading output topics as billing does: committed records only, every partition from its beginning.

Figures are cumulative, so `Latest` keeps the highest revision of each key and is right, whatever it read before.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, Protocol, TypeVar

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.admin import BrokerUnreachable, connected_admin, partition_counts
from meter.settings import Settings
from meter.trouble import Trouble

POLL_MS = 500
FETCH_WAIT_MS = 100


class Revised(Protocol):
    """A published record of a key."""

    @property
    def revision(self) -> int:
        """Which of two of a key stands."""

    def record_key(self) -> str:
        """The record's key."""


RecordT = TypeVar("RecordT", bound=Revised)


class Latest(Generic[RecordT]):
    """The records that stand: of each key the highest revision."""

    def __init__(self) -> None:
        self.records: dict[str, RecordT] = {}

    def take(self, record: RecordT) -> RecordT | None:
        """The record itself if it is news, and from now on what stands of its key; else None."""
        key = record.record_key()
        before = self.records.get(key)
        if before is not None and before.revision >= record.revision:
            return None
        self.records[key] = record
        return record


class OutputReader:
    """Some output topics, open for reading; `open_outputs` makes one."""

    def __init__(self, consumer: Any, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._partitions = partitions

    async def to_the_end(self) -> AsyncIterator[Any]:
        """Every record up to where the topics end now (transactions that are open then are not waited for)."""
        ends = await self._consumer.end_offsets(self._partitions)
        left = set(self._partitions)
        while left := {tp for tp in left if await self._consumer.position(tp) < ends[tp]}:
            for record in await self._fetched():
                yield record

    async def follow(self) -> AsyncIterator[Any]:
        """Every further record, for ever."""
        while True:
            for record in await self._fetched():
                yield record

    async def _fetched(self) -> Iterable[Any]:
        try:
            fetched = await self._consumer.getmany(timeout_ms=POLL_MS)
        except KafkaError as error:
            raise Trouble(f"reading stopped: {type(error).__name__}: {error}; look at the broker") from error
        return [record for records in fetched.values() for record in records if record.value is not None]


@asynccontextmanager
async def open_outputs(settings: Settings, *topics: str) -> AsyncIterator[OutputReader]:
    """Open topics (whole names) at their beginning; `Trouble` if one does not exist or no broker answers."""
    async with connected_admin(settings) as admin:
        counts = await partition_counts(admin)
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise Trouble(
            f"there is no topic {', '.join(missing)} at {settings.broker}; `meter worker` creates it "
            "(METER_TOPIC_PREFIX names the prefix)"
        )
    partitions = [TopicPartition(topic, number) for topic in topics for number in range(counts[topic])]
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **settings.kafka_client_kwargs(),
    )
    try:
        await consumer.start()
    except (KafkaError, OSError) as error:
        await consumer.stop()
        raise BrokerUnreachable(f"no Kafka answers at {settings.broker}: {error}; set METER_BROKER") from error
    try:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield OutputReader(consumer, partitions)
    finally:
        await consumer.stop()
