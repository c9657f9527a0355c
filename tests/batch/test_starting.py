"""Several things started at once: all are done, or the first failure is told and nothing goes on behind it."""

import asyncio

import pytest

from meter.batch import starting
from meter.batch.starting import together


def test_all_are_under_way_at_once() -> None:
    async def story() -> list[str]:
        said, both = list[str](), asyncio.Barrier(2)

        async def one(name: str) -> None:
            await both.wait()
            said.append(name)

        await together([one("a"), one("b")])
        return said

    assert sorted(asyncio.run(story())) == ["a", "b"]


def test_the_first_failure_ends_the_others_and_is_told() -> None:
    async def story() -> list[str]:
        ended = list[str]()

        async def waits() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("waits")

        async def fails() -> None:
            raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            await together([waits(), fails()])
        return ended

    assert asyncio.run(story()) == ["waits"]


def test_who_gives_it_up_ends_them_and_waits_for_no_deaf_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(starting, "CANCEL_SECONDS", 0.01)

    async def story() -> None:
        heard = asyncio.Event()

        async def deaf() -> None:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                await heard.wait()

        starts = asyncio.create_task(together([deaf()]))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        starts.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starts
        heard.set()

    asyncio.run(story())
