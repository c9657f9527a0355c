"""A lane's life: opened, read, reopened when uncertain, and left only after its current chunk."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError, UnknownTopicOrPartitionError

from meter.batch import lanes
from meter.batch.chunks import Chunk
from meter.batch.lanes import REOPENS, Reopen, Runner, SetAside
from meter.batch.read_errors import read_error
from meter.errors import UserError
from tests.batch.stage import USAGE, FakeApp, FakeLane, Stage, nothing_asked, on_stage


def test_a_lane_reads_from_where_it_opened_and_handles_chunk_after_chunk() -> None:
    async def story(stage: Stage) -> None:
        assert stage.consumer.begun == [0]
        assert stage.runner.reading
        chunks = [stage.chunk(0, 5), stage.chunk(5, 9)]
        await stage.turn()
        assert stage.lane.handled == chunks
        assert stage.consumer.released == chunks

    on_stage(story)


def test_a_chunk_of_an_earlier_reading_is_dropped() -> None:
    async def story(stage: Stage) -> None:
        stage.runner.rejoin()
        await stage.turn()
        stage.chunk(0, 5, epoch=1)
        await stage.turn()
        assert stage.lane.handled == []

    on_stage(story)


def test_after_a_rebalance_a_lane_reads_on_from_its_own_position() -> None:
    async def story(stage: Stage) -> None:
        stage.chunk(0, 5)
        stage.runner.rejoin()
        await stage.turn()
        assert stage.consumer.begun == [0, 5]
        assert stage.lane.opened_times == 1

    on_stage(story)


def test_a_lane_reads_again_when_a_chunk_before_was_dropped() -> None:
    async def story(stage: Stage) -> None:
        stage.chunk(5, 9)
        await stage.turn()
        assert stage.lane.handled == []
        assert stage.consumer.begun == [0, 0]

    on_stage(story)


def test_an_uncertain_commit_reopens_the_partition() -> None:
    async def story(stage: Stage) -> None:
        async def doubt(chunk: Chunk) -> None:
            stage.lane.handling, stage.lane.start = None, 3
            raise Reopen("fenced")

        stage.lane.handling = doubt
        stage.chunk(0, 5)
        await stage.turn()
        assert stage.lane.opened_times == 2
        assert stage.consumer.begun == [0, 3]
        assert stage.app.failure is None

    on_stage(story)


def test_a_cancellation_that_nobody_asked_for_is_a_doubt_and_not_the_end_of_the_lane() -> None:
    async def story(stage: Stage) -> None:
        async def stray(chunk: Chunk) -> None:
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

        stage.lane.handling = stray
        stage.chunk(0, 5)
        await stage.turn()
        assert (stage.lane.opened_times, stage.app.failure) == (2, None)

    on_stage(story)


def test_what_was_read_before_reading_failed_is_handled_before_the_lane_hears_of_it() -> None:
    async def story(stage: Stage) -> None:
        chunks = [stage.chunk(0, 5), stage.chunk(5, 9)]
        stage.runner.doubt(Reopen("its log has no offset 9 any more"))
        await stage.turn()
        assert stage.lane.handled == chunks
        assert (stage.consumer.halted, stage.lane.opened_times) == (1, 2)

    on_stage(story)


def test_a_partition_that_may_be_somebody_elses_is_not_taken_before_the_group_says_so() -> None:
    async def story(stage: Stage) -> None:
        stage.consumer.ours = False
        stage.runner.doubt(Reopen("fenced"))
        await stage.turn()
        assert stage.lane.opened_times == 1
        assert not stage.runner.reading
        stage.consumer.ours = True
        stage.runner.rejoin()
        await stage.turn()
        assert stage.lane.opened_times == 2

    on_stage(story)


def test_too_many_doubts_in_a_minute_stop_the_worker_with_the_last_reason() -> None:
    async def story(stage: Stage) -> None:
        def never() -> None:
            raise Reopen(f"reason {stage.lane.opened_times}")

        stage.lane.opening = never
        stage.runner.doubt(Reopen("reason 1"))
        await asyncio.wait({stage.runner.task}, timeout=5)
        assert stage.lane.opened_times == REOPENS + 1
        assert isinstance(stage.app.failure, UserError)
        assert f"usage/0 was reopened {REOPENS} times within 60 s" in str(stage.app.failure)
        assert f"reason {REOPENS + 1}" in str(stage.app.failure)

    on_stage(story)


def test_doubts_of_an_earlier_minute_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(lanes, "time", SimpleNamespace(monotonic=lambda: clock.now))

    async def story(stage: Stage) -> None:
        for _ in range(3 * REOPENS):
            clock.now += 15.0
            stage.runner.doubt(Reopen("again"))
            await stage.turn()
        assert stage.app.failure is None
        assert stage.lane.opened_times == 1 + 3 * REOPENS

    on_stage(story)


def test_a_partition_set_aside_stops_nobody() -> None:
    async def story(stage: Stage) -> None:
        stage.runner.doubt(SetAside("gone"))
        await stage.turn()
        assert stage.runner.aside
        assert stage.app.failure is None

    on_stage(story)


def test_a_cancellation_that_nobody_asked_for_while_reopening_is_one_more_doubt() -> None:
    async def story(stage: Stage) -> None:
        async def stray(at: Any) -> None:
            stage.consumer.asked = nothing_asked
            gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            gone.cancel()
            await gone

        stage.consumer.asked = stray
        stage.runner.doubt(Reopen("fenced"))
        await stage.turn()
        assert (stage.lane.opened_times, stage.runner.reading, stage.app.failure) == (2, True, None)

    on_stage(story)


def test_a_lane_that_was_never_opened_commits_nothing() -> None:
    async def scenario() -> None:
        app, asked = FakeApp(), []
        lane = FakeLane(app)

        async def noted(at: Any) -> None:
            asked.append(at)

        def never_yet() -> None:
            if lane.opened_times == 1:
                raise Reopen("fencing took too long")
            lane.start = 7

        lane.opening, app.consumer.asked = never_yet, noted
        runner = Runner(lane)
        while not runner.reading:
            await asyncio.sleep(0)
        runner.doubt(Reopen("fenced"))
        while lane.opened_times < 3:
            await asyncio.sleep(0)
        assert asked == [None, (7, "")]
        await runner.leave()

    asyncio.run(scenario())


def test_an_offset_that_is_gone_makes_its_lane_ask_where_it_is() -> None:
    async def story(stage: Stage) -> None:
        gone = OffsetOutOfRangeError({TopicPartition(*USAGE): 7})
        assert read_error(gone, {USAGE: stage.runner})
        await stage.turn()
        assert stage.lane.opened_times == 2
        assert not read_error(gone, {})
        assert not read_error(UnknownTopicOrPartitionError(), {USAGE: stage.runner})

    on_stage(story)


def test_what_a_lane_holds_back_is_looked_at_while_nothing_comes_and_between_chunks(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lanes, "LOOK_AGAIN_SECONDS", 0.0)

    async def story(stage: Stage) -> None:
        async def hold(_: Chunk) -> None:
            stage.lane.held_back = 3

        stage.lane.handling = hold
        first = stage.chunk(0, 5)
        await stage.turn()
        assert stage.lane.looks == 3, "once a look, until nothing is held back"
        chunks = [first, stage.chunk(5, 9), stage.chunk(9, 12)]
        await stage.turn()
        await stage.turn()
        assert stage.lane.handled == chunks
        assert stage.lane.looks == 9

    on_stage(story)
