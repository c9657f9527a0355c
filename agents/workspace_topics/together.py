"""Packs the small chunks of many workspace topics together: thousands of topics bring a few events each.

What a chunk costs by itself (columns, arrays, checks of many events at once) is most of what it costs when it holds
three events. So chunks that arrive in one turn are decoded together, and each becomes a usage group by itself. A chunk
of which anything has to be asked, held back or buried is left to its lane, whole, before any of it is packed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

from agents.intake.cloudevents import opened_all
from agents.intake.intake import Intake
from agents.intake.small_groups import SmallUsageBuilder, Unpacked
from agents.intake.usage_reader import AHEAD_LIMIT_US, LOG_APPEND_TIME, Dead
from agents.intake.workspace_map import WorkspaceEntry
from meter.batch.chunks import Chunk
from schemas.journal import name_prefix

#: Events of a chunk that is packed with others; a larger one pays for its own columns.
SMALL = 100
#: Events between two turns of the event loop: about 5 ms.
TURN_EVENTS = 500
#: Kinds of events, and sources, that are remembered; beyond it they are learnt again.
KINDS_KEPT, SOURCES_KEPT = 50_000, 100_000


class Kind(NamedTuple):
    """What events of one item, retention and billing day have in common."""

    item: str
    retention: int
    day: int


class Home(NamedTuple):
    """A workspace whose topic is read: what is known of it, its journal partition, how its identities begin."""

    entry: WorkspaceEntry
    partition: int
    prefix: bytes


class _Waiting(NamedTuple):
    """A chunk of a workspace topic; `packed`: done when it is acknowledged, False if its lane has to read it."""

    topic: str
    partition: int
    workspace: str
    home: Home
    records: Sequence[Any]
    packed: "asyncio.Future[Any]"


class Together:
    """The small chunks of one worker's workspace topics."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None
        self._kinds: dict[tuple[str, int | None, str, int], Kind] = {}
        self._sources: dict[str, bytes] = {}

    def home(self, workspace: str) -> Home | None:
        """Where a workspace belongs, if that is known."""
        directory = self._intake.directory
        entry = directory.known(workspace)
        if entry is None:
            return None
        return Home(entry, directory.partition_of(entry.named.account), name_prefix(workspace))

    def add(self, topic: str, partition: int, workspace: str, home: Home, chunk: Chunk) -> "asyncio.Future[Any] | None":
        """Pack a chunk with others; None if it is not small. The answer is False if the lane has to read it itself."""
        records = chunk.made
        if not records or len(records) > SMALL:
            return None
        packed: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(topic, partition, workspace, home, records, packed))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._pack_all(), name="packing workspace topics")
        return packed

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
        events, start = opened_all([record for chunk in piece for record in chunk.records]), 0
        for chunk in piece:
            end = start + len(chunk.records)
            if not chunk.packed.done():
                builder = self._group(chunk, events[start:end])
                if builder is None:
                    chunk.packed.set_result(False)
                else:
                    self._intake.writers[chunk.home.partition].add(builder, chunk.packed)
            start = end

    def _group(self, chunk: _Waiting, events: Sequence[Any]) -> SmallUsageBuilder | None:
        """The usage group of a chunk; None if an event is not of a known kind, or not within its limits."""
        times, oldest, now_ms = self._intake.reader.times, self._intake.reader.oldest, 0
        kinds, sources, own = self._kinds, self._sources, chunk.workspace
        group = Unpacked(chunk.home.prefix)
        received_ms = 0
        for record, event in zip(chunk.records, events, strict=True):
            received_ms = record.timestamp
            if record.timestamp_type != LOG_APPEND_TIME:
                received_ms = now_ms = now_ms or time.time_ns() // 1_000_000
            (time_us, day), data = times[event.time], event.data
            key = (data.item, data.retention_days, event.type, day)
            kind = kinds.get(key) or self._learnt(key, record, received_ms, own)
            if kind is None or (event.subject is not None and event.subject != own) or data.quantity < 0:
                return None
            if time_us - received_ms * 1000 > AHEAD_LIMIT_US or day < oldest(received_ms):
                return None
            source = sources.get(event.source) or self._source(event.source)
            group.add(kind, data.quantity, time_us, record.offset, source, event.source, event.id)
        return group.builder(chunk.topic, chunk.partition, received_ms, chunk.home.entry.named)

    def _learnt(self, key: tuple[str, int | None, str, int], record: Any, received_ms: int, own: str) -> Kind | None:
        """Judge an event by all rules; its kind, if that is so for good: the catalog's version of its day is final."""
        if record.value is None or key[3] > self._intake.catalog.final_through:
            return None
        try:
            read = self._intake.reader.read(record.value, record.headers, received_ms, own)
        except Dead:
            return None
        if read.given is None or (*read.given[1:], read.day) != key:
            return None
        if len(self._kinds) >= KINDS_KEPT:
            self._kinds.clear()
        kind = self._kinds[key] = Kind(read.item, read.retention, read.day)
        return kind

    def _source(self, source: str) -> bytes:
        if len(self._sources) >= SOURCES_KEPT:
            self._sources.clear()
        prefix = self._sources[source] = name_prefix(source)
        return prefix
