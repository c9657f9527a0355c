"""The fold: journal records in, rows and outputs out. Every figure of the meter comes from it.

A record is the atom: its entries are applied in order, then every cell that it changed is recalculated once and
published once if it differs, with the record's offset as revision. So the journal alone decides which revisions exist
and what they contain, however it is cut into chunks, replayed or interrupted.

A long record is folded in steps, between which the caller may do other work. Between two steps the rows and the
outputs are half changed: the caller must fold the record to its end or drop the whole state.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from itertools import groupby
from typing import cast

from meter.rules.fold.bindings import RecordNames, bind_group
from meter.rules.fold.catalog import announce
from meter.rules.fold.closing import close, restate
from meter.rules.fold.expiry import expire
from meter.rules.fold.orders import decide_orders
from meter.rules.fold.recalculate import CELLS_A_STEP, recalculate
from meter.rules.fold.small_groups import count_groups
from meter.rules.outputs.plans import publish_plan
from meter.rules.outputs.quota_balances import publish_balance
from meter.rules.outputs.wallets import publish_wallet
from meter.rules.state.context import NO_DAY, FoldContext, Output
from meter.rules.state.journal_facts import JournalFacts
from schemas.journal import (
    BindingGroup,
    CatalogVersion,
    DayClosed,
    DayExpired,
    Gathered,
    JournalRecord,
    Opening,
    OrderGroup,
    UsageGroup,
)
from schemas.rows import replaced

_GROUPS: dict[type, Callable[..., Iterator[None]]] = {
    OrderGroup: decide_orders,
    BindingGroup: bind_group,
}


class Fold(FoldContext):
    """Folds records into one partition's rows; `finish` takes the outputs."""

    def fold(self, offset: int, timestamp_ms: int, record: JournalRecord) -> None:
        """Fold the record at `offset`, appended at `timestamp_ms` by the broker's clock."""
        for _ in self.folding(offset, timestamp_ms, record):
            pass

    def folding(self, offset: int, timestamp_ms: int, record: JournalRecord) -> Generator[None]:
        """`fold` in steps of some ms at most."""
        self.revision = offset
        match record:
            case Gathered():
                yield from self._gathered(record)
            case Opening():
                self._open(timestamp_ms, record)
            case CatalogVersion():
                yield from announce(self, offset, timestamp_ms, record)
                yield from self._end_record()
            case DayClosed():
                yield from close(self, timestamp_ms, record)
            case DayExpired():
                yield from expire(self, record)

    def finish(self) -> list[Output]:
        """End a chunk: publish the balances as they are after it, and return all outputs since the last call."""
        for _ in self.balancing():
            pass
        self.emitted_bytes = 0
        return self.take()

    def take(self) -> list[Output]:
        """The outputs since the last call, in the middle of a chunk: `emitted_bytes` goes on."""
        outputs, self.outputs = self.outputs, []
        return outputs

    def balancing(self) -> Iterator[None]:
        """Publish the balances as they are after the chunk, in steps; `finish` then has none left to publish."""
        for number, (cell, revision) in enumerate(self.unbalanced.items(), 1):
            publish_balance(self, cell, revision)
            if not number % CELLS_A_STEP:
                yield
        self.unbalanced.clear()

    def _gathered(self, record: Gathered) -> Iterator[None]:
        self.known()
        names = RecordNames(record.named)
        for kind, groups in groupby(record.groups, type):
            if kind is UsageGroup:
                yield from count_groups(self, cast(Sequence[UsageGroup], list(groups)), names)
            else:
                for group in groups:
                    yield from _GROUPS[kind](self, group, names)
        yield from self._publish_pending()
        yield from self._end_record()

    def _publish_pending(self) -> Iterator[None]:
        for account, plan in self.pending.plans():
            publish_plan(self, account, plan)
            yield
        for account, wallet in self.pending.wallets():
            publish_wallet(self, account, wallet)
            yield
        self.pending.clear()

    def _end_record(self) -> Iterator[None]:
        """Recalculate the cells that the record changed, then restate closed days."""
        changes, self.changes = self.changes, {}
        yield from recalculate(self, changes.values())
        yield from restate(self, changes.values())
        self.earliest = NO_DAY

    def _open(self, timestamp_ms: int, record: Opening) -> None:
        if self.facts is None:
            opened_ms = record.opened_ms or timestamp_ms
            self.facts = JournalFacts.opened(replaced(record, opened_ms=opened_ms), opened_ms)
