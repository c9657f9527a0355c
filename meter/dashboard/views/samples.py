"""Usage of a day's items by quarters of an hour, as it was when each quarter ended."""

from meter.dashboard.models import Sample
from meter.dashboard.sight import Sight, quantity

MINUTE_US, QUARTER_US = 60_000_000, 900_000_000

#: Quarters of an hour of a day and the usage at the end of each, in order.
Points = list[tuple[int, int]]


def samples_of(sight: Sight, account: str, day: str) -> dict[str, list[Sample]]:
    """Each item's samples, oldest first; the last one is the usage now, at the present minute."""
    begins, ends = sight.calendar.bounds(day)
    last = min(ends, max(begins, sight.now_us // MINUTE_US * MINUTE_US))
    rows = sight.rows(
        "SELECT i.item, i.quarter, coalesce(s.points, ''), i.usage FROM items i LEFT JOIN samples s"
        " ON s.day = i.day AND s.account = i.account AND s.item = i.item"
        " WHERE i.day = ? AND i.account = ? AND i.quarter >= 0",
        day,
        account,
    )
    return {
        item: [
            Sample(time=sight.calendar.time(min(last, begins + (each + 1) * QUARTER_US)), usage=used)
            for each, used in points_of(points, quarter, quantity(usage))
        ]
        for item, quarter, points, usage in rows
    }


def points_of(ended: str, quarter: int, usage: int) -> Points:
    """An item's points: the stored ones of ended quarters, then the usage of the last quarter."""
    pairs = (point.split("=") for point in ended.split())
    found = [(int(each), int(amount)) for each, amount in pairs]
    return [*found, (quarter, usage)] if quarter >= 0 else found
