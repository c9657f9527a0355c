"""Packs a source partition's events into columns, for usage groups of the journal.

Events are decoded one by one. For events of a known class the remaining checks (limits, times, account, identity) are
made on whole columns; every other event is judged by itself.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from aiokafka.errors import KafkaError

from agents.intake.cloudevents import opened_all
from agents.intake.held import NotYetKnown
from agents.intake.intake import Intake
from agents.intake.journal_entries import EVENT_BYTES, GROUP_BYTES, Events, UsageBuilder
from agents.intake.resume import Refused
from agents.intake.usage_reader import AHEAD_LIMIT_US, Dead, ParsedUsage, exception_text
from agents.intake.validation_cache import KIND_BITS, UNKNOWN, KindKey, Sources, ValidationCache, number_of, numbers_of
from agents.intake.workspace_map import WorkspaceEntry, unknown_workspace
from meter.batch.lanes import Reopen
from meter.batch.turns import Turns
from schemas.columns import Ints, ints
from schemas.ids import QUANTITY_LIMIT
from schemas.journal import identities
from schemas.reasons import DeadReason

#: Reasons that a newer catalog version may remove.
OF_THE_CATALOG = (DeadReason.UNKNOWN_ITEM, DeadReason.UNKNOWN_RETENTION)
#: A packer fills records of at most this many journal partitions, so that it stays small where there are many.
FILLED_AT_ONCE = 8
#: A chunk that makes more journal records than this is written in parts: a fetch may unpack to any size.
OVERFULL_RECORDS = 2 * FILLED_AT_ONCE


class _Judged(NamedTuple):
    """An event that was judged by itself, as it is packed."""

    class_number: int
    quantity: int
    time_us: int
    source: str
    id: str


class PackedLane(Protocol):
    """What the packer needs of the lane whose records it packs."""

    intake: Intake
    topic: str
    #: The workspace of a workspace topic; None for the shared topic.
    own: str | None

    def cache(self) -> ValidationCache: ...
    def received(self, record: Any) -> int: ...
    def appended(self, record: Any) -> int: ...
    async def hold(self, record: Any, waits: NotYetKnown) -> None: ...
    async def bury(self, pending: list[asyncio.Future[Any]], record: Any, reason: DeadReason, error: str) -> None: ...


class Packer:
    """Packs one chunk, or several in a row. `UsageReader` judges the first event of each class."""

    def __init__(self, lane: PackedLane, pending: list[asyncio.Future[Any]], *, all_known: bool = False) -> None:
        self.lane = lane
        self.intake = lane.intake
        self.pending = pending
        self.nulls = 0
        self._cache = lane.cache()
        self._times = self.intake.reader.times
        self._sources = Sources()
        #: Columns of a few thousand events each: class number, quantity, instant, offset and source.
        self._taken: list[tuple[Ints, Ints, Ints, Ints, Ints]] = []
        self._ids: list[str] = []
        self._identities: list[bytes] = []
        self._bytes = 0
        #: Whether nothing more can become known about the workspaces.
        self._all_known = all_known
        #: The end of `workspaces` after this chunk was fetched; None until asked.
        self._end: int | None = None
        #: Numbers of kinds whose day has no final catalog version yet; valid for this chunk only.
        self._early: dict[KindKey, int] = {}
        self._asked = False

    @property
    def full(self) -> bool:
        """Whether enough was taken to fill a record for FILLED_AT_ONCE journal partitions (or all, if fewer)."""
        return self._bytes >= min(len(self.intake.writers), FILLED_AT_ONCE) * GROUP_BYTES

    @property
    def overfull(self) -> bool:
        """Whether so much was taken of one chunk that it must be written before the rest is read."""
        return self._bytes >= OVERFULL_RECORDS * GROUP_BYTES

    def begin(self) -> None:
        """Begin a chunk: other topics must be asked again for what they had before it was fetched."""
        self._asked = False
        self._end = 0 if self._all_known else None
        self._early.clear()

    async def take(self, records: Sequence[Any]) -> None:
        """Take records in source order."""
        self._bytes += len(records) * EVENT_BYTES
        events = opened_all(records)
        times = [self._times[event.time] for event in events]
        kind, entry = self._cache.kind, self._cache.entry
        kinds = ints(
            [
                kind((event.data.item, event.data.retention_days, event.type, at[1]), UNKNOWN)
                for event, at in zip(events, times, strict=True)
            ]
        )
        quantities, times_us = ints([event.data.quantity for event in events]), ints([at[0] for at in times])
        within = self._within(kinds, quantities, times_us, records)
        workspaces = [entry(event.subject, UNKNOWN) for event in events]
        if UNKNOWN in workspaces and self.lane.own is None and (kinds != UNKNOWN).all():
            self._meet(events, workspaces, within)
        classes = numbers_of(ints(workspaces), kinds)
        columns = (
            classes,
            quantities,
            times_us,
            ints([record.offset for record in records]),
            ints([self._sources[event.source] for event in events]),
        )
        ids = [event.id for event in events]
        good = within & (classes != UNKNOWN)
        if not good.all():
            await self._take_others(records, columns, ids, good)
            columns = tuple(column[good] for column in columns)
            ids = [name for name, is_good in zip(ids, good.tolist(), strict=True) if is_good]
        self._keep(columns, ids)

    def _within(self, kinds: Ints, quantities: Ints, times_us: Ints, records: Sequence[Any]) -> npt.NDArray[np.bool_]:
        """Which events are within the limits of their kind; it means nothing where that is not known."""
        own, known = self.lane.own, self._cache
        appended = [record.timestamp for record in records] if own is None else map(self.lane.received, records)
        received_ms = ints(list(appended))
        first, last = (self.intake.reader.oldest(int(end)) for end in (received_ms.min(), received_ms.max()))
        oldest = first if first == last else ints(list(map(self.intake.reader.oldest, received_ms.tolist())))
        within: npt.NDArray[np.bool_] = (
            (quantities >= known.least(kinds))
            & (times_us - received_ms * 1000 <= AHEAD_LIMIT_US)
            & (known.day(kinds) >= oldest)
        )
        return within

    def _meet(self, events: Sequence[Any], numbers: list[int], within: npt.NDArray[np.bool_]) -> None:
        """Number new workspaces in place, in the order of their first events, up to one that the directory lacks.

        So the first events of workspaces are judged on columns too, as long as they are of known kinds.
        """
        directory, cache = self.intake.directory, self._cache
        new: dict[str | None, list[int]] = {}
        for at in np.flatnonzero(within & (ints(numbers) == UNKNOWN)).tolist():
            new.setdefault(events[at].subject, []).append(at)
        subjects = [subject for subject in new if subject is not None]
        if len(subjects) < len(new):
            return
        for subject, known in zip(subjects, directory.known_all(subjects), strict=True):
            if known is None:
                return
            number = cache.add_entry(subject, known, directory.partition_of(known.named.account))
            for at in new[subject]:
                numbers[at] = number

    async def _take_others(
        self, records: Sequence[Any], columns: tuple[Ints, ...], ids: list[str], good: npt.NDArray[np.bool_]
    ) -> None:
        """Judge the events that are not good one by one, in order, and write accepted ones into the columns."""
        turns = Turns()
        for at in np.flatnonzero(~good).tolist():
            await turns.due()
            if records[at].value is None:
                self.nulls += 1
                continue
            judged = await self._judge(records[at])
            if judged is not None:
                good[at] = True
                ids[at] = judged.id
                for column, value in zip(columns, judged[:3], strict=False):
                    column[at] = value
                columns[4][at] = self._sources[judged.source]

    def _keep(self, columns: tuple[Ints, ...], ids: list[str]) -> None:
        workspaces, sources = self._cache.prefixes, self._sources.prefixes
        self._identities += identities(
            [
                workspaces[entry] + sources[source] + name.encode()
                for entry, source, name in zip(
                    (columns[0] >> KIND_BITS).tolist(), columns[4].tolist(), ids, strict=True
                )
            ]
        )
        self._ids += ids
        self._bytes += sum(map(len, ids))
        self._taken.append(columns)  # type: ignore[arg-type] # five of them

    async def _judge(self, record: Any) -> _Judged | None:
        """Judge an event by all rules; None if it was buried or held back."""
        lane = self.lane
        try:
            reading = await self._reading(record)
            entry = await self._entry(reading.workspace)
            class_number = self._class_of(reading, entry)
            return _Judged(class_number, reading.quantity, reading.time_us, reading.source, reading.id)
        except Dead as dead:
            await lane.bury(self.pending, record, dead.reason, dead.error)
        except NotYetKnown as waits:
            await lane.hold(record, waits)
        except (Reopen, Refused, asyncio.CancelledError, KafkaError):
            raise
        except Exception as error:  # step 3: whatever goes wrong with one record ends that record only
            await lane.bury(self.pending, record, DeadReason.INVALID_FIELD, exception_text(error))
        return None

    def _class_of(self, reading: ParsedUsage, entry: WorkspaceEntry) -> int:
        """The class number of an event; its kind is cached if its day's catalog version is final."""
        cache, final = self._cache, reading.day <= self.intake.catalog.final_through
        key = (reading.item, reading.retention, reading.corrected, reading.day)
        kind = cache.kind(key, UNKNOWN) if final else self._early.get(key, UNKNOWN)
        if kind == UNKNOWN:
            least = -QUANTITY_LIMIT if reading.corrected and self.intake.reader.adds_up(reading) else 0
            kind = cache.add_kind(reading, least)
            if final:
                cache.keep_kind(key, kind)
            else:
                self._early[key] = kind
        subject, *given = (reading.workspace,) if reading.given is None else reading.given
        if final and given:
            cache.keep_kind((*given, reading.day), kind)  # type: ignore[arg-type] # item, retention and type
        return number_of(cache.add_entry(subject, entry, self.intake.directory.partition_of(entry.named.account)), kind)

    async def _reading(self, record: Any) -> ParsedUsage:
        """Parse a record by the final catalog version of its day, or else by all versions announced until now."""
        lane, catalog, read = self.lane, self.intake.catalog, self.intake.reader.read
        appended = lane.appended(record)
        await catalog.reach(appended)
        try:
            reading = read(record.value, record.headers, lane.received(record), lane.own)
            if appended or self._asked or reading.day <= catalog.final_through:
                return reading
        except Dead as dead:
            if self._asked or dead.reason not in OF_THE_CATALOG or not catalog.open_at(appended):
                raise
        self._asked = True
        await catalog.catch_up()
        return read(record.value, record.headers, lane.received(record), lane.own)

    async def _entry(self, workspace: str) -> WorkspaceEntry:
        directory = self.intake.directory
        entry = directory.known(workspace)
        if entry is None and self._end is None:  # step 2: read `workspaces` up to its end now
            self._end = await directory.catch_up()
            entry = directory.known(workspace)
        if entry is None and directory.read_to < (self._end or 0):  # an open transaction may hide it
            raise NotYetKnown(self._end or 0, (workspace,))
        if entry is None:
            raise unknown_workspace(workspace)
        return entry

    def packed(self, partition: int, timestamp_ms: int) -> list[tuple[int, UsageBuilder]]:
        """A builder for each journal partition, with what was taken of this source partition."""
        if not self._ids:
            return []
        class_number, quantity, time_us, offset, source = (
            np.concatenate(column) for column in zip(*self._taken, strict=True)
        )
        sources, identities = list(self._sources), b"".join(self._identities)
        events = Events(class_number, quantity, time_us, offset, source, self._ids, identities, sources)
        journal_partition = self._cache.partition(class_number)
        topic, cache = self.lane.topic, self._cache
        return [
            (number, UsageBuilder(topic, partition, timestamp_ms, cache, events.at(np.flatnonzero(of_number))))
            for number in range(int(journal_partition.max()) + 1)
            if (of_number := journal_partition == number).any()
        ]
