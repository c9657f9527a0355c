"""Whose turn it is to hold a large batch unpacked, so that memory and processor are left for others.

Batches that unpack to more than `LARGE_BYTES` are held by `LARGE_AT_ONCE` partitions at a time. One that is not
unpacked in one go is read piece by piece in a thread of its own, one batch at a time, which rests as long as it worked:
it takes half a core at most, and the event loop, with its heartbeats, goes on beside it.
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
    """The turns of one event loop."""

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
    """One thread for all that takes long, made when it is needed first."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._rests_until = 0.0

    async def run(self, work: Callable[[int], Answer], argument: int) -> Answer:
        """The answer of `work`, done in the thread."""
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
