"""Holds back records that name workspaces which may be hidden by an open transaction on `workspaces`.

Usage waits for an unknown workspace. An order also waits for one that is not known to be commercial: a refusal would be
final. The rest of the partition goes on. The commit stays before the first held record, so after a crash it is read
again and counted once.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

from agents.intake.intake import Intake
from agents.intake.marks import Mark
from agents.intake.outcomes import SourceOutcomes
from meter.batch.lanes import Lane

#: Records of one partition that are held back, and their bytes; at either limit the whole partition waits.
HELD_RECORDS = 10_000
HELD_BYTES = 8 << 20
#: In a workspace topic every record waits for the same workspace, so one held record is enough.
HELD_OF_ONE_WORKSPACE = 1
#: How often a partition that can hold back no more checks whether records became due.
FULL_SECONDS = 0.2
#: A waiting lane reuses an answer of Kafka that is younger than this.
ASKED_SECONDS = 0.2


class NotYetKnown(Exception):
    """The record must wait until `workspaces` is read to `until`; then all about these workspaces is known.

    `account`: set if the record is an order; later orders of that account wait behind it.
    """

    def __init__(self, until: int, workspaces: tuple[str, ...], account: str | None = None) -> None:
        super().__init__(f"{len(workspaces)} workspaces are not known before offset {until} of workspaces is read")
        self.until = until
        self.workspaces = workspaces
        self.account = account


class _Entry(NamedTuple):
    record: Any
    waits: NotYetKnown


class Held:
    """The records that one lane holds back, in partition order."""

    def __init__(self, most: int | None = None) -> None:
        #: How many records may be held back; None: HELD_RECORDS.
        self._most = most
        self._entries: list[_Entry] = []
        self._bytes = 0
        #: Orders held back by account.
        self._orders: Counter[str] = Counter()
        #: The mark of the last record before the chunk with the first held record; committed while records are held.
        self.mark: Mark | None = None

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def first(self) -> Any:
        """The first record."""
        return self._entries[0].record

    @property
    def full(self) -> bool:
        """Whether no more may be held back."""
        return len(self._entries) >= (self._most or HELD_RECORDS) or self._bytes >= HELD_BYTES

    @property
    def offset(self) -> int:
        """Offset of the first held record."""
        return int(self.first.offset)

    def holds_orders_of(self, account: str) -> bool:
        """Whether an order of the account is held back, so that its later orders must wait."""
        return self._orders[account] > 0

    def add(self, record: Any, waits: NotYetKnown, mark: Mark | None) -> None:
        """Hold a record back; `mark` is of the last record of the chunk before."""
        if not self._entries:
            self.mark = mark
        self._entries.append(_Entry(record, waits))
        self._bytes += _size(record)
        if waits.account is not None:
            self._orders[waits.account] += 1

    def due(self, read_to: int, known: Callable[[str], object]) -> list[Any]:
        """The records that need not wait any longer, in order, with `workspaces` read to `read_to`."""
        blocked: set[str] = set()
        due = []
        for record, waits in self._entries:
            if waits.account in blocked:
                continue
            if waits.until <= read_to or all(map(known, waits.workspaces)):
                due.append(record)
            elif waits.account is not None:
                blocked.add(waits.account)
        return due

    def remove(self, records: list[Any]) -> None:
        """Remove handled records."""
        gone = {record.offset for record in records}
        self._entries = [entry for entry in self._entries if entry.record.offset not in gone]
        self._bytes = sum(_size(entry.record) for entry in self._entries)
        self._orders = Counter(entry.waits.account for entry in self._entries if entry.waits.account is not None)

    def clear(self) -> None:
        """Forget the held records: the partition is read again from before them."""
        self._entries, self._bytes, self.mark = [], 0, None
        self._orders.clear()


def _size(record: Any) -> int:
    return len(record.value or b"") + sum(len(name) + len(content or b"") for name, content in record.headers)


class HoldingLane(Lane):
    """A lane that can hold records back; the subclass reads records and awaits acknowledgements."""

    intake: Intake
    outcomes: SourceOutcomes
    mark: Mark | None

    #: How many records it may hold back; None: HELD_RECORDS.
    holds_most: int | None = None

    def __init__(self, app: Any, tp: Any) -> None:
        super().__init__(app, tp)
        self.held = Held(self.holds_most)

    @property
    def holding(self) -> bool:
        return len(self.held) > 0

    def received(self, record: Any) -> int:
        """When a record counts as received, in ms."""
        raise NotImplementedError

    def held_records(self) -> tuple[int, int]:
        return len(self.held), self.received(self.held.first) if self.holding else 0

    async def hold(self, record: Any, waits: NotYetKnown) -> None:
        """Hold a record back until its workspaces can be known; a lane that can hold no more waits here."""
        self.held.add(record, waits, self.mark)
        while self.held.full and not self._due():
            await self.wait_for_workspaces()

    async def wait_for_workspaces(self) -> None:
        """Wait a moment, in the middle of a chunk, for new records of `workspaces`."""
        self.waits = True
        try:
            await asyncio.sleep(FULL_SECONDS)
            await self.intake.directory.catch_up(within=ASKED_SECONDS)
        finally:
            self.waits = False

    def settled(self, workspace: str) -> object:
        """Truthy if everything is known about the workspace that a record of this lane needs."""
        return self.intake.directory.known(workspace)

    def _due(self) -> list[Any]:
        directory = self.intake.directory
        return self.held.due(directory.read_to, self.settled)

    async def look_again(self) -> None:
        await self.intake.directory.catch_up(within=ASKED_SECONDS)
        due = self._due()
        if not due:
            return
        pending: list[asyncio.Future[Any]] = []
        async with self.acknowledged(pending, due[0].offset):
            await self.read_held(due, pending)
        self.outcomes.handled(self.position)
        self.held.remove(due)  # only now, so that the commit stays before the first held record

    async def let_all_go(self) -> None:
        """Wait until no record is held back."""
        self.waits = True
        try:
            while self.holding:
                await self.look_again()
                await asyncio.sleep(FULL_SECONDS)
        finally:
            self.waits = False

    def acknowledged(self, pending: list[asyncio.Future[Any]], start: int) -> AbstractAsyncContextManager[None]:
        """On exit, wait until all of `pending` (for records from `start` on) is acknowledged."""
        raise NotImplementedError

    async def read_held(self, records: list[Any], pending: list[asyncio.Future[Any]]) -> None:
        """Read records that were held back; nothing more can become known about their workspaces."""
        raise NotImplementedError

    def handled_to(self) -> int:
        """The offset before which every record is handled."""
        return min(self.held.offset, self.position) if self.held else self.position

    def progress_mark(self) -> Mark | None:
        """The mark that belongs to `handled_to`."""
        return self.held.mark if self.held else self.mark
