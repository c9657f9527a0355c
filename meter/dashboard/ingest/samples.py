"""Usage of each open day's items by quarters of an hour.

A quarter's sample is the usage as it was when the first record after the quarter came; the present quarter's is the
usage now, which the item has. So a row is written once a quarter, and not at every change.
"""

from collections.abc import Callable

from meter.dashboard.ingest.rows import ItemKey, Rows, stored

QUARTER_MS = 900_000

#: First instant of a day and the first after it, in ms.
Bounds = Callable[[str], tuple[int, int]]


class Samples:
    """The samples of one batch."""

    def __init__(self, rows: Rows, bounds: Bounds) -> None:
        self._rows = rows
        self._bounds = bounds
        #: Item -> the present quarter, the points before it that are not written yet.
        self._new: dict[ItemKey, tuple[int, str]] = {}

    def at(self, day: str, account: str, item: str, at_ms: int) -> None:
        """A record is about to change an item; records after the end of the day make no sample."""
        begins, ends = self._bounds(day)
        if not begins <= at_ms < ends:
            return
        key = (day, account, item)
        quarter = (at_ms - begins) // QUARTER_MS
        present, points = self._new.get(key) or self._present(key)
        if quarter > present:
            usage = self._rows.item(key).usage
            ended = f"{present}={stored(usage)} " if present >= 0 else ""
            self._new[key] = quarter, points + ended

    def write(self) -> None:
        """Write the quarters that ended."""
        self._rows.connection.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE"
            " SET quarter = excluded.quarter, points = points || excluded.points",
            ((*key, quarter, points) for key, (quarter, points) in sorted(self._new.items())),
        )

    def _present(self, key: ItemKey) -> tuple[int, str]:
        row = self._rows.connection.execute(
            "SELECT quarter FROM samples WHERE day = ? AND account = ? AND item = ?", key
        ).fetchone()
        return (-1 if row is None else int(row[0])), ""
