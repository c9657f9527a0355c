"""Usage of each open day's items by quarters of an hour.

A quarter's sample is the usage as it was when the first record after the quarter came; the present quarter's is the
usage now, which the item has. So a row is written once a quarter, and not at every change.
"""

from collections.abc import Callable

from meter.dashboard.ingest.rows import ItemKey, Rows

QUARTER_MS = 900_000

#: First instant of a day and the first after it, in ms.
Bounds = Callable[[str], tuple[int, int]]


class Samples:
    """The samples of one batch."""

    def __init__(self, rows: Rows, bounds: Bounds) -> None:
        self._rows = rows
        self._bounds = bounds
        #: Item -> the points of quarters that ended.
        self._ended: dict[ItemKey, str] = {}

    def at(self, day: str, account: str, item: str, at_ms: int) -> None:
        """A record is about to change an item; records after the end of the day make no sample."""
        begins, ends = self._bounds(day)
        if not begins <= at_ms < ends:
            return
        key = (day, account, item)
        row = self._rows.item(key)
        quarter = (at_ms - begins) // QUARTER_MS
        if quarter > row.quarter:
            if row.quarter >= 0:
                self._ended[key] = f"{self._ended.get(key, '')}{row.quarter}={row.usage} "
            row.quarter = quarter

    def write(self) -> None:
        """Write the quarters that ended."""
        self._rows.connection.executemany(
            "INSERT INTO samples VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET points = points || excluded.points",
            ((*key, points) for key, points in sorted(self._ended.items())),
        )
