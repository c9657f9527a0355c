"""Converts the reported quantities of an item and day into its usage (SPEC section 5).

It reads only totals, so corrections may arrive before what they correct. The floor at 0 is applied here, to each
retention separately; the stored sums may be negative.
"""

from schemas.catalog import Item
from schemas.rows import NO_RETENTION, Use, by_retention


def quantity_by_retention(use: Use, item: Item) -> dict[int, int]:
    """Reported quantities above 0 by retention days, shortest first; NO_RETENTION where the item has none."""
    if item.aggregation == "max":
        quantity = _count_of_day(use)
        return {NO_RETENTION: quantity} if quantity > 0 else {}
    return {days: quantity for days, quantity in sorted(by_retention(use.sums).items()) if quantity > 0}


def converted(use: Use, item: Item) -> int:
    """The day's usage: the sum of each retention's quantity × its factor. Quotas and `overage` count in it."""
    if item.aggregation == "max":
        return max(0, _count_of_day(use))
    sums = use.sums
    if isinstance(sums, int):
        return max(0, sums)
    retentions = item.retentions
    usage = 0
    for days, quantity in sums.items():
        if quantity > 0:
            usage += quantity * retentions[days].factor if days in retentions else quantity
    return usage


def _count_of_day(use: Use) -> int:
    """A correction states the count of the whole day, so it replaces all reports."""
    return use.peak if use.correction is None else use.correction.quantity
