"""How a lane ends: closed whole after its current chunk, and its progress committed before others take over."""

import asyncio
import weakref
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from meter.batch import lanes, stopping
from meter.batch.chunks import Chunk
from meter.batch.group_offsets import GroupOffsets
from meter.batch.lane_manager import LaneManager
from meter.batch.lanes import Reopen, Runner
from tests.batch.stage import USAGE, Stage, on_stage


def test_any_other_error_stops_the_worker_and_closes_the_lane() -> None:
    async def story(stage: Stage) -> None:
        bug = ZeroDivisionError("a bug")

        async def fail(chunk: Chunk) -> None:
            raise bug

        stage.lane.handling = fail
        stage.chunk(0, 5)
        await stage.turn()
        assert stage.app.failure is bug
        assert stage.lane.closed == 1

    on_stage(story)


def test_an_error_while_closing_is_reported_too() -> None:
    async def story(stage: Stage) -> None:
        async def full() -> None:
            stage.lane.closed += 1
            raise OSError("no space left")

        stage.lane.close = full  # type: ignore[method-assign]
        await stage.runner.leave()
        assert isinstance(stage.app.failure, OSError)

    on_stage(story)


def test_leaving_waits_for_the_chunk_in_hand_and_takes_no_other() -> None:
    async def story(stage: Stage) -> None:
        go_on = asyncio.Event()

        async def slowly(chunk: Chunk) -> None:
            await go_on.wait()

        stage.lane.handling = slowly
        first = stage.chunk(0, 5)
        stage.chunk(5, 9)
        await stage.turn()
        leaving = asyncio.create_task(stage.runner.leave())
        await stage.turn()
        assert not leaving.done()
        assert stage.lane.closed == 0
        go_on.set()
        await leaving
        assert stage.lane.handled == [first]
        assert stage.lane.closed == 1

    on_stage(story)


def test_a_chunk_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "CLOSE_SECONDS", 0.05)

    async def story(stage: Stage) -> None:
        async def for_ever(chunk: Chunk) -> None:
            await asyncio.Event().wait()

        stage.lane.handling = for_ever
        stage.chunk(0, 5)
        await stage.turn()
        await stage.runner.leave()
        assert stage.lane.handled == []
        assert stage.lane.closed == 1
        assert stage.app.failure is None

    on_stage(story)


def test_a_lane_is_closed_whole_however_often_it_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "CLOSE_SECONDS", 0.01)
    monkeypatch.setattr(stopping, "AGAIN_SECONDS", 0.01)

    async def story(stage: Stage) -> None:
        go_on = asyncio.Event()

        async def for_ever(chunk: Chunk) -> None:
            await asyncio.Event().wait()

        stage.lane.handling, stage.lane.closing = for_ever, go_on.wait  # type: ignore[assignment]
        stage.chunk(0, 5)
        await stage.turn()
        leaving = asyncio.create_task(stage.runner.leave())
        while stage.runner.task.cancelling() < 5 and not stage.runner.task.done():
            await asyncio.sleep(0.005)
        assert not leaving.done()
        go_on.set()
        await leaving
        assert (stage.lane.closed, stage.app.failure) == (1, None)

    on_stage(story)


class FakeManager(LaneManager):
    """The manager without Faust around it."""

    def __init__(self, app: Any, runner: Runner) -> None:
        self.app = app
        self.runners = {USAGE: runner}
        self.joined = True


def test_what_was_handled_is_committed_after_the_chunk_in_hand_and_before_leaving_the_group() -> None:
    async def story(stage: Stage) -> None:
        committed: list[int] = []

        async def commit() -> None:
            committed.append(stage.lane.position)

        async def slowly(chunk: Chunk) -> None:
            await asyncio.sleep(0.05)

        stage.app.commit_progress = commit  # type: ignore[attr-defined]
        manager = FakeManager(stage.app, stage.runner)
        stage.lane.handling = slowly
        stage.chunk(0, 5)
        await stage.turn()
        await manager.drain()
        assert committed == [5]
        stage.chunk(5, 9)
        await stage.turn()
        await manager.leave_all()
        assert committed == [5, 9]
        assert manager.lanes() == []

    on_stage(story)


def test_what_a_lane_had_in_hand_when_it_doubted_is_gone_when_it_opens_again() -> None:
    """The traceback of a damaged store's error holds the iterator, and that the store's lock."""

    class Iterator:
        """What a store is read with."""

    async def story(stage: Stage) -> None:
        held: list[weakref.ref[Iterator]] = []
        seen: list[Iterator | None] = []

        async def doubts(chunk: Chunk) -> None:
            iterator = Iterator()
            held.append(weakref.ref(iterator))
            raise Reopen("the store is damaged")

        stage.lane.handling, stage.lane.opening = doubts, lambda: seen.append(held[0]())
        stage.chunk(0, 5)
        await stage.turn()
        assert (seen, stage.app.failure) == ([None], None)

    on_stage(story)


async def given_up(*_: Any) -> None:
    """A cancellation that nobody asked for, as aiokafka lets out."""
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    gone.cancel()
    await gone


def test_a_commit_that_is_given_up_before_a_rebalance_ends_nothing() -> None:
    """It runs inside of aiokafka's task for the group: a cancellation would end the membership in silence."""

    async def story(stage: Stage) -> None:
        stage.app.commit_progress = given_up  # type: ignore[attr-defined]
        stage.app.conf = SimpleNamespace(id="group")  # type: ignore[attr-defined]
        await FakeManager(stage.app, stage.runner).drain()

    on_stage(story)


class Member:
    """A member of a group whose first questions are given up."""

    should_stop = False

    def __init__(self, times: int) -> None:
        self.times = times

    def assignment(self) -> set[TP]:
        return {USAGE}

    async def sleep(self, *_: Any) -> None:
        """No time passes."""

    async def commit_offsets(self, offsets: Any) -> bool:
        await self.committed([])
        return True

    async def committed(self, tps: Any) -> dict[TP, Any]:
        self.times -= 1
        if self.times >= 0:
            await given_up()
        return {}


@pytest.mark.parametrize("at", [None, (7, "")])
def test_a_question_to_the_group_that_is_given_up_is_asked_again(at: tuple[int, str] | None) -> None:
    async def scenario() -> None:
        member: Any = Member(2)
        assert await GroupOffsets.confirm(member, USAGE, at)
        assert member.times == -1

    asyncio.run(scenario())
