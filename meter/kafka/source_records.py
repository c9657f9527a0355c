"""Reads records of input topics again by their coordinates: one, or all of a shared dead letter."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.patches.fetched_records import install_batches
from meter.batch.stopping import stopped
from meter.commands.redrive import Sendable
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.dead_letters import DeadLetter

#: How long one record may take to be read from its source, in ms.
SOURCE_MS = 5_000
#: The most records of a round; most of them lie between those of the letter and are dropped.
ROUND_RECORDS = 5_000


@asynccontextmanager
async def source_records(settings: Settings) -> AsyncIterator["SourceRecords"]:
    """Read source records again."""
    install_batches()  # with the lenient reader, so that whatever the intake read can be read again
    consumer = aiokafka.AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        **settings.kafka_client_kwargs(),
    )
    await consumer.start()
    try:
        yield SourceRecords(consumer, Topics.of(settings.topic_prefix))
    finally:
        await stopped(consumer)


class SourceRecords:
    """Reads records by topic (without the prefix), partition and offset."""

    def __init__(self, consumer: Any, topics: Topics) -> None:
        self._consumer, self._topics = consumer, topics

    async def at(self, topic: str, partition: int, offset: int) -> Any | None:
        """The record at an offset; None if it is gone, or Kafka does not answer."""
        place = TopicPartition(self._topics.prefix + topic, partition)
        try:
            beginning, end = await self._bounds(place)
            if not beginning <= offset < end:
                return None
            self._consumer.seek(place, offset)
            fetched = await self._consumer.getmany(place, timeout_ms=SOURCE_MS, max_records=1)
        except KafkaError:
            return None
        return next((record for record in fetched.get(place, ()) if record.offset == offset), None)

    async def of_summary(self, letter: DeadLetter) -> list[Sendable] | str:
        """The records of a shared letter, in order; or a sentence why they cannot be read."""
        assert letter.ranges is not None and letter.last_offset is not None, "a summary has ranges"
        place = TopicPartition(self._topics.prefix + letter.topic, letter.partition)
        where = f"{letter.topic}/{letter.partition}"
        try:
            beginning, end = await self._bounds(place)
            if beginning > letter.offset:
                return f"the records of {where} before {beginning} are gone"
            if end <= letter.last_offset:
                return f"{where} ends at {end}: the topic was deleted and made again"
            found = await self._between(place, letter.offset, letter.last_offset)
        except KafkaError as error:
            return f"{where} could not be read: {error!r}"
        wanted = {offset for first, last in letter.ranges for offset in range(first, last + 1)}
        records = [record for record in found if record.offset in wanted]
        values = [getattr(record, "raw", b"") or record.value for record in records]
        missing = len(wanted) - sum(value is not None for value in values)
        if missing:
            return f"{missing} of {len(wanted)} records are gone from {where}"
        if letter.sha256 is not None and sha256(b"".join(values)).hexdigest() != letter.sha256:
            return f"other records stand at {where} now: their SHA-256 is not the letter's"
        return [
            Sendable(letter, letter.topic, record.key, value, tuple(record.headers), whole=True, offset=record.offset)
            for record, value in zip(records, values, strict=True)
        ]

    async def _bounds(self, place: TopicPartition) -> tuple[int, int]:
        """The first offset of a partition and its end."""
        self._consumer.assign([place])
        beginning = (await self._consumer.beginning_offsets([place]))[place]
        return beginning, (await self._consumer.end_offsets([place]))[place]

    async def _between(self, place: TopicPartition, first: int, last: int) -> list[Any]:
        """The records from one offset to another; fewer if Kafka does not answer in time."""
        found: list[Any] = []
        self._consumer.seek(place, first)
        while await self._consumer.position(place) <= last:
            fetched = await self._consumer.getmany(place, timeout_ms=SOURCE_MS, max_records=ROUND_RECORDS)
            records = fetched.get(place, ())
            if not records:
                break
            found += [record for record in records if record.offset <= last]
        return found
