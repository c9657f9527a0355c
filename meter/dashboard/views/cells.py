"""Usage by workspace and item on an account's day."""

from typing import NamedTuple

from meter.dashboard.sight import Sight, quantity


class CellRow(NamedTuple):
    """A row of `cells` of one day and account."""

    workspace: str
    item: str
    revision: int
    usage: int
    covered: int
    overage: int
    charge: str
    basis: str


def cells_of(sight: Sight, account: str, day: str) -> list[CellRow]:
    """Usage by workspace and item."""
    rows = sight.rows(
        "SELECT workspace, item, revision, usage, covered, overage, charge, basis FROM cells"
        " WHERE day = ? AND account = ?",
        day,
        account,
    )
    return [CellRow(*row[:3], *map(quantity, row[3:6]), *row[6:]) for row in rows]
