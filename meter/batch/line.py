"""What waits for a lane: chunks and errors, in their order."""

import asyncio
from collections import deque

from meter.batch.chunks import Chunk


class Line(asyncio.Queue[Chunk | Exception | None]):
    """The chunks and errors for a lane; None: the partition stayed here through a rebalance, or the lane is to end."""

    _queue: deque[Chunk | Exception | None]

    def chunk_after(self, chunk: Chunk) -> Chunk | None:
        """The next chunk in the queue, if it follows this one and is surely readable; it stays in the queue."""
        following = self._queue[0] if self._queue else None
        if not isinstance(following, Chunk) or following.doubtful:
            return None
        return following if (following.epoch, following.start) == (chunk.epoch, chunk.position) else None

    def put_first(self, item: Chunk | Exception | None) -> None:
        """Put an item before all others."""
        self.put_nowait(item)
        self._queue.rotate(1)

    def swapped(self, item: Chunk | Exception | None) -> Chunk | Exception | None:
        """The first item; the one given is put in its place."""
        first = self.get_nowait()
        self.put_first(item)
        return first

    def void(self) -> None:
        """Drop chunks and errors: reading begins again before them, and meets lasting errors again."""
        self._queue = deque(each for each in self._queue if each is None)
