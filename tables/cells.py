"""Cells as rows: one row for up to 32 workspaces, so that a chunk writes what it changed and not an account's all.

A cell of 4 workspaces is one row; one of 1,000 is 32, and a single event of it writes 4 KB instead of 120. A
workspace stays in the row it first came to; row 0 also holds what belongs to the whole cell.
"""

from collections.abc import Iterator
from itertools import islice

import msgspec

from meter.batch.store import Store
from meter.rules.state import rows
from meter.rules.state.rows import Cell, CellKey
from schemas.rows import Fact, Use, pack, unpacker
from tables import keys

#: Workspaces in decoded cells kept at hand; beyond it all are decoded anew when needed. Weighed now and then.
USES_KEPT = 100_000
WEIGH_EVERY = 32
#: So many rows of one cell are read over in a scan for others' keys, before it jumps behind them.
JUMPED_ROWS = 4
#: Later than any day.
NO_END = 1 << 31


class CellRow(Fact, frozen=True):
    """A part of a cell as stored; the last three only in row 0. `workspaces`: how many the whole cell has."""

    uses: dict[str, Use]
    alerts: dict[str, int] = msgspec.field(default_factory=dict)
    balance: bytes = b""
    workspaces: int = 0


_decode = unpacker(CellRow)


class Cells:
    """The cells of one partition: those in the store, those changed since, those kept at hand."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cells: dict[CellKey, Cell] = {}
        self._new: dict[CellKey, Cell] = {}
        #: Of cells at hand that take many rows: their workspaces in their places, and the place of each.
        self._places: dict[CellKey, tuple[list[str], dict[str, int]]] = {}
        #: Keys of `_new` by account, made when asked for.
        self._new_of: dict[str, list[CellKey]] | None = None
        self._chunks = 0

    def get(self, key: CellKey) -> Cell:
        """The cell, an empty one if it is new."""
        found = self._cells.get(key)
        if found is None:
            found = self._cells[key] = self._load(key)
        return found

    def _load(self, key: CellKey) -> Cell:
        value = self._store.get(keys.cell(*key, 0))
        if value is None:
            return Cell(*key)
        row = _decode(value)
        cell = Cell(*key, row.uses, row.alerts, row.balance)
        others = range(1, -(-row.workspaces // rows.ROW_WORKSPACES))
        for other in self._store.get_many([keys.cell(*key, number) for number in others]) if others else ():
            assert other is not None, f"a row of the cell {key} is missing"
            cell.uses.update(_decode(other).uses)
        return cell

    def touch(self, cell: Cell) -> None:
        """The cell was changed."""
        if not cell.touched:
            cell.touched = True
            self._new[cell.key] = cell
            self._new_of = None

    def keys_from(self, account: str, day: int, through: int = NO_END) -> list[CellKey]:
        """The keys of an account's cells of these days, in order."""
        found = {key: None for key in self._new_keys_of(account) if day <= key[1] <= through}
        for key in self._stored_keys(account, day):
            if key[1] > through:
                break
            found[key] = None
        return sorted(found)

    def _stored_keys(self, account: str, day: int) -> Iterator[CellKey]:
        """The keys of an account's cells in the store from a day on; the rows of large ones are jumped over."""
        start: bytes | None = keys.cells_from(account, day)
        while start is not None:
            scanned, start = self._store.scan(keys.cells_of(account), start=start), None
            for row, _ in scanned:
                number = keys.cell_number(row)
                if number == 0:
                    yield keys.cell_parts(row)
                elif number >= JUMPED_ROWS:
                    start = keys.behind_cell(row)
                    break

    def _new_keys_of(self, account: str) -> list[CellKey]:
        if self._new_of is None:
            self._new_of = {}
            for key in self._new:
                self._new_of.setdefault(key[0], []).append(key)
        return self._new_of.get(account, [])

    def drop(self, key: CellKey) -> Iterator[bytes]:
        """Forget a cell; the keys of its rows."""
        workspaces = self._workspaces(key)
        if (held := self._cells.pop(key, None)) is not None:
            held.touched = False
        self._places.pop(key, None)
        self._new.pop(key, None)
        self._new_of = None
        for number in range(max(1, -(-workspaces // rows.ROW_WORKSPACES))):
            yield keys.cell(*key, number)

    def _workspaces(self, key: CellKey) -> int:
        """How many a cell has; one that is not at hand is not decoded for that, but for its first row."""
        found = self._cells.get(key)
        if found is not None:
            return len(found.uses)
        value = self._store.get(keys.cell(*key, 0))
        return 0 if value is None else _decode(value).workspaces

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """The rows that were changed since `committed`."""
        for key, cell in self._new.items():
            if len(cell.uses) <= rows.ROW_WORKSPACES:
                row = CellRow(cell.uses, cell.alerts, cell.balance, len(cell.uses))
                yield keys.cell(*key, 0), pack(row)
            else:
                yield from self._parts(key, cell)

    def _parts(self, key: CellKey, cell: Cell) -> Iterator[tuple[bytes, bytes]]:
        names, placed = self._places_of(cell)
        changed = {placed[name] // rows.ROW_WORKSPACES for name in cell.changed}
        for number in sorted(changed | {0}):
            part = names[number * rows.ROW_WORKSPACES : (number + 1) * rows.ROW_WORKSPACES]
            uses = {name: cell.uses[name] for name in part}
            row = CellRow(uses) if number else CellRow(uses, cell.alerts, cell.balance, len(names))
            yield keys.cell(*key, number), pack(row)

    def _places_of(self, cell: Cell) -> tuple[list[str], dict[str, int]]:
        """The workspaces of a cell in their places, and the place of each; asked again it looks at those only new."""
        names, placed = self._places.setdefault(cell.key, ([], {}))
        new = list(islice(reversed(cell.uses), len(cell.uses) - len(names)))[::-1]
        placed.update(zip(new, range(len(names), len(cell.uses)), strict=True))
        names.extend(new)
        return names, placed

    def committed(self) -> None:
        """What was changed is in the store."""
        for cell in self._new.values():
            cell.written()
        self._new, self._new_of = {}, None
        self._chunks += 1
        if self._chunks % WEIGH_EVERY == 0 and sum(len(cell.uses) for cell in self._cells.values()) > USES_KEPT:
            self._cells.clear()
            self._places.clear()
