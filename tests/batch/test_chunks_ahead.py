"""Reading with several partitions: one whose lane takes its time holds up nobody longer than that."""

import asyncio
import itertools
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from aiokafka import TopicPartition
from faust.types import TP

from meter.batch import consumer
from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.consumer import ChunkConsumer

SLOW, QUIET = TP("usage", 0), TP("usage", 1)
SECONDS = 5.0


class Kafka:
    """aiokafka with what it has fetched; `getmany` takes all of the partitions named."""

    def __init__(self) -> None:
        self.there: dict[TP, list[int]] = {SLOW: [], QUIET: []}
        self._fetcher = self
        self._subscription = SimpleNamespace(subscription=SimpleNamespace(assignment=self))
        self._waiters: set[asyncio.Future[None]] = set()
        self._taken = dict.fromkeys(self.there, 0)

    def fetched(self, tp: TP) -> None:
        self.there[tp].append(1)
        for waiter in list(self._waiters):
            waiter.set_result(None)

    def assignment(self) -> set[TopicPartition]:
        return {TopicPartition(*tp) for tp in self.there}

    def state_value(self, tp: TopicPartition) -> Any:
        return SimpleNamespace(position=self._taken[TP(*tp)])

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0) -> dict[TopicPartition, list[int]]:
        assert timeout_ms == 0, "nobody could be read before the time is over"
        found = {tp: self.there[TP(*tp)] for tp in partitions if self.there[TP(*tp)]}
        for tp, records in found.items():
            self._taken[TP(*tp)] += len(records)
            self.there[TP(*tp)] = []
        return found

    def _create_fetch_waiter(self) -> asyncio.Future[None]:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.add(waiter)
        waiter.add_done_callback(self._waiters.discard)
        return waiter


class Reading(ChunkConsumer):
    """The consumer without Faust: chunks go to a queue."""

    should_stop: ClassVar[bool] = False
    flow_active = True

    def __init__(self, kafka: Kafka) -> None:
        self.kafka: Any = kafka
        self._ahead, self._begun = dict.fromkeys(kafka.there, 0), dict.fromkeys(kafka.there, 1)
        self._next, self._epochs = dict.fromkeys(kafka.there, 0), itertools.count(2)
        self._wake = asyncio.Event()
        self.chunks: asyncio.Queue[Chunk] = asyncio.Queue()

    async def _hand_out(self, fetched: Any) -> None:
        for chunk in self._chunks(fetched):
            self.chunks.put_nowait(chunk)


def test_what_waits_for_a_busy_lane_is_read_as_soon_as_the_lane_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "FETCH_WAIT_MS", 3_600_000)

    async def story() -> None:
        kafka = Kafka()
        reading = Reading(kafka)
        going = asyncio.create_task(reading._drain_messages(SimpleNamespace(should_stop=False)))
        async with asyncio.timeout(SECONDS):
            taken = []
            for _ in range(CHUNKS_AHEAD):
                kafka.fetched(SLOW)
                taken.append(await reading.chunks.get())
            kafka.fetched(SLOW)  # a third, and the other partition stays quiet
            await asyncio.sleep(0)
            assert reading.chunks.empty() and reading.full(SLOW)
            reading.release(taken[0])
            assert (await reading.chunks.get()).tp == SLOW
            kafka.fetched(QUIET)
            assert (await reading.chunks.get()).tp == QUIET
        going.cancel()

    asyncio.run(story())
