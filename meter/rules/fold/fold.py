"""The fold: journal records in, rows and outputs out; everything the meter knows is this.

A record is the atom: its entries are applied in order, then every cell it touched is settled once and what
changed is published once, with the record's offset as revision. So which revisions exist and what they say is a
function of the journal alone, however it is cut into chunks, replayed or interrupted.

A record may be long, so it is folded in steps, between which whoever drives the fold may do something else. In the
middle of a record the memory and the outputs are torn: the record is folded to its end, or all of it is dropped.
"""

from collections.abc import Callable, Generator, Iterator

from meter.rules.fold.bindings import RecordNames, bind_group
from meter.rules.fold.catalog import announce
from meter.rules.fold.closing import Roll, close, expire, restate
from meter.rules.fold.orders import order
from meter.rules.fold.recalculate import settle
from meter.rules.fold.usage import count
from meter.rules.outputs.order_outcomes import Standing
from meter.rules.outputs.quota_balances import balance
from meter.rules.state.cause import Touch
from meter.rules.state.context import Cell, CellKey, Memory, Output
from meter.rules.state.journal_facts import Facts
from meter.rules.state.quota_cache import Stakes
from meter.rules.state.repeats import Repeats
from schemas.journal import (
    BindingGroup,
    CatalogueVersion,
    DayClosed,
    DayExpired,
    Gathered,
    JournalRecord,
    Opening,
    OrderGroup,
    UsageGroup,
)
from schemas.rows import replaced


class Fold:
    """Folds records into one partition's memory; `outputs` and `counts` grow until taken by `finish`."""

    def __init__(self, memory: Memory, facts: Facts | None, repeats: Repeats | None = None) -> None:
        self.memory = memory
        self.facts = facts
        self.outputs: list[Output] = []
        #: Bytes of the outputs so far.
        self.said = 0
        #: Source records met before, which the metrics do not count again.
        self.repeats = Repeats({}) if repeats is None else repeats
        #: (kind, outcome) -> records, for the metrics.
        self.counts: dict[tuple[str, str], int] = {}
        self.revision = 0
        self.touched: dict[CellKey, Touch] = {}
        #: Cells whose balance changed since the last `finish`, and the last record that did it.
        self.unbalanced: dict[CellKey, tuple[Cell, int]] = {}
        #: Days of accounts that the record changed beside their cells: plans in force.
        self.changed_days: dict[tuple[str, int], None] = {}
        self.stakes = Stakes()
        self.standing = Standing()
        #: Who is stated of the account that is being closed; cost, not meaning.
        self.roll: Roll | None = None

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
                self._open(offset, timestamp_ms, record)
            case CatalogueVersion():
                yield from announce(self, offset, timestamp_ms, record)
            case DayClosed():
                yield from close(self, timestamp_ms, record)
            case DayExpired():
                yield from expire(self, record)

    def known(self) -> Facts:
        """The opening's facts; every other record stands behind the opening."""
        if self.facts is None:
            raise RuntimeError("the journal does not begin with an opening record; was its beginning deleted?")
        return self.facts

    def count(self, kind: str, outcome: str, records: int = 1) -> None:
        key = (kind, outcome)
        self.counts[key] = self.counts.get(key, 0) + records

    def say(self, topic: str, key: str, value: bytes) -> None:
        self.outputs.append((topic, key, value))
        self.said += len(value)

    def touch(self, cell: Cell) -> Touch:
        """The record's touch of a cell, made at its first."""
        touch = self.touched.get(cell.key)
        if touch is None:
            touch = self.touched[cell.key] = Touch(cell)
        return touch

    def finish(self) -> list[Output]:
        """End a chunk: the balances with the state after it, then all outputs since the last call."""
        for _ in self.balancing():
            pass
        outputs, self.outputs, self.said = self.outputs, [], 0
        return outputs

    def balancing(self) -> Iterator[None]:
        """Publish the balances with the state after the chunk, in steps; `finish` has nothing of that left to do."""
        for cell, revision in self.unbalanced.values():
            balance(self, cell, revision)
            yield
        self.unbalanced.clear()

    def _gathered(self, record: Gathered) -> Iterator[None]:
        self.known()
        names = RecordNames(record.named)
        for group in record.groups:
            yield from _GROUPS[type(group)](self, group, names)
        yield from self.standing.say(self)
        yield from self.settle()

    def settle(self) -> Iterator[None]:
        """End a record: settle what it touched, tell closed days again."""
        touched, self.touched = self.touched, {}
        for touch in touched.values():
            yield from settle(self, touch)
        yield from restate(self, touched.values())

    def _open(self, offset: int, timestamp_ms: int, record: Opening) -> None:
        if self.facts is None:
            opened_ms = record.opened_ms or timestamp_ms
            self.facts = Facts.opened(replaced(record, opened_ms=opened_ms), opened_ms)


_GROUPS: dict[type, Callable[..., Iterator[None]]] = {UsageGroup: count, OrderGroup: order, BindingGroup: bind_group}
