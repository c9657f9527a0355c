"""Usage of a day's items by quarters of an hour, as it was when each quarter ended."""

from meter.dashboard.models import Sample
from meter.dashboard.sight import Sight, quantity

QUARTER_US = 900_000_000


def samples_of(sight: Sight, account: str, day: str) -> dict[str, list[Sample]]:
    """Each item's samples, oldest first; the last one is the usage now."""
    begins, ends = sight.calendar.bounds(day)
    last = min(ends, max(begins, sight.now_us))
    rows = sight.rows(
        "SELECT i.item, i.quarter, coalesce(s.points, ''), i.usage FROM items i LEFT JOIN samples s"
        " ON s.day = i.day AND s.account = i.account AND s.item = i.item"
        " WHERE i.day = ? AND i.account = ? AND i.quarter >= 0",
        day,
        account,
    )
    found: dict[str, list[Sample]] = {}
    for item, quarter, points, usage in rows:
        pairs = [point.split("=") for point in points.split()] + [[str(quarter), usage]]
        found[item] = [
            Sample(time=sight.calendar.time(min(last, begins + (int(each) + 1) * QUARTER_US)), usage=quantity(amount))
            for each, amount in pairs
        ]
    return found
