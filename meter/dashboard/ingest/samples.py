"""Usage of open days' items, sampled every quarter of an hour.

A quarter's sample is the usage before the first record after that quarter; the present quarter's sample is the
item's usage now. So a row is written once a quarter, not at every change.
"""

from meter.dashboard.ingest.account_day import Bounds, ItemRow

QUARTER_MS = 900_000


def sample(item: ItemRow, bounds: Bounds, at_ms: int) -> None:
    """Take a sample before a record changes an item; records after the end of the day make none."""
    begins, ends = bounds
    if not begins <= at_ms < ends:
        return
    quarter = (at_ms - begins) // QUARTER_MS
    if quarter > item.quarter:
        if item.quarter >= 0:
            item.ended += f"{item.quarter}={item.usage} "
        item.quarter = quarter
