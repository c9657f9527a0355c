"""Finds records in logs: from a time on, backwards from the end, or only in the batches that contain given bytes.

A partition of an output topic gets a million records a day or more, and an explanation needs only a few. Most batches
are skipped without decoding their records.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.patches.fetched_records import install_batches, lazy
from meter.batch.stopping import stopped
from meter.errors import UserError
from meter.kafka.reachability import unreachable
from meter.settings import Settings

#: Seconds without a record before reading fails; the time limit of one poll, in ms.
PATIENCE_SECONDS, LOOK_MS = 20.0, 200
#: A backwards search begins with a window of this many records; each further window grows, up to the last number.
WINDOW, WIDER, WIDEST = 64, 8, 65_536
#: The window is as wide as the hit rate so far suggests, plus an eighth.
SPARE, SPARE_OF = 9, 8
#: Most bytes of one fetch; bytes of the first fetch after a seek (most searches need few records); growth factor.
FETCH_BYTES, FIRST_BYTES, GROWTH = 4 << 20, 256 << 10, 4
#: How long a fetch may wait for records, in ms: a seek waits until the fetch in flight has returned.
ANSWER_MS = 10


@asynccontextmanager
async def open_logs(settings: Settings) -> AsyncIterator["LogReader"]:
    """A reader of committed records; an offset that is out of range is an error, never a reset."""
    install_batches()
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        value_deserializer=lazy,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
        fetch_max_wait_ms=ANSWER_MS,
        retry_backoff_ms=ANSWER_MS,  # the first request for a topic waits this long for its metadata
        check_crcs=False,  # the broker checked it at the write, and the check takes half of the time
        **settings.kafka_client_kwargs(),
    )
    try:
        try:
            await consumer.start()
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield LogReader(consumer, consumer._fetcher)
    finally:
        await stopped(consumer)


class LogReader:
    """Runs one search at a time; it has the consumer methods that the other readers of logs need."""

    def __init__(self, consumer: Any, fetcher: Any = None) -> None:
        """`fetcher`: the consumer's own fetcher in aiokafka, which prefetches."""
        self._consumer, self._fetcher = consumer, fetcher
        self._fetch_bytes = FETCH_BYTES
        #: Metadata of all topics, fetched at first use.
        self._cluster: Any = None
        #: By topic: batches that contain none of these bytes are skipped.
        self.needles: dict[str, Sequence[bytes]] = {}
        self.assign, self.position = consumer.assign, consumer.position
        self.beginning_offsets, self.end_offsets = consumer.beginning_offsets, consumer.end_offsets

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Go to an offset; the first fetch is small, because a later seek has to wait for the prefetch after it."""
        self._fetch_bytes = FIRST_BYTES
        self._ask_for(self._fetch_bytes)
        self._consumer.seek(tp, offset)

    def _ask_for(self, size: int) -> None:
        """Limit later fetches to `size` bytes; a fetch returns at least one batch."""
        if self._fetcher is not None:
            self._fetcher._max_partition_fetch_bytes = size

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        """The records of one fetch, without the skipped batches."""
        self._ask_for(self._fetch_bytes)
        fetched = (await self._consumer.getmany(tp, timeout_ms=timeout_ms)).get(tp)
        if not fetched:
            return {}
        self._fetch_bytes = min(self._fetch_bytes * GROWTH, FETCH_BYTES)  # from the next fetch on
        needles = self.needles.get(tp.topic)
        return {tp: fetched.all() if needles is None else fetched.holding(needles)}

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset and the end of the committed records."""
        tp = TopicPartition(topic, partition)
        begins, ends = await asyncio.gather(self.beginning_offsets([tp]), self.end_offsets([tp]))
        return begins[tp], ends[tp]

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0: there is no such topic."""
        if self._cluster is None:  # for all topics: a request for a missing topic might make Kafka create it
            self._cluster = await self._consumer._client.fetch_all_metadata()
        return len(self._cluster.partitions_for_topic(topic) or ())

    async def offset_at(self, topic: str, partition: int, time_us: int) -> int | None:
        """The first offset at or after this time; None if there is none."""
        tp = TopicPartition(topic, partition)
        found = (await self._consumer.offsets_for_times({tp: max(0, time_us // 1000)}))[tp]
        return None if found is None else int(found.offset)

    async def lists(self, topic: str, partition: int, low: int, high: int, *needles: bytes) -> AsyncIterator[list[Any]]:
        """Yield the records in [`low`, `high`) fetch by fetch; raises UserError if none arrives in time.

        With `needles`, yields all records of the batches that contain one of them.
        """
        if low >= high:
            return
        tp = TopicPartition(topic, partition)
        if needles:
            self.needles[topic] = needles
        else:
            self.needles.pop(topic, None)
        self.assign([tp])
        self.seek(tp, low)
        waited, before = 0.0, low
        while before < high:
            fetched = (await self.getmany(tp, LOOK_MS)).get(tp, [])
            if fetched and fetched[-1].offset >= high:
                fetched = [record for record in fetched if record.offset < high]
            if fetched:
                yield fetched
            after = await self.position(tp)
            waited, before = (0.0 if after > before else waited + LOOK_MS / 1000), after
            if waited > PATIENCE_SECONDS:
                raise UserError(f"{topic}/{partition} gives nothing from offset {before} on; is the broker well?")

    async def newest_first(
        self, topic: str, partition: int, low: int, high: int, *needles: bytes, more: "More | None" = None
    ) -> AsyncIterator[tuple[int, list[Any]]]:
        """The same, window by window from the end: each window's first offset and its records in offset order.

        `more` counts records wanted and found; it keeps a window no wider than the missing ones need.
        """
        window, end = WINDOW, high
        while high > low:
            begin = max(low, high - window)
            found: list[Any] = []
            async for some in self.lists(topic, partition, begin, high, *needles):
                found += some
            yield begin, found
            high, window = begin, min(window * WIDER, WIDEST)
            if more is not None and more.found:
                window = max(WINDOW, min(window, more.window(end - high)))


@dataclass
class More:
    """How many records a backwards search wants and has found."""

    wanted: int
    found: int = 0

    def window(self, looked_at: int) -> int:
        """How many more records to search for the missing ones, at the hit rate so far and with a margin."""
        missing = max(1, self.wanted - self.found)
        return looked_at * missing * SPARE // (self.found * SPARE_OF)
