"""Cells as rows: what is written is what changed, and what is read back is the whole cell."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meter.batch.store import Store
from meter.rules.state.rows import ROW_WORKSPACES, Cell
from schemas.rows import Rate, Use, added
from tables.cells import Cells
from tables.keys import CELL

KEY = ("acct_1", 739_000, "logs")
OTHER = ("acct_1", 739_001, "logs")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store")
    yield opened
    opened.close()


def use(cells: Cells, numbers: range | list[int], quantity: int, key: tuple[str, int, str] = KEY) -> Cell:
    """Usage of some workspaces, published."""
    cell = cells.get(key)
    for number in numbers:
        workspace = f"wksp_{number}"
        found = cell.uses.setdefault(workspace, Use())
        found.sums = added(found.sums, 14, quantity)
        found.usage = found.overage = found.revision = quantity
        found.plans, found.rates = ("o-1",), (Rate(14, 1_000, "1.5"),)
        cell.note((workspace,))
    cells.touch(cell)
    return cell


def write(store: Store, cells: Cells) -> list[bytes]:
    """Write the changes; the keys of the rows written."""
    rows = list(cells.changes())
    store.write(rows)
    cells.committed()
    return [key for key, _ in rows]


def same(found: Cell, kept: Cell) -> bool:
    return (found.uses, found.alerts, found.balance) == (kept.uses, kept.alerts, kept.balance)


def test_a_cell_of_a_few_workspaces_is_one_row(store: Store) -> None:
    cells = Cells(store)
    cell = use(cells, range(4), 5)
    cell.alerts["o-1"], cell.balance = 1, b"digest"
    assert len(write(store, cells)) == 1
    assert same(Cells(store).get(KEY), cell)


def test_one_event_in_a_cell_of_a_thousand_workspaces_writes_its_row_and_the_first(store: Store) -> None:
    cells = Cells(store)
    use(cells, range(1_000), 5)
    assert len(write(store, cells)) == -(-1_000 // ROW_WORKSPACES)
    cell = use(cells, [777], 1)
    assert len(write(store, cells)) == 2
    assert same(Cells(store).get(KEY), cell)


def test_a_workspace_stays_in_its_row_when_others_come(store: Store) -> None:
    cells = Cells(store)
    for number in range(3 * ROW_WORKSPACES):
        cell = use(cells, [number], number)
        write(store, cells)
        cells = Cells(store)
    assert same(cells.get(KEY), cell)


def test_sums_have_any_size(store: Store) -> None:
    cells = Cells(store)
    use(cells, range(3), 7)
    for quantity in (20_000 * 10**15, -(10**30), 1 << 64):
        cell = use(cells, [1], quantity)
        write(store, cells)
        assert same(Cells(store).get(KEY), cell)


@given(st.lists(st.lists(st.integers(0, 90), max_size=40), max_size=6))
def test_what_is_read_back_is_what_was_kept(tmp_path_factory: pytest.TempPathFactory, turns: list[list[int]]) -> None:
    store = Store(tmp_path_factory.mktemp("cells") / "store")
    cells = Cells(store)
    for quantity, numbers in enumerate(turns, 1):
        cell = use(cells, numbers, quantity)
        write(store, cells)
        assert same(Cells(store).get(KEY), cell)
    store.close()


def test_no_property_fails_because_a_machine_is_slow() -> None:
    assert settings().deadline is None


def test_a_dropped_cell_leaves_no_row(store: Store) -> None:
    cells = Cells(store)
    use(cells, range(70), 5)
    use(cells, range(3), 5, OTHER)
    write(store, cells)
    store.write([(row, None) for row in cells.drop(KEY)])
    assert cells.keys_from("acct_1", 0) == [OTHER]
    assert len(list(store.scan(CELL))) == 1


def test_changed_cells_are_found_before_they_are_written(store: Store) -> None:
    cells = Cells(store)
    use(cells, [1], 5)
    write(store, cells)
    use(cells, [1], 5, OTHER)
    assert cells.keys_from("acct_1", 0) == [KEY, OTHER]
    assert cells.keys_from("acct_1", 739_001) == [OTHER]
    assert cells.keys_from("acct_1", 0, through=739_000) == [KEY]
    assert cells.keys_from("acct_2", 0) == []
