"""One lane on a stage: the real runner, with a consumer and an app that do as a test says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.lanes import Lane, Runner

USAGE = TP("usage", 0)


async def nothing_asked(at: Any) -> None:
    """What a question to the group takes, unless a test says otherwise."""


class FakeConsumer:
    """Epochs and assignments as the chunk consumer keeps them."""

    def __init__(self) -> None:
        self.owned = {USAGE}
        self.begun: list[int] = []
        self.epoch = 0
        self.released: list[Chunk] = []
        self.reading = False
        self.halted = 0
        self.ours = True
        #: Called at each question to the group.
        self.asked: Callable[[Any], Awaitable[None]] = nothing_asked

    def assignment(self) -> set[TP]:
        return self.owned

    def begin(self, tp: TP, offset: int) -> None:
        self.epoch += 1
        self.begun.append(offset)
        self.reading = True

    def pause(self, tp: TP) -> None:
        self.reading = False

    def halt(self, tp: TP) -> None:
        self.halted += 1

    def current(self, chunk: Chunk) -> bool:
        return self.reading and chunk.epoch == self.epoch

    def release(self, chunk: Chunk) -> None:
        self.released.append(chunk)

    async def confirm(self, tp: TP, at: Any) -> bool:
        await self.asked(at)
        return self.ours


class FakeApp:
    """Remembers the first failure, as the real one does."""

    def __init__(self) -> None:
        self.consumer = FakeConsumer()
        self.failure: BaseException | None = None

    async def stop_with(self, error: BaseException) -> None:
        self.failure = self.failure or error


async def nothing() -> None:
    """What closing a lane takes, unless a test says otherwise."""


class FakeLane(Lane):
    """Handles what it is given; opens and handles as a test says."""

    def __init__(self, app: FakeApp) -> None:
        super().__init__(app, USAGE)
        self.start = 0
        self.opened_times = 0
        self.closed = 0
        self.handled: list[Chunk] = []
        #: Looks that it takes until nothing is held back any more, and how many there were.
        self.held_back = self.looks = 0
        self.opening: Callable[[], None] = lambda: None
        self.closing: Callable[[], Awaitable[None]] = nothing
        self.handling: Callable[[Chunk], Awaitable[None]] | None = None

    async def open(self) -> int:
        self.opened_times += 1
        self.opening()
        return self.start

    async def handle(self, chunk: Chunk) -> None:
        if self.handling is not None:
            await self.handling(chunk)
        self.handled.append(chunk)
        self.position = chunk.position

    @property
    def holding(self) -> bool:
        return self.held_back > 0

    async def look_again(self) -> None:
        self.held_back -= 1
        self.looks += 1

    async def close(self) -> None:
        await self.closing()
        self.closed += 1


class Stage:
    """One lane at work."""

    def __init__(self) -> None:
        self.app = FakeApp()
        self.consumer = self.app.consumer
        self.lane = FakeLane(self.app)
        self.runner = Runner(self.lane)

    async def turn(self) -> None:
        for _ in range(10):
            await asyncio.sleep(0)

    def chunk(self, start: int, position: int, epoch: int | None = None) -> Chunk:
        chunk = Chunk(USAGE, [], position, self.consumer.epoch if epoch is None else epoch, start)
        self.runner.offer(chunk)
        return chunk


def on_stage(story: Callable[[Stage], Awaitable[None]]) -> None:
    async def scenario() -> None:
        stage = Stage()
        await stage.turn()
        await story(stage)
        await stage.runner.leave()
        assert stage.lane.closed

    asyncio.run(scenario())
