"""Who waits again and again leaves nothing behind."""

import asyncio
import re

import pytest

from meter.batch.waits import to_its_end, woken
from tests.test_imports_floor import FLOORS, files


def test_a_wait_ends_with_the_event_or_its_time_and_leaves_no_task() -> None:
    async def story() -> None:
        event, own = asyncio.Event(), asyncio.all_tasks()
        for _ in range(20):
            assert not await woken(event, 0.001)
        given_up = asyncio.create_task(woken(event, 60.0))
        await asyncio.sleep(0)
        given_up.cancel()
        await asyncio.gather(given_up, return_exceptions=True)
        await asyncio.sleep(0)
        assert asyncio.all_tasks() == own
        asyncio.get_running_loop().call_soon(event.set)
        assert await woken(event, 60.0)

    asyncio.run(story())


def test_no_task_is_made_in_the_call_that_waits_for_it_a_while() -> None:
    """Nobody could end it afterwards: it would wait on."""
    unheld = re.compile(r"asyncio\.wait\(\s*[\[{(]\s*asyncio\.(?:ensure_future|create_task)\(")
    every = {path for floor in FLOORS for path in files(floor)}
    assert len(every) > 300
    found = {str(path) for path in every if unheld.search(path.read_text(encoding="utf-8"))}
    assert found == set(), "`woken` of meter/batch/waits.py waits for an event"


def test_what_may_not_be_given_up_comes_to_its_end_and_then_the_cancellation() -> None:
    async def story() -> None:
        may_end = asyncio.Event()
        work = asyncio.create_task(may_end.wait())
        waiting = asyncio.create_task(to_its_end(work))
        for _ in range(3):
            await asyncio.sleep(0)
            waiting.cancel()
        await asyncio.sleep(0)
        assert not waiting.done()
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert work.done()
        assert not work.cancelled()

    asyncio.run(story())


def test_what_comes_to_its_end_gives_its_result_or_its_failure() -> None:
    async def fails() -> None:
        raise ValueError("why")

    async def story() -> None:
        assert await to_its_end(asyncio.create_task(asyncio.sleep(0, "done"))) == "done"
        with pytest.raises(ValueError, match="why"):
            await to_its_end(asyncio.create_task(fails()))

    asyncio.run(story())
