"""A lane is the life of one assigned partition: open (from where?), handle chunk after chunk, close.

Each runs in a task of its own, so that a partition waiting for its commit holds up no other.
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
from meter.errors import UserError
from meter.failpoints import reach
from meter.machine.shortages import spent

log = logging.getLogger(__name__)

#: A partition is taken anew at most this often in `REOPEN_WINDOW_SECONDS`; then the worker stops with the reason.
REOPENS = 5
REOPEN_WINDOW_SECONDS = 60.0
#: How long a leaving lane may finish the chunk in hand.
CLOSE_SECONDS = 5.0
#: How often a lane looks again at what it holds back.
LOOK_AGAIN_SECONDS = 0.5


class Lane:
    """What a role does with one partition; subclasses live in `agents`."""

    #: False: the partition only stands for a share of other work, its records are not read.
    reads = True
    #: When Kafka had the last record that was handled (Unix ms); 0: not known.
    handled_ms = 0
    #: In the middle of a chunk it waits for others, maybe for long: leaving, it is given up at once.
    waits = False

    def __init__(self, app: Any, tp: TP) -> None:
        self.app = app
        self.tp = tp
        #: Where reading goes on after all that was handled; it means something once the lane was opened.
        self.position = 0
        self.opened = False
        #: Gives the chunk that stands ready behind this one, if any, to be handled with it; the last one given counts.
        self.behind: Callable[[Chunk], Chunk | None] = lambda chunk: None

    async def open(self) -> int:
        """Make ready; return the offset to read from."""
        raise NotImplementedError

    async def handle(self, chunk: Chunk) -> None:
        """Handle a chunk whole, and those taken from `behind` it; afterwards `position` is that of the last."""
        raise NotImplementedError

    @property
    def holding(self) -> bool:
        """Whether records are held back that `look_again` has to look at."""
        return False

    async def look_again(self) -> None:
        """Handle what was held back and need not be any more."""

    def held_records(self) -> tuple[int, int]:
        """How many records are held back, and when Kafka had the first of them (Unix ms)."""
        return 0, 0

    def committable(self) -> tuple[int, str] | None:
        """What may be committed for the group now, with its metadata; None before the first `open`."""
        return self.position, ""

    async def close(self) -> None:
        """Let go of what `open` took; the partition may already be somebody else's."""

    def unreadable(self, why: str) -> Exception:
        """What it means that the partition cannot be read: the end of the worker, unless it may be set aside."""
        return UserError(f"{self.tp.topic}/{self.tp.partition}: {why}")

    def spoiled(self, why: str, go_on: int) -> Exception:
        """What it means that a record cannot be read by the client; behind it reading could go on at `go_on`."""
        return self.unreadable(why)


class _Line(asyncio.Queue[Chunk | Exception | None]):
    """What a lane is told, in order."""

    _queue: deque[Chunk | Exception | None]

    def chunk_after(self, chunk: Chunk) -> Chunk | None:
        """The chunk that stands next, if it follows this one and is sure to be readable; it stays where it is."""
        following = self._queue[0] if self._queue else None
        if not isinstance(following, Chunk) or following.doubtful:
            return None
        return following if (following.epoch, following.start) == (chunk.epoch, chunk.position) else None

    def void(self) -> None:
        """Forget chunks and doubts: reading begins anew before them, and meets again what is still so."""
        self._queue = deque(told for told in self._queue if told is None)


class Runner:
    """Runs one lane in a task: its queue, its re-takes, its end."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        lane.behind = self._behind
        self.queue = _Line()
        #: The last chunk given to the lane.
        self._given: Chunk | None = None
        self.reading = False
        self.busy = False
        self.aside = False
        #: Why, once it is set aside.
        self.why = ""
        self._reopened: deque[float] = deque()
        #: When what the lane holds back is looked at again.
        self._look_at = 0.0
        self._leaving = False
        self.task = asyncio.create_task(self._run(), name=f"lane {lane.tp.topic}/{lane.tp.partition}")

    def offer(self, chunk: Chunk) -> None:
        self.queue.put_nowait(chunk)

    def rejoin(self) -> None:
        """The group rebalanced and the partition is still ours: read on from the lane's own position."""
        self.queue.put_nowait(None)

    def doubt(self, reason: Exception) -> None:
        """Reading failed: what was read before is handled first, then the lane hears it (Reopen, SetAside or worse)."""
        self.lane.app.consumer.halt(self.lane.tp)
        self.queue.put_nowait(reason)

    async def leave(self) -> None:
        self._leaving = True
        self.queue.put_nowait(None)
        if self.lane.waits:
            self.task.cancel()
        _, late = await asyncio.wait({self.task}, timeout=CLOSE_SECONDS)
        if late:
            self.task.cancel()
            await asyncio.wait(late)

    async def _run(self) -> None:
        lane, app = self.lane, self.lane.app
        try:
            while not self._leaving:
                try:
                    await self._take()
                except Reopen as error:
                    await self._reopen(error)
                except asyncio.CancelledError:
                    if self._cancelled():
                        raise
                    await self._reopen(Reopen("it was cancelled, and nobody asked for that: a connection was given up"))
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
            await self._close()

    async def _reopen(self, error: Reopen) -> None:
        """Reopen the partition, if it is still ours."""
        self.reading = self.lane.opened = self.busy = False
        self._count_reopen(error)
        await self._until_ours()

    def _cancelled(self) -> bool:
        """Whether somebody did; a cancelled future that was waited for looks the same."""
        return self._leaving or self.task.cancelling() > 0

    async def _close(self) -> None:
        try:
            await self.lane.close()
        except Exception as error:
            await self.lane.app.stop_with(error)

    async def _take(self) -> None:
        lane, consumer = self.lane, self.lane.app.consumer
        lane.position = await lane.open()
        lane.opened = True
        if lane.reads and lane.tp in consumer.assignment():
            consumer.begin(lane.tp, lane.position)
        self.reading = True
        while not self._leaving:
            chunk = await self._told()
            if chunk is None:
                if lane.reads and not self._leaving and lane.tp in consumer.assignment():
                    consumer.begin(lane.tp, lane.position)
            elif isinstance(chunk, Exception):
                raise chunk
            elif not consumer.current(chunk):
                continue
            elif chunk.start > lane.position:  # one before it was dropped on its way
                consumer.begin(lane.tp, lane.position)
            else:
                await self._handle(chunk)
            del chunk  # it may be megabytes, and the next one may be long in coming

    async def _told(self) -> Chunk | Exception | None:
        """What stands next in the queue; what the lane holds back is looked at meanwhile."""
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
        """The chunk behind the one that was given last, unless the partition was taken away meanwhile, or is let go.

        That one's records have been read: others may be fetched.
        """
        consumer, following = self.lane.app.consumer, self.queue.chunk_after(chunk)
        if following is None or self._leaving or not consumer.current(following):
            return None
        self.queue.get_nowait()
        consumer.release(chunk)
        self._given = following
        return following

    async def _until_ours(self) -> None:
        """Wait until the group says that the partition is (still, or again) ours: taking it would fence its owner.

        While no broker answers there is nothing to take; that wait is no re-take.
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
        log.warning("%s/%d: %s; reopening the partition", lane.tp.topic, lane.tp.partition, error)
