"""The chunk consumer over an aiokafka that gives what a test says."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.consumer import ChunkConsumer

USAGE, OTHER = TP("usage", 0), TP("usage", 1)


class Fetches(asyncio.Queue[dict[TP, int] | KafkaError]):
    """What was fetched; whoever waits for it is woken as by aiokafka."""

    def __init__(self) -> None:
        super().__init__()
        self._waiters: list[asyncio.Future[None]] = []

    def _put(self, item: dict[TP, int] | KafkaError) -> None:
        super()._put(item)
        for waiter in [each for each in self._waiters if not each.done()]:
            waiter.set_result(None)

    def waiter(self) -> asyncio.Future[None]:
        self._waiters.append(asyncio.get_running_loop().create_future())
        return self._waiters[-1]


class FakeKafka:
    """Gives what a test puts in `fetches`; positions move as aiokafka moves them: when records are given."""

    def __init__(self) -> None:
        self.positions: dict[TopicPartition, int] = {}
        self.fetches = Fetches()
        assignment = SimpleNamespace(state_value=self.state)
        self._subscription = SimpleNamespace(
            reassignment_in_progress=False, subscription=SimpleNamespace(assignment=assignment)
        )
        self.trouble: list[KafkaError] = []
        loop = asyncio.get_running_loop()
        self._coordinator = SimpleNamespace(
            check_errors=self.check_errors, _coordination_task=loop.create_future(), _closing=loop.create_future()
        )
        self._fetcher = SimpleNamespace(
            error_future=asyncio.get_running_loop().create_future(), _create_fetch_waiter=self.fetches.waiter
        )

    def check_errors(self) -> None:
        if self.trouble:
            raise self.trouble.pop()

    def state(self, tp: TopicPartition) -> Any:
        position = self.positions.get(tp)
        return SimpleNamespace(position=position, has_valid_position=position is not None)

    def assignment(self) -> set[TopicPartition]:
        return set(self.positions)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.positions[tp] = offset

    def resume(self, tp: TopicPartition) -> None:
        pass

    pause = resume

    async def getmany(self, *wanted: TopicPartition) -> dict[Any, list[Any]]:
        if self.fetches.empty():
            return {}
        given = self.fetches.get_nowait()
        if isinstance(given, KafkaError):
            raise given
        left = {tp: number for tp, number in given.items() if TopicPartition(*tp) not in wanted}
        if left:
            self.fetches.put_nowait(left)
        return {TopicPartition(*tp): self.give(tp, given[tp]) for tp in given if tp not in left}

    def give(self, tp: TP, number: int) -> list[int]:
        first = self.positions[TopicPartition(*tp)]
        self.positions[TopicPartition(*tp)] += number
        return list(range(first, first + number))


class AloneConsumer(ChunkConsumer):
    """The consumer without Faust around it."""

    should_stop = False
    flow_active = True

    def __init__(self, kafka: FakeKafka, reading: "Reading") -> None:
        self.kafka = kafka
        self._ahead, self._begun, self._next = {}, {}, {}
        self._epochs = itertools.count(1)
        self._wake = asyncio.Event()
        self.callback = reading.take
        tables = SimpleNamespace(on_read_error=reading.tell)
        self.app = SimpleNamespace(
            tables=tables, consumer_generation_id=1, conf=SimpleNamespace(id="group"), fail=reading.errors.append
        )

    async def wait_first(self, *waited: Any, **_: Any) -> None:
        await asyncio.wait({asyncio.ensure_future(waited[0])}, timeout=0.01)


class Reading:
    """A consumer at work, and the chunks it handed out."""

    def __init__(self) -> None:
        self.kafka = FakeKafka()
        self.chunks: list[Chunk] = []
        self.errors: list[Exception] = []
        self.consumer = AloneConsumer(self.kafka, self)

    async def take(self, message: Any) -> None:
        self.chunks.append(message.value)

    def tell(self, error: Exception) -> bool:
        self.errors.append(error)
        return True

    async def fetch(self, given: dict[TP, int] | KafkaError) -> None:
        """One fetch comes back with so many records of each partition, or an error."""
        self.kafka.fetches.put_nowait(given)
        await self.goes_on()

    async def goes_on(self) -> None:
        """The consumer does what it can do now."""
        for _ in range(5):
            await asyncio.sleep(0)


def read(story: Callable[[Reading], Awaitable[None]]) -> None:
    async def scenario() -> None:
        reading = Reading()
        draining = asyncio.create_task(reading.consumer._drain_messages(SimpleNamespace(should_stop=False)))
        try:
            await story(reading)
        finally:
            draining.cancel()
            await asyncio.wait({draining})

    asyncio.run(scenario())
