"""A lane may take the chunk that waits behind the one it is at, and handle both as one."""

import asyncio
from collections.abc import Awaitable, Callable

from meter.batch.chunks import Chunk
from tests.batch.stage import USAGE, Stage, on_stage


def test_a_lane_may_take_the_chunk_behind_too_and_all_is_released_but_what_it_holds() -> None:
    async def story(stage: Stage) -> None:
        released: list[int] = []

        async def take_two(chunk: Chunk) -> None:
            following = stage.lane.behind(chunk)
            assert following is not None and following.start == chunk.position
            assert stage.lane.behind(following) is None, "a rejoin stands between it and the next"
            released.append(len(stage.consumer.released))
            stage.lane.handling = None

        stage.lane.handling = take_two
        first, second = stage.chunk(0, 5), stage.chunk(5, 9)
        stage.runner.rejoin()
        stage.chunk(9, 12)
        await stage.turn()
        assert released == [1], "the first is read, the second not handled yet"
        assert stage.consumer.released[:2] == [first, second]

    on_stage(story)


def only_the_first_is_handled(meanwhile: Callable[[Stage, Chunk], Awaitable[None]]) -> None:
    """Of two chunks in line, if that is done while the first is handled."""

    async def story(stage: Stage) -> None:
        stage.lane.handling = lambda chunk: meanwhile(stage, chunk)
        stage.chunk(0, 5)
        stage.chunk(5, 9)
        await stage.turn()
        assert len(stage.lane.handled) == 1

    on_stage(story)


def test_nothing_is_taken_from_behind_once_the_partition_is_gone() -> None:
    async def lose_it(stage: Stage, chunk: Chunk) -> None:
        stage.consumer.pause(USAGE)
        assert stage.lane.behind(chunk) is None

    only_the_first_is_handled(lose_it)


def test_nothing_is_taken_from_behind_by_a_lane_that_is_let_go() -> None:
    left = []

    async def leave(stage: Stage, chunk: Chunk) -> None:
        left.append(asyncio.create_task(stage.runner.leave()))
        await asyncio.sleep(0)
        assert stage.lane.behind(chunk) is None

    only_the_first_is_handled(leave)
