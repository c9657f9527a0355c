"""The chunk consumer leaves no gap: whatever aiokafka gave is handed out, or read again."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError
from faust.types import TP

from meter.batch import consumer
from meter.batch.chunks import CHUNKS_AHEAD, Chunk
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
        self._coordinator = SimpleNamespace(check_errors=self.check_errors)
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


def test_a_fetch_requested_before_a_partition_reopened_belongs_to_the_new_reading() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        await reading.fetch({USAGE: 3})
        await asyncio.sleep(0)  # the next fetch is under way
        reading.consumer.pause(USAGE)
        reading.consumer.begin(USAGE, 2)
        await reading.fetch({USAGE: 4})
        old, new = reading.chunks
        assert not reading.consumer.current(old)
        assert reading.consumer.current(new)
        assert (new.start, new.records, new.position) == (2, [2, 3, 4, 5], 6)

    read(story)


def test_chunks_of_one_reading_follow_each_other() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 10)
        await reading.fetch({USAGE: 2})
        await reading.fetch({USAGE: 3})
        assert [(chunk.start, chunk.position) for chunk in reading.chunks] == [(10, 12), (12, 15)]

    read(story)


def test_what_one_partition_gave_before_the_error_of_another_is_read_again() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        reading.consumer.begin(OTHER, 7)
        reading.kafka.give(USAGE, 5)  # aiokafka has taken them out when it meets the other's broken batch
        await reading.fetch(CorruptRecordException("usage/1"))
        assert reading.kafka.positions == {TopicPartition(*USAGE): 0, TopicPartition(*OTHER): 7}
        assert len(reading.errors) == 1
        await reading.fetch({USAGE: 5})
        assert reading.chunks[0].records == [0, 1, 2, 3, 4]

    read(story)


def test_what_comes_while_a_rebalance_stopped_the_flow_is_read_again() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        await asyncio.sleep(0)
        reading.consumer.flow_active = False
        await reading.fetch({USAGE: 5})
        assert reading.chunks == []
        assert reading.consumer.position(USAGE) == 0
        assert reading.consumer.idle(USAGE)

    read(story)


def test_a_partition_is_idle_only_when_all_that_was_read_is_released() -> None:
    async def story(reading: Reading) -> None:
        consumer = reading.consumer
        consumer.begin(USAGE, 0)
        assert consumer.idle(USAGE)
        await reading.fetch({USAGE: 1})
        assert not consumer.idle(USAGE)
        consumer.release(reading.chunks[0])
        assert consumer.idle(USAGE)
        reading.kafka._subscription.reassignment_in_progress = True
        assert not consumer.idle(USAGE)
        reading.kafka._subscription.reassignment_in_progress = False
        reading.kafka.positions.clear()  # a new assignment, not yet held
        assert not consumer.idle(USAGE)
        reading.consumer._rewind()
        assert reading.kafka.positions == {}

    read(story)


def test_a_halted_partition_is_read_no_more_and_what_was_handed_out_of_it_stays_good() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        reading.consumer.begin(OTHER, 0)
        await reading.fetch({USAGE: 3})
        (chunk,) = reading.chunks
        reading.consumer.halt(USAGE)
        assert reading.consumer._wanted() == [TopicPartition(*OTHER)]
        assert reading.consumer.current(chunk)
        reading.consumer.release(chunk)
        assert reading.consumer._wanted() == [TopicPartition(*OTHER)]
        assert not reading.consumer.idle(USAGE)
        reading.consumer.begin(USAGE, 3)
        assert not reading.consumer.current(chunk)
        assert TopicPartition(*USAGE) in reading.consumer._wanted()

    read(story)


def test_trouble_with_the_group_is_heard_also_where_nothing_is_read() -> None:
    async def story(reading: Reading) -> None:
        trouble = KafkaError("not a member any more")
        reading.kafka.trouble.append(trouble)
        await asyncio.sleep(0.1)
        assert reading.errors == [trouble]

    read(story)


def test_when_aiokafkas_reading_ends_by_an_error_the_worker_ends_with_it() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.watch()
        reading.kafka._fetcher.error_future.set_exception(KafkaError("Unexpected error during data retrieval"))
        await asyncio.sleep(0)
        (error,) = reading.errors
        assert "reading for group ended" in str(error)

    read(story)


def test_a_group_that_takes_no_heartbeat_is_not_heard() -> None:
    async def story(reading: Reading) -> None:
        taken = [True, False]

        async def beat() -> bool:
            return taken.pop()

        consumer, coordinator = reading.consumer, reading.kafka._coordinator
        coordinator._do_heartbeat = beat
        consumer.heard = time.monotonic() - 60.0
        consumer.listen()
        assert not await coordinator._do_heartbeat()
        assert consumer.silence() > 59.0
        assert await coordinator._do_heartbeat()
        assert consumer.silence() < 1.0

    read(story)


def test_what_waits_for_a_busy_lane_is_read_as_soon_as_the_lane_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "FETCH_WAIT_MS", 3_600_000)

    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        reading.consumer.begin(OTHER, 0)
        for _ in range(CHUNKS_AHEAD + 1):  # the last one waits, and the other partition stays quiet
            await reading.fetch({USAGE: 1})
        assert reading.consumer.full(USAGE)
        assert len(reading.chunks) == CHUNKS_AHEAD
        reading.consumer.release(reading.chunks[0])
        await reading.goes_on()
        assert [chunk.tp for chunk in reading.chunks] == [USAGE] * (CHUNKS_AHEAD + 1)
        await reading.fetch({OTHER: 1})
        assert reading.chunks[-1].tp == OTHER

    read(story)
