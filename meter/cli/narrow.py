"""Prints tables; in a terminal too narrow, field by field instead, so that no day or name is split."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

#: Wider than any terminal, to measure a table's full width.
UNBOUNDED = 10_000


def fits(console: "Console", table: "Table") -> bool:
    """Whether a table takes no more columns than there are, with no cell broken."""
    from rich.measure import Measurement

    wide = console.options.update(width=UNBOUNDED, max_width=UNBOUNDED)
    return Measurement.get(console, wide, table).maximum <= console.width


def show(console: "Console", table: "Table") -> None:
    """Print a table; if the terminal is too narrow, a line for each field of each row."""
    if fits(console, table):
        console.print(table)
        return
    names = [str(column.header) for column in table.columns]
    indent = max(map(len, names)) + 2
    for row in zip(*(column.cells for column in table.columns), strict=True):
        for name, cell in zip(names, map(str, row), strict=True):
            lines = cell.split("\n")
            console.print(f"{name:<{indent}}{lines[0]}", soft_wrap=True, markup=False, highlight=False)
            for line in lines[1:]:
                console.print(f"{'':<{indent}}{line}", soft_wrap=True, markup=False, highlight=False)
        console.print()
    if table.caption is not None:
        console.print(table.caption, soft_wrap=True, markup=False, highlight=False)
