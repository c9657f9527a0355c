"""Limits how many large batches are unpacked at a time, for the memory and the processor.

At most `LARGE_AT_ONCE` partitions hold a batch that unpacks to more than `LARGE_BYTES`. A batch that cannot be unpacked
in one go is read piece by piece in a thread, one batch at a time; the thread rests as long as it worked, so it takes at
most half a core, and the event loop with its heartbeats goes on.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from weakref import WeakKeyDictionary

LARGE_AT_ONCE = 4

Answer = TypeVar("Answer")


class Turns:
    """The turns of one event loop to hold a large batch."""

    def __init__(self) -> None:
        self.large = asyncio.Semaphore(LARGE_AT_ONCE)
        self.piecewise = asyncio.Semaphore(1)


_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


def turns() -> Turns:
    """The turns of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _of_loop.get(loop)
    if found is None:
        found = _of_loop[loop] = Turns()
    return found


class _Thread:
    """One thread for batches read piece by piece, started at first use."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._rests_until = 0.0

    async def run(self, work: Callable[[int], Answer], argument: int) -> Answer:
        """The result of `work(argument)`, run in the thread."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "unpacking")
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._work, work, argument)

    def _work(self, work: Callable[[int], Answer], argument: int) -> Answer:
        time.sleep(max(0.0, self._rests_until - time.monotonic()))
        began = time.monotonic()
        try:
            return work(argument)
        finally:
            now = time.monotonic()
            self._rests_until = now + (now - began)


unpacking = _Thread()
