"""Usage of a day's items by quarters of an hour, as it was when each quarter ended."""

from meter.dashboard.models import Sample
from meter.dashboard.sight import Sight, quantity

QUARTER_US = 900_000_000


def samples_of(sight: Sight, account: str, day: str) -> dict[str, list[Sample]]:
    """Each item's samples, oldest first; the last one is the usage now."""
    begins, ends = sight.calendar.bounds(day)
    rows = sight.rows(
        "SELECT s.item, s.quarter, s.points, i.usage FROM samples s JOIN items i USING (day, account, item)"
        " WHERE s.day = ? AND s.account = ?",
        day,
        account,
    )
    found: dict[str, list[Sample]] = {}
    for item, quarter, points, usage in rows:
        pairs = [point.split("=") for point in points.split()] + [[str(quarter), usage]]
        found[item] = [
            Sample(time=sight.calendar.time(min(ends, begins + (int(each) + 1) * QUARTER_US)), usage=quantity(amount))
            for each, amount in pairs
        ]
    return found
