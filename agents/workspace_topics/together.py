"""Packs the small chunks of many workspace topics together: thousands of topics bring a few events each.

What a chunk costs by itself (columns, arrays, checks of many events at once) is most of what it costs when it holds
three events. So chunks that arrive in one turn are decoded together, and each becomes a usage group by itself. A chunk
of which anything has to be asked, held back or buried is left to its lane, whole, before any of it is packed: one with
a dead record, a null, or an event of a day whose catalog version may still change. After midnight the first chunk goes
its lane's way, which makes the new day final; so does the first one of a workspace that is not bound yet.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from faust.types import TP

from agents.intake.intake import Intake
from agents.intake.small_groups import small_group
from agents.intake.workspace_map import WorkspaceEntry
from agents.workspace_topics.events import EventReader
from meter.batch.chunks import Chunk
from meter.batch.lanes import Runner
from meter.failpoints import reach
from schemas.journal import name_prefix

#: Events of a chunk that is packed with others; a larger one pays for its own columns.
SMALL = 100
#: Events between two turns of the event loop: about 5 ms.
TURN_EVENTS = 500


class Home(NamedTuple):
    """A workspace whose topic is read: what is known of it, its journal partition, how its identities begin."""

    entry: WorkspaceEntry
    partition: int
    prefix: bytes


class PackedLane(Protocol):
    """The lane of a workspace topic, as far as packing needs it."""

    topic: str
    tp: TP
    own: str | None
    home: Home | None
    left: Chunk | None

    def acknowledge(self, chunk: Chunk) -> None: ...


class _Lent:
    """Told the end of a chunk in place of its lane: a future, and the lane's turn for it, would cost as much again."""

    __slots__ = ("_chunk", "_lane", "_runner", "_told")

    def __init__(self, runner: Runner, lane: PackedLane, chunk: Chunk) -> None:
        self._runner, self._lane, self._chunk, self._told = runner, lane, chunk, False

    def done(self) -> bool:
        return self._told or self._runner.task.done()

    def set_result(self, result: Any) -> None:
        self._told = True
        if result is False:
            self._lane.left = self._chunk
            self._runner.returned(self._chunk, self._chunk)
        else:
            self._lane.acknowledge(self._chunk)
            self._runner.returned(self._chunk)

    def set_exception(self, error: Any) -> None:
        self._told = True
        self._runner.returned(self._chunk, error)

    def exception(self) -> None:
        """The lane gets the error."""


class _Waiting(NamedTuple):
    """A chunk of a workspace topic; `packed`: told when it is acknowledged."""

    lane: PackedLane
    home: Home
    records: Sequence[Any]
    packed: Any


class Together:
    """The small chunks of one worker's workspace topics."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._events = EventReader(intake)

    def offer(self, runner: Runner, chunk: Chunk) -> None:
        """Pack a small chunk in its lane's place if that has nothing to do; else it is the lane's."""
        lane: Any = runner.lane
        records = chunk.made
        if lane.home is None or not records or len(records) > SMALL or not runner.lend(chunk):
            runner.offer(chunk)
        else:
            self._add(_Waiting(lane, lane.home, records, _Lent(runner, lane, chunk)))

    def add(self, lane: PackedLane, chunk: Chunk) -> "asyncio.Future[Any] | None":
        """Pack a chunk with others; None if it is not small. The answer is False if the lane has to read it itself."""
        records = chunk.made
        if not records or len(records) > SMALL or lane.own is None:
            return None
        lane.home = lane.home or self._home(lane.own)
        if lane.home is None:
            return None
        packed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._add(_Waiting(lane, lane.home, records, packed))
        return packed

    def _add(self, chunk: _Waiting) -> None:
        self._waiting.append(chunk)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._pack_all(), name="packing workspace topics")
        reach("own-topics.packed")

    def _home(self, workspace: str) -> Home | None:
        """Where a workspace belongs, if that is known."""
        directory = self._intake.directory
        entry = directory.known(workspace)
        if entry is None:
            return None
        return Home(entry, directory.partition_of(entry.named.account), name_prefix(workspace))

    async def _pack_all(self) -> None:
        await asyncio.sleep(0)  # what the other lanes add in this turn goes along
        while self._waiting:
            piece, events = [], 0
            while self._waiting and events < TURN_EVENTS:
                piece.append(self._waiting.popleft())
                events += len(piece[-1].records)
            try:
                self._pack(piece)
            except Exception as error:  # whatever it is, nobody may wait for it for ever
                for chunk in piece:
                    if not chunk.packed.done():
                        chunk.packed.set_exception(error)
            await asyncio.sleep(0)

    def _pack(self, piece: Sequence[_Waiting]) -> None:
        columns, start = self._events.read([record for chunk in piece for record in chunk.records]), 0
        for lane, home, records, packed in piece:
            end = start + len(records)
            if not packed.done():
                few = self._events.few(columns, start, end, lane.own or "")
                if few is None:
                    packed.set_result(False)
                else:
                    at = (lane.topic, lane.tp.partition, columns.received_ms[end - 1])
                    self._intake.writers[home.partition].add(
                        small_group(*at, home.entry.named, home.prefix, few), packed
                    )
            start = end
