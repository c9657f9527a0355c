"""The chunk consumer leaves no gap: whatever aiokafka gave is handed out, or read again."""

import asyncio
import time

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError

from meter.batch import consumer
from meter.batch.chunks import CHUNKS_AHEAD
from tests.batch.reading import OTHER, USAGE, Reading, read


def test_a_fetch_requested_before_a_partition_reopened_belongs_to_the_new_reading() -> None:
    async def story(reading: Reading) -> None:
        reading.consumer.begin(USAGE, 0)
        await reading.fetch({USAGE: 3})
        await asyncio.sleep(0)  # the next fetch is under way
        reading.consumer.pause(USAGE)
        reading.consumer.begin(USAGE, 2)
        await reading.fetch({USAGE: 4})
        old, new = reading.chunks
        assert (reading.consumer.current(old), reading.consumer.current(new)) == (False, True)
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
        while not reading.errors:
            await asyncio.sleep(0.01)
        assert reading.errors == [trouble]

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
        assert consumer.silence() < 30.0

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
