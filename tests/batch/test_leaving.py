"""Leaving: whoever waits for others in the middle of a chunk holds up no rebalance."""

import asyncio

from meter.batch import lanes
from meter.batch.chunks import Chunk
from tests.batch.stage import Stage, on_stage


def test_a_lane_that_waits_in_the_middle_of_a_chunk_is_let_go_at_once() -> None:
    async def story(stage: Stage) -> None:
        async def waits_for_others(_: Chunk) -> None:
            stage.lane.waits = True
            await asyncio.Event().wait()

        stage.lane.handling = waits_for_others
        stage.chunk(0, 5)
        await stage.turn()
        await asyncio.wait_for(stage.runner.leave(), lanes.CLOSE_SECONDS / 2)
        assert stage.app.failure is None

    on_stage(story)
