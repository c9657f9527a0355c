"""An account's day while a batch is processed: read from the file at first use, changed in memory.

Each change of a cell updates the totals, so both are written in the same transaction. If the file has anything about
an account's day, it has a row in `account_days`; without that row the other tables are not read.
"""

import sqlite3
from collections.abc import Iterable, Iterator
from decimal import Decimal

import msgspec

from meter.dashboard.ingest.feed_entry import Entry
from meter.rules.prices import EXACT
from schemas.money import money_text

#: Range of SQLite's integers; larger numbers are stored as text.
INTEGER_MAX = 2**63 - 1
#: A range scan reads this many rows in the time of one look-up.
LOOK_UP_ROWS = 20

CELLS = "SELECT workspace, item, revision, usage, covered, overage, charge, basis, source FROM cells"
ITEMS = (
    "SELECT item, revision, quota, covered, left, plans, workspaces, more, usage, overage, charge, at_ms, quarter"
    " FROM items WHERE day = ? AND account = ?"
)
DAY = (
    "SELECT charge, currency, percent, item, alerts, at_ms, feed, cells FROM account_days WHERE day = ? AND account = ?"
)

CellKey = tuple[str, str]  # workspace, item
#: Milliseconds: first instant of a day and of the next.
Bounds = tuple[int, int]


class Cell(msgspec.Struct, frozen=True, gc=False):
    """What a workspace used of an item."""

    revision: int
    usage: int
    covered: int
    overage: int
    charge: str
    basis: str
    source: str


class ItemRow(msgspec.Struct, gc=False):
    """An account's item on a day; `ended`: samples of the quarters of an hour that ended in this batch."""

    revision: int = 0
    quota: int = 0
    covered: int = 0
    left: int = 0
    plans: str = "[]"
    workspaces: str = "[]"
    more: int = 0
    usage: int = 0
    overage: int = 0
    charge: Decimal = Decimal("0.00")
    at_ms: int = 0
    quarter: int = -1
    ended: str = ""

    def columns(self) -> tuple[object, ...]:
        """The table's columns after the key."""
        return (
            self.revision,
            stored(self.quota),
            stored(self.covered),
            stored(self.left),
            self.plans,
            self.workspaces,
            self.more,
            stored(self.usage),
            stored(self.overage),
            money_text(self.charge),
            self.at_ms,
            self.quarter,
        )


NO_CELL = Cell(0, 0, 0, 0, "0.00", "", "")
#: Marks a cell that was not looked up yet.
UNREAD = Cell(-1, 0, 0, 0, "", "", "")


class AccountDay:
    """Totals, items and cells of one account's day."""

    def __init__(self, connection: sqlite3.Connection, day: str, account: str, bounds: Bounds) -> None:
        self.day, self.account, self.bounds = day, account, bounds
        self.key = (day, account)
        self._connection = connection
        row = connection.execute(DAY, self.key).fetchone()
        self.is_new = row is None
        charge, currency, percent, item, alerts, at_ms, feed, cells = row or ("0.00", "", -1, "", 0, 0, 0, 0)
        self.charge, self.currency = Decimal(charge), str(currency)
        self.percent, self.item_of_percent = _int(percent), str(item)
        self.alerts, self.at_ms, self.feed, self.cells = _int(alerts), _int(at_ms), _int(feed), _int(cells)
        #: Whether the batch changed this day, and the partition of the records.
        self.changed, self.partition = False, 0
        #: New rows of its feed, and the newest revision of the feed before this batch; None: not looked up yet.
        self.entries: dict[tuple[int, str], Entry] = {}
        self.newest_entry: int | None = 0 if self.is_new else None
        #: Workspaces with a first cell of some item in this batch.
        self.new_workspaces: set[str] = set()
        self._items: dict[str, ItemRow] | None = {} if self.is_new else None
        self._changed_items: set[str] = set()
        self._cells: dict[CellKey, Cell | None] = {}
        self._changed_cells: set[CellKey] = set()
        #: Whether all cells of the file are in memory; if not, how many were looked up.
        self._whole, self._looked_up = self.is_new, 0

    def item(self, name: str) -> ItemRow:
        """An item, to be changed."""
        if self._items is None:
            rows = self._connection.execute(ITEMS, self.key)
            self._items = {item: _item(columns) for item, *columns in rows}
        self._changed_items.add(name)
        found = self._items.get(name)
        if found is None:
            found = self._items[name] = ItemRow()
        return found

    def cell(self, workspace: str, item: str) -> Cell | None:
        """The present cell."""
        found = self._cells.get((workspace, item), UNREAD)
        return self._read((workspace, item)) if found is UNREAD else found

    def put(self, key: CellKey, before: Cell | None, after: Cell | None, at_ms: int) -> None:
        """Change a cell, and the totals with it."""
        self._cells[key] = after
        self._changed_cells.add(key)
        old, new = before or NO_CELL, after or NO_CELL
        item = self.item(key[1])
        item.usage += new.usage - old.usage
        item.overage += new.overage - old.overage
        if before is None or after is None:
            self.cells += (after is not None) - (before is not None)
            self.new_workspaces.add(key[0])
        if at_ms > item.at_ms:
            item.at_ms = at_ms
        if at_ms > self.at_ms:
            self.at_ms = at_ms
        if new.charge != old.charge:
            more = EXACT.subtract(Decimal(new.charge), Decimal(old.charge))
            item.charge = EXACT.add(item.charge, more)
            self.charge = EXACT.add(self.charge, more)

    def columns(self) -> tuple[object, ...]:
        """The row of `account_days`."""
        if self._items is not None:
            self.percent, self.item_of_percent = _highest(self._items)
        rest = (self.percent, self.item_of_percent, self.alerts, self.at_ms, self.feed, self.cells)
        return (*self.key, money_text(self.charge), self.currency, *rest)

    def changed_items(self) -> Iterator[tuple[str, ItemRow]]:
        """Items to be written, by name."""
        items = self._items or {}
        return ((name, items[name]) for name in sorted(self._changed_items))

    def changed_cells(self) -> Iterator[tuple[object, ...]]:
        """Rows of `cells` to be written."""
        for key in sorted(self._changed_cells):
            cell = self._cells[key]
            if cell is not None:
                usage, covered, overage = stored(cell.usage), stored(cell.covered), stored(cell.overage)
                kind = (cell.charge, cell.basis, cell.source)
                yield (*self.key, *key, cell.revision, usage, covered, overage, *kind)

    def gone_cells(self) -> Iterable[tuple[object, ...]]:
        """Keys of cells to be deleted."""
        return ((*self.key, *key) for key in self._changed_cells if self._cells[key] is None)

    def _read(self, key: CellKey) -> Cell | None:
        """Read one cell from the file, or all cells of the day once that is cheaper."""
        if not self._whole:
            self._looked_up += 1
            if self._looked_up * LOOK_UP_ROWS < self.cells:
                query = f"{CELLS} WHERE day = ? AND account = ? AND workspace = ? AND item = ?"
                row = self._connection.execute(query, (*self.key, *key)).fetchone()
                found = self._cells[key] = None if row is None else _cell(row[2:])
                return found
            self._whole = True
            rows = self._connection.execute(f"{CELLS} WHERE day = ? AND account = ?", self.key)
            for workspace, item, *columns in rows:
                self._cells.setdefault((workspace, item), _cell(columns))
        return self._cells.setdefault(key, None)


def stored(quantity: int) -> int | str:
    """A quantity as SQLite stores it."""
    return quantity if -INTEGER_MAX <= quantity <= INTEGER_MAX else str(quantity)


def _cell(columns: Iterable[object]) -> Cell:
    revision, usage, covered, overage, charge, basis, source = columns
    return Cell(_int(revision), _int(usage), _int(covered), _int(overage), str(charge), str(basis), str(source))


def _item(columns: Iterable[object]) -> ItemRow:
    revision, quota, covered, left, plans, workspaces, more, usage, overage, charge, at_ms, quarter = columns
    return ItemRow(
        _int(revision),
        _int(quota),
        _int(covered),
        _int(left),
        str(plans),
        str(workspaces),
        _int(more),
        _int(usage),
        _int(overage),
        Decimal(str(charge)),
        _int(at_ms),
        _int(quarter),
    )


def _highest(items: dict[str, ItemRow]) -> tuple[int, str]:
    """The item with the highest used share of its quota, and that percentage; the last by name among equals."""
    shares = ((item.covered * 100 // item.quota, name) for name, item in items.items() if item.quota)
    return max(shares, default=(-1, ""))


def _int(value: object) -> int:
    return int(value)  # type: ignore[call-overload,no-any-return]
