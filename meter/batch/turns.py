"""Turns of the event loop: long work is done in steps, and every 20 ms other tasks run in between.

So heartbeats, `/metrics` and other partitions never wait for a whole chunk or record.
"""

import asyncio
import time
from collections.abc import Iterable

#: Work goes on this long before other tasks run; the time of a step comes on top.
TURN_SECONDS = 0.005


class Turns:
    """When the event loop was last given a turn."""

    def __init__(self) -> None:
        self._due = 0.0

    async def between(self, steps: Iterable[object]) -> None:
        """Do all steps, giving turns between them as they are due."""
        for _ in steps:
            if time.perf_counter() >= self._due:
                await self.give()

    async def due(self) -> None:
        """Let other tasks run, if TURN_SECONDS have passed."""
        if time.perf_counter() >= self._due:
            await self.give()

    async def give(self) -> None:
        """Let other tasks run."""
        await asyncio.sleep(0)
        self._due = time.perf_counter() + TURN_SECONDS
