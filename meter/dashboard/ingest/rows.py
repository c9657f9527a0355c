"""The rows that a batch touches: read once, changed in memory, written at its end.

Totals follow from the change of a cell, so they are right in the transaction that changes the cell.
"""

import sqlite3
from decimal import Decimal
from typing import NamedTuple

from meter.rules.prices import EXACT
from schemas.money import money_text

ZERO = Decimal(0)
#: SQLite's integers; what is beyond them is kept as text.
INTEGER_MAX = 2**63 - 1
#: Rows that are read in a range in the time of one look-up.
LOOK_UP_ROWS = 20

CellKey = tuple[str, str, str, str]  # day, account, workspace, item
ItemKey = tuple[str, str, str]  # day, account, item
DayKey = tuple[str, str]  # day, account


class Cell(NamedTuple):
    """What a workspace used of an item."""

    revision: int
    usage: int
    covered: int
    overage: int
    charge: str
    basis: str
    source: str


class ItemRow:
    """An account's item on a day."""

    __slots__ = (
        "at_ms",
        "charge",
        "covered",
        "left",
        "more",
        "overage",
        "plans",
        "quarter",
        "quota",
        "revision",
        "usage",
        "workspaces",
    )

    def __init__(self, row: tuple[object, ...] | None) -> None:
        revision, quota, covered, left, plans, workspaces, more, usage, overage, charge, at_ms, quarter = (
            row or EMPTY_ITEM
        )
        self.revision, self.more, self.at_ms = _int(revision), _int(more), _int(at_ms)
        self.quota, self.covered, self.left = _int(quota), _int(covered), _int(left)
        self.usage, self.overage, self.quarter = _int(usage), _int(overage), _int(quarter)
        self.plans, self.workspaces = str(plans), str(workspaces)
        self.charge = Decimal(str(charge))

    def columns(self) -> tuple[object, ...]:
        """As the table has them, behind the key."""
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


class DayRow:
    """An account's day."""

    __slots__ = ("alerts", "at_ms", "cells", "charge", "currency", "feed", "item", "percent")

    def __init__(self, row: tuple[object, ...] | None) -> None:
        charge, currency, percent, item, alerts, at_ms, feed, cells = row or ("0.00", "", -1, "", 0, 0, 0, 0)
        self.charge, self.currency, self.item = Decimal(str(charge)), str(currency), str(item)
        self.percent, self.alerts, self.at_ms = _int(percent), _int(alerts), _int(at_ms)
        self.feed, self.cells = _int(feed), _int(cells)

    def columns(self) -> tuple[object, ...]:
        """As the table has them, behind the key."""
        charge = money_text(self.charge)
        return charge, self.currency, self.percent, self.item, self.alerts, self.at_ms, self.feed, self.cells


EMPTY_ITEM = (0, 0, 0, 0, "[]", "[]", 0, 0, 0, "0.00", 0, -1)
CELL = "SELECT revision, usage, covered, overage, charge, basis, source FROM cells WHERE day = ? AND account = ?"
ITEM = (
    "SELECT revision, quota, covered, left, plans, workspaces, more, usage, overage, charge, at_ms, quarter FROM items"
    " WHERE day = ? AND account = ? AND item = ?"
)
DAY = (
    "SELECT charge, currency, percent, item, alerts, at_ms, feed, cells FROM account_days WHERE day = ? AND account = ?"
)


class Rows:
    """The rows of one batch, in memory."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.items: dict[ItemKey, ItemRow] = {}
        self.days: dict[DayKey, DayRow] = {}
        self._cells: dict[CellKey, Cell | None] = {}
        self._changed: set[CellKey] = set()
        #: Account's days of which every cell is in memory; of others how many cells were looked up.
        self._whole: set[DayKey] = set()
        self._looked_up: dict[DayKey, int] = {}

    def cell(self, key: CellKey) -> Cell | None:
        """A cell as it is now."""
        if key in self._cells:
            return self._cells[key]
        found = None
        if key[:2] not in self._whole and not self._read_day(key[:2]):
            row = self.connection.execute(f"{CELL} AND workspace = ? AND item = ?", key).fetchone()
            found = None if row is None else _cell(row)
        elif key in self._cells:
            return self._cells[key]
        self._cells[key] = found
        return found

    def _read_day(self, key: DayKey) -> bool:
        """Read all cells of an account's day at once, where that is cheaper than one by one; whether it was done."""
        self._looked_up[key] = looked_up = self._looked_up.get(key, 0) + 1
        if looked_up * LOOK_UP_ROWS < self.day(key).cells:
            return False
        self._whole.add(key)
        columns = CELL.replace("SELECT", "SELECT workspace, item,", 1)
        for workspace, item, *row in self.connection.execute(columns, key):
            self._cells.setdefault((*key, workspace, item), _cell(row))
        return True

    def put_cell(self, key: CellKey, after: Cell | None, at_ms: int) -> None:
        """Change a cell, and the totals with it."""
        before = self.cell(key)
        if before == after:
            return
        self._cells[key] = after
        self._changed.add(key)
        day, account, _, name = key
        item, totals = self.item((day, account, name)), self.day((day, account))
        old, new = before or NO_CELL, after or NO_CELL
        totals.cells += (after is not None) - (before is not None)
        item.usage += new.usage - old.usage
        item.overage += new.overage - old.overage
        item.at_ms, totals.at_ms = max(item.at_ms, at_ms), max(totals.at_ms, at_ms)
        if new.charge != old.charge:
            more = EXACT.subtract(Decimal(new.charge), Decimal(old.charge))
            item.charge = EXACT.add(item.charge, more)
            totals.charge = EXACT.add(totals.charge, more)

    def item(self, key: ItemKey) -> ItemRow:
        """An account's item on a day, to be changed."""
        found = self.items.get(key)
        if found is None:
            found = self.items[key] = ItemRow(self.connection.execute(ITEM, key).fetchone())
        return found

    def day(self, key: DayKey) -> DayRow:
        """An account's day, to be changed."""
        found = self.days.get(key)
        if found is None:
            found = self.days[key] = DayRow(self.connection.execute(DAY, key).fetchone())
        return found

    def write(self) -> None:
        """Write what was changed."""
        execute = self.connection.executemany
        gone = [key for key in self._changed if self._cells[key] is None]
        execute("DELETE FROM cells WHERE day = ? AND account = ? AND workspace = ? AND item = ?", gone)
        cells = sorted(key for key in self._changed if self._cells[key] is not None)
        owners = {(workspace, account) for _, account, workspace, _ in cells}
        execute("INSERT OR IGNORE INTO workspaces VALUES (?, ?)", sorted(owners))
        execute(f"REPLACE INTO cells VALUES ({_marks(11)})", (_row(key, self._cells[key]) for key in cells))
        items = sorted(self.items.items(), key=lambda each: each[0])
        execute(f"REPLACE INTO items VALUES ({_marks(15)})", ((*key, *item.columns()) for key, item in items))
        for key, totals in self.days.items():
            totals.percent, totals.item = self._highest(*key)
        days = sorted(self.days.items(), key=lambda each: each[0])
        execute(f"REPLACE INTO account_days VALUES ({_marks(10)})", ((*key, *row.columns()) for key, row in days))

    def _highest(self, day: str, account: str) -> tuple[int, str]:
        """The item that has used most of its quota, and how many percent."""
        rows = self.connection.execute(
            "SELECT item, covered, quota FROM items WHERE day = ? AND account = ? AND quota != 0", (day, account)
        )
        shares = [(int(covered) * 100 // int(quota), item) for item, covered, quota in rows]
        return max(shares, key=lambda share: (share[0], share[1]), default=(-1, ""))


NO_CELL = Cell(0, 0, 0, 0, "0.00", "", "")


def stored(quantity: int) -> int | str:
    """A quantity as SQLite keeps it."""
    return quantity if -INTEGER_MAX <= quantity <= INTEGER_MAX else str(quantity)


def _int(value: object) -> int:
    return int(value)  # type: ignore[call-overload,no-any-return]


def _cell(row: tuple[object, ...] | list[object]) -> Cell:
    revision, usage, covered, overage, charge, basis, source = row
    return Cell(_int(revision), _int(usage), _int(covered), _int(overage), str(charge), str(basis), str(source))


def _row(key: CellKey, cell: Cell | None) -> tuple[object, ...]:
    assert cell is not None, "a cell that is gone is deleted"
    revision, usage, covered, overage, charge, basis, source = cell
    return (*key, revision, stored(usage), stored(covered), stored(overage), charge, basis, source)


def _marks(count: int) -> str:
    return ", ".join("?" * count)
