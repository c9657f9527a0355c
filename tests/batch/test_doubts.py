"""Doubts about a partition that wait behind a chunk: reopening it answers them all."""

import asyncio

from meter.batch.chunks import Chunk
from meter.batch.lanes import REOPENS, Reopen
from tests.batch.stage import Stage, on_stage


def test_doubts_about_one_thing_that_come_during_a_long_chunk_reopen_the_partition_once() -> None:
    async def story(stage: Stage) -> None:
        go_on = asyncio.Event()

        async def slowly(chunk: Chunk) -> None:
            await go_on.wait()

        stage.lane.handling = slowly
        stage.chunk(0, 5)
        await stage.turn()
        for _ in range(REOPENS + 1):
            stage.runner.doubt(Reopen("another topic has its name now"))
        stage.runner.rejoin()
        go_on.set()
        await stage.turn()
        assert (stage.lane.opened_times, stage.app.failure) == (2, None)
        assert stage.consumer.begun == [0, 0, 0], "opened twice, and read on after the rebalance"

    on_stage(story)
