"""A lane handles one assigned partition: open (at which offset), handle chunk after chunk, close.

Each lane has a task of its own, so that a partition waiting for its commit delays no other.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.denials import denied
from meter.batch.errors import Reopen as Reopen
from meter.batch.errors import SetAside as SetAside
from meter.batch.line import Line
from meter.batch.stopping import ended
from meter.batch.waits import to_its_end
from meter.errors import UserError
from meter.failpoints import reach
from meter.machine.shortages import spent

log = logging.getLogger(__name__)

#: A partition is reopened at most this often in `REOPEN_WINDOW_SECONDS`; then the worker stops with the reason.
REOPENS = 5
REOPEN_WINDOW_SECONDS = 60.0
#: How long a lane that ends may finish its current chunk.
CLOSE_SECONDS = 5.0
#: How often a lane checks the records that it holds back.
LOOK_AGAIN_SECONDS = 0.5


class Lane:
    """What a role does with one partition; the subclasses are in `agents`."""

    #: Whether the partition's records are read; False: it only represents a share of other work.
    reads = True
    #: When Kafka had the last record that was handled (Unix ms); 0: not known.
    handled_ms = 0
    #: In the middle of a chunk it waits for others, maybe for long: leaving, it is given up at once.
    waits = False

    def __init__(self, app: Any, tp: TP) -> None:
        self.app = app
        self.tp = tp
        #: The offset behind everything handled; valid once the lane was opened.
        self.position = 0
        #: Whether it is open, and whether it ever was: before that it has no position.
        self.opened = self.placed = False
        #: Returns the chunk ready behind this one, to be handled together with it, or None.
        self.behind: Callable[[Chunk], Chunk | None] = lambda chunk: None

    async def open(self) -> int:
        """Prepare the partition; returns the offset to read from."""
        raise NotImplementedError

    async def handle(self, chunk: Chunk) -> None:
        """Handle a whole chunk, and those taken from `behind`; afterwards `position` is behind the last one."""
        raise NotImplementedError

    def read_on(self) -> None:
        """Read on behind everything handled: it was opened, or stayed here through a rebalance."""
        if self.tp in self.app.consumer.assignment():
            self.app.consumer.begin(self.tp, self.position)

    @property
    def holding(self) -> bool:
        """Whether records are held back, for `look_again` to check."""
        return False

    async def look_again(self) -> None:
        """Handle the held records that need not wait any longer."""

    def held_records(self) -> tuple[int, int]:
        """How many records are held back, and Kafka's time of the first (Unix ms)."""
        return 0, 0

    def committable(self) -> tuple[int, str] | None:
        """Offset and metadata that may be committed now; None before the first `open`."""
        return (self.position, "") if self.placed else None

    async def close(self) -> None:
        """Release what `open` took; the partition may already have another owner."""

    def unreadable(self, why: str) -> Exception:
        """The error for a partition that cannot be read: it stops the worker, unless the partition may be set aside."""
        return UserError(f"{self.tp.topic}/{self.tp.partition}: {why}")

    def spoiled(self, why: str, go_on: int) -> Exception:
        """The error for an unreadable record; reading could go on behind it at `go_on`."""
        return self.unreadable(why)


class Runner:
    """Runs one lane in a task: its queue, its reopenings, its end."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        lane.behind = self._behind
        self.queue = Line()
        #: The last chunk given to the lane.
        self._given: Chunk | None = None
        self.reading = self.busy = self.aside = False
        #: Why the lane is set aside; empty while it is not.
        self.why = ""
        self._reopened: deque[float] = deque()
        #: When the held records are checked again.
        self._look_at = 0.0
        self._leaving = False
        #: Whether a chunk is handled in the lane's place, and what the lane waits for then.
        self._lent, self._back = False, asyncio.Event()
        #: Whether what came of it is the lane's again, before all that was taken meanwhile.
        self._left = False
        self.task = asyncio.create_task(self._run(), name=f"lane {lane.tp.topic}/{lane.tp.partition}")

    def offer(self, chunk: Chunk) -> None:
        self.queue.put_nowait(chunk)

    def lend(self, chunk: Chunk) -> bool:
        """Whether the lane has nothing to do, so that somebody may handle a chunk in its place, and call `returned`.

        Until then the lane waits, as if it handled the chunk itself.
        """
        lane = self.lane
        if self.busy or not self.reading or self._leaving or not self.queue.empty():
            return False
        if lane.holding or chunk.start > lane.position:
            return False
        self.busy = self._lent = True
        self._left = False
        self._back.clear()
        return True

    def returned(self, chunk: Chunk, left: Chunk | Exception | None = None) -> None:
        """The chunk is handled; or it, or an error, is left to the lane."""
        self.busy = self._lent = False
        if left is None:
            self.lane.app.consumer.release(chunk)
        else:
            self.queue.put_first(left)
            self._left = True
        self._back.set()

    def rejoin(self) -> None:
        """The group rebalanced and the partition stayed: read on from the lane's position."""
        self.queue.put_nowait(None)

    def doubt(self, reason: Exception) -> None:
        """Reading failed: after what was read before it, the lane gets the error (Reopen, SetAside or worse)."""
        self.lane.app.consumer.halt(self.lane.tp)
        self.queue.put_nowait(reason)

    async def leave(self) -> None:
        self._leaving = True
        self.queue.put_nowait(None)
        if self.lane.waits:
            self.task.cancel()
        await asyncio.wait({self.task}, timeout=CLOSE_SECONDS)
        await ended(self.task)

    async def _run(self) -> None:
        lane, app, doubt = self.lane, self.lane.app, None
        try:
            while not self._leaving:
                try:
                    if doubt is not None:
                        await self._reopen(doubt)
                    doubt = None  # its traceback may hold what a store is read with, and so the store
                    await self._take()
                except Reopen as error:
                    doubt = error
                except asyncio.CancelledError:
                    if self._cancelled():
                        raise
                    doubt = Reopen("it was cancelled, and nobody asked for that: a connection was given up")
        except asyncio.CancelledError:
            raise
        except SetAside as reason:
            reach("lane.set-aside")
            self.aside, self.why = True, reason.why
            log.error("%s/%d is set aside: %s; the others go on", lane.tp.topic, lane.tp.partition, reason)
        except BaseException as error:
            await app.stop_with(error)
        finally:
            self.reading = self.busy = False
            app.consumer.pause(lane.tp)
            await to_its_end(asyncio.ensure_future(self._close()))

    async def _reopen(self, error: Reopen) -> None:
        """Reopen the partition, if it is still ours."""
        self.reading = self.lane.opened = self.busy = False
        self._count_reopen(error)
        self.queue.void()  # doubts about what was read before; one that lasts comes again
        await self._until_ours()

    def _cancelled(self) -> bool:
        """Whether this task was cancelled; waiting for a cancelled future raises the same error."""
        return self._leaving or self.task.cancelling() > 0

    async def _close(self) -> None:
        try:
            await self.lane.close()
        except Exception as error:
            await self.lane.app.stop_with(error)

    async def _take(self) -> None:
        lane, consumer = self.lane, self.lane.app.consumer
        lane.position = await lane.open()
        lane.opened = lane.placed = True
        if lane.reads:
            lane.read_on()
        self.reading = True
        while not self._leaving:
            chunk = await self._next_item()
            while self._lent:
                await self._back.wait()
                chunk = self.queue.swapped(chunk) if self._left else chunk
            if chunk is None:
                if not self._leaving:
                    lane.read_on()
            elif isinstance(chunk, Exception):
                raise chunk
            elif not consumer.current(chunk):
                continue
            elif chunk.start > lane.position:  # a chunk before it was dropped on its way
                consumer.begin(lane.tp, lane.position)
            else:
                await self._handle(chunk)
            del chunk  # frees megabytes while waiting for the next one

    async def _next_item(self) -> Chunk | Exception | None:
        """The next item of the queue; held records are checked while waiting."""
        while self.lane.holding and not self._leaving:
            rest = self._look_at - time.monotonic()
            if rest > 0 and self.queue.empty():
                with suppress(TimeoutError):
                    return await asyncio.wait_for(self.queue.get(), rest)
            elif rest > 0:
                break
            else:
                self.busy = True
                await self.lane.look_again()
                self.busy = False
                self._look_at = time.monotonic() + LOOK_AGAIN_SECONDS
        return await self.queue.get()

    async def _handle(self, chunk: Chunk) -> None:
        self.busy = True
        self._given = chunk
        await self.lane.handle(chunk)
        self.busy = False
        if not self._given.whole:
            self.queue.void()
        self.lane.app.consumer.release(self._given)
        self._given = None

    def _behind(self, chunk: Chunk) -> Chunk | None:
        """The chunk behind the last one given, unless the partition was taken away or the lane is ending.

        Releases that last chunk, since its records were read: the next one may be fetched.
        """
        consumer, following = self.lane.app.consumer, self.queue.chunk_after(chunk)
        if following is None or self._leaving or not consumer.current(following):
            return None
        self.queue.get_nowait()
        consumer.release(chunk)
        self._given = following
        return following

    async def _until_ours(self) -> None:
        """Wait until the group confirms that the partition is ours: reopening it would fence another owner.

        Waiting for a broker that does not answer does not count as a reopening.
        """
        lane = self.lane
        while not self._leaving and not await lane.app.consumer.confirm(lane.tp, lane.committable()):
            log.info("%s/%d may have another owner; waiting for the group", lane.tp.topic, lane.tp.partition)
            while await self.queue.get() is not None:
                pass

    def _count_reopen(self, error: Reopen) -> None:
        lane, now = self.lane, time.monotonic()
        lane.app.consumer.pause(lane.tp)
        if denied(error):
            raise UserError(f"{lane.tp.topic}/{lane.tp.partition}: {error}") from error
        self._reopened.append(now)
        while self._reopened[0] < now - REOPEN_WINDOW_SECONDS:
            self._reopened.popleft()
        if len(self._reopened) > REOPENS:
            raise UserError(
                f"{lane.tp.topic}/{lane.tp.partition} was reopened {REOPENS} times within "
                f"{REOPEN_WINDOW_SECONDS:.0f} s, the last time because: {error}{spent()}"
            ) from error
        log.warning("%s/%d: %s; reopening the partition", lane.tp.topic, lane.tp.partition, str(error))
