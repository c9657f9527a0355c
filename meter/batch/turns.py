"""Turns of the event loop: long work is done in steps, and every some ms whoever else waits goes first.

So heartbeats, `/metrics` and the other partitions wait for a turn and never for a whole chunk or record.
"""

import asyncio
import time
from collections.abc import Iterable

#: Work goes on for about so long before others get their turn. What one step takes comes on top.
TURN_SECONDS = 0.02


class Turns:
    """One worker's or lane's turns."""

    def __init__(self) -> None:
        self._due = 0.0

    async def between(self, steps: Iterable[object]) -> None:
        """Do all steps; between two of them others get their turn, if it is due."""
        for _ in steps:
            if time.perf_counter() >= self._due:
                await self.give()

    async def due(self) -> None:
        """Give others their turn, if it is due."""
        if time.perf_counter() >= self._due:
            await self.give()

    async def give(self) -> None:
        """Give others their turn."""
        await asyncio.sleep(0)
        self._due = time.perf_counter() + TURN_SECONDS
