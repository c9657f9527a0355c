"""What a handler of the fold works with: the partition's rows and facts, and what it publishes, changes and counts."""

from typing import NamedTuple

from meter.rules.state.cause import CellChange
from meter.rules.state.journal_facts import JournalFacts
from meter.rules.state.pending_changes import PendingChanges
from meter.rules.state.quota_cache import ItemPricing, QuotaCache
from meter.rules.state.repeats import Repeats
from meter.rules.state.rows import Cell, CellKey, Rows

#: A record for an output topic in the order it was made: the topic (without the prefix), key and value.
Output = tuple[str, str, bytes]


class ClosingAccount(NamedTuple):
    """The workspaces of an account that is closed in several slices, sorted; kept from one slice to the next."""

    account: str
    day: int
    #: How many workspaces each cell had: none ever goes while the day can change.
    sizes: tuple[int, ...]
    names: list[str]


class FoldContext:
    """State, outputs and counts of one partition's fold; `outputs` and `counts` grow until they are taken."""

    def __init__(self, rows: Rows, facts: JournalFacts | None, repeats: Repeats | None = None) -> None:
        self.rows = rows
        self.facts = facts
        self.outputs: list[Output] = []
        #: Bytes of the outputs so far.
        self.emitted_bytes = 0
        #: Source records met before, which the metrics do not count again.
        self.repeats = Repeats({}) if repeats is None else repeats
        #: (kind, outcome) -> records, for the metrics.
        self.counts: dict[tuple[str, str], int] = {}
        self.revision = 0
        #: Cells that the record changed so far.
        self.changes: dict[CellKey, CellChange] = {}
        #: Cells whose balance changed since the last `finish`, and the last record that changed it.
        self.unbalanced: dict[Cell, int] = {}
        #: Days of accounts that the record changed beside their cells: plans in force.
        self.changed_days: dict[tuple[str, int], None] = {}
        self.quota_cache = QuotaCache()
        #: How items are charged, by name and day. A cache, as that of quotas.
        self.item_pricing: dict[tuple[str, int], ItemPricing] = {}
        #: Plans and wallets that the record changed so far.
        self.pending = PendingChanges()
        #: Who is stated of the account that is being closed. It changes cost, never meaning.
        self.closing_account: ClosingAccount | None = None

    def known(self) -> JournalFacts:
        """The opening's facts; every other record comes after the opening."""
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
        """The record's change of a cell, made by the first that asks."""
        change = self.changes.get(cell.key)
        if change is None:
            change = self.changes[cell.key] = CellChange(cell)
        return change
