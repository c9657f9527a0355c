"""The context that the fold's handlers share: a partition's rows and facts, its outputs, changes and counts."""

from typing import NamedTuple

from meter.rules.state.cause import CellChange
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.state.pending_changes import PendingChanges
from meter.rules.state.quota_cache import ItemPricing, QuotaCache
from meter.rules.state.repeats import Repeats
from meter.rules.state.rows import Cell, CellKey, Rows

#: Later than any day.
NO_DAY = 1 << 31
#: A record for an output topic: the topic without the prefix, key and value.
Output = tuple[str, str, bytes]


class ClosingAccount(NamedTuple):
    """The sorted workspaces of an account that closes in several slices; cached from one slice to the next."""

    account: str
    day: int
    #: How many workspaces each cell had; another number means that the names must be sorted again.
    sizes: tuple[int, ...]
    names: list[str]


class FoldContext:
    """State, outputs and counts of one partition's fold; the caller takes `outputs` and `counts` after each chunk."""

    def __init__(self, rows: Rows, facts: JournalFacts | None, repeats: Repeats | None = None) -> None:
        self.rows = rows
        self.facts = facts
        self.outputs: list[Output] = []
        #: Bytes of the outputs so far.
        self.emitted_bytes = 0
        #: Source records that were folded before; the metrics do not count them again.
        self.repeats = Repeats({}) if repeats is None else repeats
        #: (kind, outcome) -> records, for the metrics.
        self.counts: dict[tuple[str, str], int] = {}
        self.revision = 0
        #: Cells that the record changed so far, and the earliest of their days.
        self.changes: dict[CellKey, CellChange] = {}
        self.earliest = NO_DAY
        #: Cells whose balance changed since the last `finish`, and the last record that changed it.
        self.unbalanced: dict[Cell, int] = {}
        #: Days of accounts whose statement the record changed without a cell: the plans in force.
        self.changed_days: dict[tuple[str, int], None] = {}
        self.quota_cache = QuotaCache()
        #: A cache of how items are charged, by name and day.
        self.item_pricing: dict[tuple[str, int], ItemPricing] = {}
        #: Plans and wallets that the record changed so far.
        self.pending = PendingChanges()
        #: A cache for the account that is closing.
        self.closing_account: ClosingAccount | None = None

    def known(self) -> JournalFacts:
        """The journal's facts; RuntimeError before the opening was folded."""
        if self.facts is None:
            raise RuntimeError("the journal does not begin with an opening record; was its beginning deleted?")
        return self.facts

    def metric(self, kind: str, outcome: str, records: int = 1) -> None:
        """Count records for the metrics."""
        key = (kind, outcome)
        self.counts[key] = self.counts.get(key, 0) + records

    def publish(self, topic: str, key: str, value: bytes) -> None:
        """Add a record for an output topic."""
        self.outputs.append((topic, key, value))
        self.emitted_bytes += len(value)

    def change(self, cell: Cell) -> CellChange:
        """The record's change of a cell; made at the first call."""
        change = self.changes.get(cell.key)
        if change is None:
            change = self.changes[cell.key] = CellChange(cell)
            if cell.day < self.earliest:
                self.earliest = cell.day
        return change
