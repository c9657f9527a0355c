"""Looking things up in logs: from an instant on, backwards from the end, record lists instead of single records."""

from collections.abc import AsyncIterator
from typing import Any

from aiokafka import TopicPartition

from meter.errors import Trouble

#: How long Kafka may give nothing, in seconds; and one look, in ms.
PATIENCE_SECONDS, LOOK_MS = 20.0, 200
#: A key is looked for in the last so many records, then in more before them, up to so many at once.
WINDOW, WIDER, WIDEST = 2_000, 4, 64_000


class LogReader:
    """A consumer of committed records, used for one look after the other."""

    def __init__(self, consumer: Any) -> None:
        self.consumer = consumer

    async def bounds(self, topic: str, partition: int) -> tuple[int, int]:
        """The first offset and the end (of what is committed)."""
        tp = TopicPartition(topic, partition)
        beginning = (await self.consumer.beginning_offsets([tp]))[tp]
        return beginning, (await self.consumer.end_offsets([tp]))[tp]

    async def offset_at(self, topic: str, partition: int, time_us: int) -> int | None:
        """The first offset of this instant or later; None if there is none."""
        tp = TopicPartition(topic, partition)
        found = (await self.consumer.offsets_for_times({tp: max(0, time_us // 1000)}))[tp]
        return None if found is None else int(found.offset)

    async def lists(self, topic: str, partition: int, low: int, high: int) -> AsyncIterator[list[Any]]:
        """The records from offset `low` to before `high`, as they are fetched; Trouble if they do not come."""
        tp = TopicPartition(topic, partition)
        self.consumer.assign([tp])
        self.consumer.seek(tp, low)
        waited, before = 0.0, low
        while before < high:
            fetched = (await self.consumer.getmany(tp, timeout_ms=LOOK_MS)).get(tp, [])
            if fetched and fetched[-1].offset >= high:
                fetched = [record for record in fetched if record.offset < high]
            if fetched:
                yield fetched
            after = await self.consumer.position(tp)
            waited, before = (0.0 if after > before else waited + LOOK_MS / 1000), after
            if waited > PATIENCE_SECONDS:
                raise Trouble(f"{topic}/{partition} gives nothing from offset {before} on; is the broker well?")

    async def newest_first(self, topic: str, partition: int, low: int, high: int) -> AsyncIterator[list[Any]]:
        """The same, window by window from the end; inside a window the records rise."""
        window = WINDOW
        while high > low:
            begin = max(low, high - window)
            found: list[Any] = []
            async for some in self.lists(topic, partition, begin, high):
                found += some
            yield found
            high, window = begin, min(window * WIDER, WIDEST)
