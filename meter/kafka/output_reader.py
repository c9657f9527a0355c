"""Reads output topics as billing does: committed records only, every partition from its beginning.

Figures are cumulative, so `Latest` only needs the highest revision of each key.
"""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.stopping import stopped
from meter.errors import UserError
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.partitioner import partition_of
from meter.kafka.reachability import unreachable
from meter.settings import Settings

POLL_SECONDS = 0.5
FETCH_WAIT_MS = 100


class Revised(Protocol):
    """A published record of a key."""

    @property
    def revision(self) -> int:
        """Of two records of a key the higher revision applies."""

    def record_key(self) -> str:
        """The record's key."""


RecordT = TypeVar("RecordT", bound=Revised)


class Latest(Generic[RecordT]):
    """The record with the highest revision of each key."""

    def __init__(self) -> None:
        self.records: dict[str, RecordT] = {}

    def take(self, record: RecordT) -> RecordT | None:
        """Keep a record if its revision is higher; returns it then, else None."""
        key = record.record_key()
        before = self.records.get(key)
        if before is not None and before.revision >= record.revision:
            return None
        self.records[key] = record
        return record


class OutputRecord(NamedTuple):
    """A record with a value, and its topic: records read through `install_batches` have none."""

    topic: str
    partition: int
    offset: int
    #: The record's time, in ms.
    timestamp: int
    key: bytes | None
    value: bytes


class OutputReader:
    """Output topics open for reading; made by `open_outputs`."""

    def __init__(self, consumer: Any, watcher: Any, partitions: Sequence[TopicPartition]) -> None:
        self._consumer = consumer
        self._watcher = watcher
        self._partitions = partitions

    async def skip(self, *topics: str) -> None:
        """Skip everything published on these topics until now."""
        await self._consumer.seek_to_end(*(tp for tp in self._partitions if tp.topic in topics))

    async def pass_over(self, topic: str, before_ms: int) -> None:
        """Begin a topic at its first record not before this time (ms since 1970), or at its end."""
        partitions = [tp for tp in self._partitions if tp.topic == topic]
        found = await self._consumer.offsets_for_times(dict.fromkeys(partitions, before_ms))
        for tp in partitions:
            if found.get(tp) is None:
                await self._consumer.seek_to_end(tp)
            else:
                self._consumer.seek(tp, found[tp].offset)

    async def until_now(self) -> AsyncIterator[OutputRecord]:
        """Every record committed until now and none after; whole transactions, so the records are consistent."""
        ends = await self._consumer.end_offsets(self._partitions)
        left = set(self._partitions)
        while left := {tp for tp in left if await self._consumer.position(tp) < ends[tp]}:
            for record in await self.within(POLL_SECONDS):
                if record.offset < ends[TopicPartition(record.topic, record.partition)]:
                    yield record

    async def to_the_end(self, settled: bool = False) -> AsyncIterator[OutputRecord]:
        """Every record up to where the topics end now.

        `settled`: also wait for transactions that are open, or just committed. (Kafka answers a commit before its
        markers are in all partitions, so its records may not be readable yet.)
        """
        ends = await (self._watcher if settled else self._consumer).end_offsets(self._partitions)
        left = set(self._partitions)
        while left := {tp for tp in left if await self._consumer.position(tp) < ends[tp]}:
            for record in await self.within(POLL_SECONDS):
                yield record

    async def follow(self) -> AsyncIterator[OutputRecord]:
        """Every further record, endlessly."""
        while True:
            for record in await self.within(POLL_SECONDS):
                yield record

    async def within(self, seconds: float) -> Iterable[OutputRecord]:
        """The next records, as soon as there are any; none after `seconds`."""
        try:
            fetched = await self._consumer.getmany(timeout_ms=int(seconds * 1000))
        except KafkaError as error:
            raise UserError(f"reading stopped: {type(error).__name__}: {error}; look at the broker") from error
        return [
            OutputRecord(place.topic, place.partition, record.offset, record.timestamp, record.key, record.value)
            for place, records in fetched.items()
            for record in records
            if record.value is not None
        ]


@asynccontextmanager
async def open_outputs(settings: Settings, *topics: str, account: str | None = None) -> AsyncIterator[OutputReader]:
    """Open topics (whole names) at their beginning; `UserError` if one does not exist or no broker answers.

    With `account` only the partitions of its records are read.
    """
    async with connected_admin(settings) as admin:
        counts = await partition_counts(admin)
    missing = [topic for topic in topics if topic not in counts]
    if missing:
        raise UserError(
            f"there is no topic {', '.join(missing)} at {settings.broker}; `meter worker` creates it "
            "(METER_TOPIC_PREFIX names the prefix)"
        )
    partitions = [
        TopicPartition(topic, number)
        for topic in topics
        for number in range(counts[topic])
        if account is None or number == partition_of(account, counts[topic])
    ]
    async with _consumer(settings, "read_committed") as consumer, _consumer(settings, "read_uncommitted") as watcher:
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        yield OutputReader(consumer, watcher, partitions)


@asynccontextmanager
async def _consumer(settings: Settings, isolation: str) -> AsyncIterator[Any]:
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level=isolation,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=FETCH_WAIT_MS,
        **settings.kafka_client_kwargs(),
    )
    try:
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield consumer
    finally:
        await stopped(consumer)
