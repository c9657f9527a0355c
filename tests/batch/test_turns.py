"""Long work is done in turns: whoever else waits goes first every some ms, and may give the work up there."""

import asyncio
import time
from collections.abc import Generator
from contextlib import closing

import pytest

from meter.batch import turns
from meter.batch.turns import Turns


def busy(steps: int, done: list[int]) -> Generator[None]:
    """Steps of 2 ms."""
    for number in range(steps):
        until = time.perf_counter() + 0.002
        while time.perf_counter() < until:
            pass
        done.append(number)
        yield


def test_others_get_their_turn_while_long_work_goes_on() -> None:
    async def story() -> int:
        done: list[int] = []
        work = asyncio.create_task(Turns().between(busy(100, done)))
        heard = 0
        while not work.done():
            heard += 1
            await asyncio.sleep(0)
        assert len(done) == 100
        return heard

    assert asyncio.run(story()) > 5  # 200 ms of work, a turn every 20


def test_work_that_is_given_up_in_a_turn_goes_no_further(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "TURN_SECONDS", 0.0)

    async def story() -> None:
        done: list[int] = []
        with closing(busy(100, done)) as steps:
            work = asyncio.create_task(Turns().between(steps))
            while len(done) < 10:
                await asyncio.sleep(0)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
        assert len(done) < 20

    asyncio.run(story())
