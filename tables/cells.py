"""Rows of cells: one row for up to 32 workspaces, so that a chunk writes only the parts of a cell that it changed.

A cell of 4 workspaces is one row; one of 1,000 is 32 rows, and a single event writes 4 KB of it instead of 120. A
workspace stays in the row it was first put in. Row 0 also holds the fields of the whole cell.
"""

from collections.abc import Iterator
from itertools import islice
from sys import intern

import msgspec

from meter.batch.store import Store
from meter.rules.state import rows
from meter.rules.state.rows import Cell, CellKey
from schemas.rows import Fact, Use, pack, unpacker
from tables import keys

#: How many workspaces the cached cells may have in all, checked every WEIGH_EVERY chunks; beyond it the cache is
#: emptied.
USES_KEPT = 100_000
WEIGH_EVERY = 32
#: A scan for keys of cells reads past this many rows of one cell, then seeks behind the cell.
JUMPED_ROWS = 4
#: Later than any day.
NO_END = 1 << 31


class CellRow(Fact, frozen=True):
    """A row of a cell as stored. Only row 0 has the last three fields; `workspaces`: how many the whole cell has."""

    uses: dict[str, Use]
    alerts: dict[str, int] = msgspec.field(default_factory=dict)
    balance: bytes = b""
    workspaces: int = 0


_decode = unpacker(CellRow)


class Cells:
    """The cells of one partition: those in the store, those changed since, and a cache of both."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._cells: dict[CellKey, Cell] = {}
        self._new: dict[CellKey, Cell] = {}
        #: Of cached cells with several rows: the workspaces in stored order, and the position of each.
        self._places: dict[CellKey, tuple[list[str], dict[str, int]]] = {}
        #: The keys of `_new` by account; None until needed.
        self._new_of: dict[str, list[CellKey]] | None = None
        self._chunks = 0

    def get(self, key: CellKey) -> Cell:
        """The cell, an empty one if it is new."""
        found = self._cells.get(key)
        if found is None:
            account, day, item = key
            found = self._load((intern(account), day, intern(item)))  # a record's texts are its own
            self._cells[found.key] = found
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
        """Note that the cell changed."""
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
        """The keys of an account's stored cells from a day on; it seeks past the rows of large cells."""
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
        """Drop a cell; yield the keys of its rows."""
        workspaces = self._workspaces(key)
        if (held := self._cells.pop(key, None)) is not None:
            held.touched = False
        self._places.pop(key, None)
        self._new.pop(key, None)
        self._new_of = None
        for number in range(max(1, -(-workspaces // rows.ROW_WORKSPACES))):
            yield keys.cell(*key, number)

    def _workspaces(self, key: CellKey) -> int:
        """How many workspaces a cell has; of a cell that is not cached it decodes only row 0."""
        found = self._cells.get(key)
        if found is not None:
            return len(found.uses)
        value = self._store.get(keys.cell(*key, 0))
        return 0 if value is None else _decode(value).workspaces

    def changes(self) -> Iterator[tuple[bytes, bytes]]:
        """The rows that changed since `committed`."""
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
        """The workspaces of a cell in stored order, and the position of each; new ones are appended."""
        names, placed = self._places.setdefault(cell.key, ([], {}))
        new = list(islice(reversed(cell.uses), len(cell.uses) - len(names)))[::-1]
        placed.update(zip(new, range(len(names), len(cell.uses)), strict=True))
        names.extend(new)
        return names, placed

    def committed(self) -> None:
        """Forget the changes: they are stored."""
        for cell in self._new.values():
            cell.written()
        self._new, self._new_of = {}, None
        self._chunks += 1
        if self._chunks % WEIGH_EVERY == 0 and sum(len(cell.uses) for cell in self._cells.values()) > USES_KEPT:
            self._cells.clear()
            self._places.clear()
