"""From what was reported of an item on a day to its usage (SPEC section 5).

Only totals are looked at, so corrections may come before what they correct; the floor at 0 is taken here, of each
retention by itself, never of the stored sums.
"""

from schemas.catalog import Item
from schemas.rows import NO_RETENTION, Use


def quantity_by_retention(use: Use, item: Item) -> dict[int, int]:
    """Reported quantities above 0 by retention days, shortest first; NO_RETENTION where the item has none."""
    if item.aggregation == "max":
        quantity = _standing_count(use)
        return {NO_RETENTION: quantity} if quantity > 0 else {}
    return {days: quantity for days, quantity in sorted(use.sums.items()) if quantity > 0}


def converted(use: Use, item: Item) -> int:
    """The day's usage: each retention's quantity times its factor; what quotas and `overage` are counted in."""
    if item.aggregation == "max":
        return max(0, _standing_count(use))
    retentions = item.retentions
    usage = 0
    for days, quantity in use.sums.items():
        if quantity > 0:
            usage += quantity * retentions[days].factor if days in retentions else quantity
    return usage


def _standing_count(use: Use) -> int:
    """A correction states the count of the whole day: where one stands, the reports no longer matter."""
    return use.peak if use.correction is None else use.correction.quantity
