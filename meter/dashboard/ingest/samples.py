"""Usage of each open day's items by quarters of an hour.

A quarter's sample is the usage as it was when the first record after the quarter came; the present quarter's is the
usage now, which the item has. So a row is written once a quarter, and not at every change.
"""

from meter.dashboard.ingest.account_day import Bounds, ItemRow

QUARTER_MS = 900_000


def sample(item: ItemRow, bounds: Bounds, at_ms: int) -> None:
    """A record is about to change an item; records after the end of the day make no sample."""
    begins, ends = bounds
    if not begins <= at_ms < ends:
        return
    quarter = (at_ms - begins) // QUARTER_MS
    if quarter > item.quarter:
        if item.quarter >= 0:
            item.ended += f"{item.quarter}={item.usage} "
        item.quarter = quarter
