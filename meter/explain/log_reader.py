"""Looking things up in logs: from an instant on, backwards from the end, and only the batches that hold some bytes.

A partition of an output topic gets a million records a day and more, of which an explanation needs a few: most batches
are passed over without making a record of them.
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

#: How long Kafka may give nothing, in seconds; and one look, in ms.
PATIENCE_SECONDS, LOOK_MS = 20.0, 200
#: Something is looked for in the last so many records, then in more before them, up to so many at once.
WINDOW, WIDER, WIDEST = 64, 8, 65_536
#: As wide as what was found so far makes expect, and an eighth more.
SPARE, SPARE_OF = 9, 8
#: The most bytes of one fetch; the first at a new place, of which most looks want a record or two; how fast they grow.
FETCH_BYTES, FIRST_BYTES, GROWTH = 4 << 20, 256 << 10, 4
#: How long a fetch may wait for records, in ms: a consumer that goes elsewhere waits for its last question first.
ANSWER_MS = 10


@asynccontextmanager
async def open_logs(settings: Settings) -> AsyncIterator["LogReader"]:
    """A reader of committed records that never jumps."""
    install_batches()
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        value_deserializer=lazy,
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=FETCH_BYTES,
        fetch_max_wait_ms=ANSWER_MS,
        retry_backoff_ms=ANSWER_MS,  # the first question about a topic waits so long for its metadata
        check_crcs=False,  # what is only shown was checked when it was written, and half of the time goes there
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
    """Used for one look after the other; it also stands where others take a consumer, for those of its methods."""

    def __init__(self, consumer: Any, fetcher: Any = None) -> None:
        """`fetcher`: aiokafka's of the consumer, which asks for the next records before anybody wants them."""
        self._consumer, self._fetcher = consumer, fetcher
        self._fetch_bytes = FETCH_BYTES
        #: Kafka's topics, once they were asked for.
        self._cluster: Any = None
        #: By topic: batches are passed over that hold none of these.
        self.needles: dict[str, Sequence[bytes]] = {}
        self.assign, self.position = consumer.assign, consumer.position
        self.beginning_offsets, self.end_offsets = consumer.beginning_offsets, consumer.end_offsets

    def seek(self, tp: TopicPartition, offset: int) -> None:
        """Go to an offset; what was asked for ahead at the last place is waited for, so that is little at first."""
        self._fetch_bytes = FIRST_BYTES
        self._ask_for(self._fetch_bytes)
        self._consumer.seek(tp, offset)

    def _ask_for(self, size: int) -> None:
        """From now on fetches bring so many bytes, a batch at least."""
        if self._fetcher is not None:
            self._fetcher._max_partition_fetch_bytes = size

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[Any]]:
        """What a fetch brought of a partition, without the batches that are passed over."""
        self._ask_for(self._fetch_bytes)
        fetched = (await self._consumer.getmany(tp, timeout_ms=timeout_ms)).get(tp)
        if not fetched:
            return {}
        self._fetch_bytes = min(self._fetch_bytes * GROWTH, FETCH_BYTES)  # from the next look on
        needles = self.needles.get(tp.topic)
        return {tp: fetched.all() if needles is None else fetched.holding(needles)}

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset and the end (of what is committed)."""
        tp = TopicPartition(topic, partition)
        begins, ends = await asyncio.gather(self.beginning_offsets([tp]), self.end_offsets([tp]))
        return begins[tp], ends[tp]

    async def partitions(self, topic: str) -> int:
        """How many partitions a topic has; 0: there is no such topic."""
        if self._cluster is None:  # of all topics: one that does not exist is not asked for, or Kafka might make it
            self._cluster = await self._consumer._client.fetch_all_metadata()
        return len(self._cluster.partitions_for_topic(topic) or ())

    async def offset_at(self, topic: str, partition: int, time_us: int) -> int | None:
        """The first offset of this instant or later; None if there is none."""
        tp = TopicPartition(topic, partition)
        found = (await self._consumer.offsets_for_times({tp: max(0, time_us // 1000)}))[tp]
        return None if found is None else int(found.offset)

    async def lists(self, topic: str, partition: int, low: int, high: int, *needles: bytes) -> AsyncIterator[list[Any]]:
        """The records from offset `low` to before `high`, as they are fetched; UserError if they do not come.

        With `needles` those of the batches that hold one of them; the records beside them come along.
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
        """The same, window by window from the end: where each begins, and its records, which rise.

        `more`: how many of them were wanted and found so far; then a window is no wider than the rest asks for.
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
    """What somebody looks for, window by window: so many, of which so many were found."""

    wanted: int
    found: int = 0

    def window(self, looked_at: int) -> int:
        """How many records more to look at for the rest, if they lie as those that were found; some to spare."""
        missing = max(1, self.wanted - self.found)
        return looked_at * missing * SPARE // (self.found * SPARE_OF)
