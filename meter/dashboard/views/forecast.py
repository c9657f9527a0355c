"""The end of an account's present day, estimated as `meter forecast` does it: from the six days before it.

A past day's usage by this time is interpolated linearly between two of its samples.
"""

from collections import defaultdict
from collections.abc import Container, Iterable
from decimal import Decimal
from functools import lru_cache

from pydantic import ValidationError

from meter.advise.forecast import Moment, moment_of
from meter.advise.forecast_text import shape
from meter.advise.open_day import DayUsage, Running, day_forecast
from meter.advise.replay import Replay
from meter.commands.account_state import plan_row
from meter.dashboard.models import Record
from meter.dashboard.sight import Sight, quantity
from meter.dashboard.views.cells import CellRow
from meter.dashboard.views.samples import MINUTE_US, QUARTER_US, Points, points_of
from meter.rules.billing_days import day_text, parse_day
from schemas.plans import Plan as PlanRecord
from schemas.rows import Plan

#: As many as `meter forecast` reads.
PAST_DAYS = 6
#: Fields of `meter forecast --json` that the page has already.
OF_THE_PAGE = ("account", "day", "time_zone")


def forecast_of(sight: Sight, account: str, day: str, cells: Iterable[CellRow]) -> Record | None:
    """The forecast; None except for the present day. Without new records it changes at most once a minute."""
    if day != sight.today:
        return None
    moment = moment_of(sight.calendar.zone, sight.now_us // MINUTE_US * MINUTE_US)
    known = sight.catalog.version(moment.day).items
    running = {
        (cell.item, cell.workspace): Running(cell.revision, cell.usage, Decimal(cell.charge))
        for cell in cells
        if cell.item in known
    }
    today, past = DayUsage(running), _past(sight, account, moment, known)
    found = day_forecast(moment, today, past, _plans(sight, account), Replay(sight.catalog))
    whole = shape(account, sight.calendar.zone.name, found)
    return {name: value for name, value in whole.items() if name not in OF_THE_PAGE}


def _past(sight: Sight, account: str, moment: Moment, known: Container[str]) -> dict[int, DayUsage]:
    """Past days: the usage of all workspaces by this time of day, and by the end of the day."""
    rows = sight.rows(
        "SELECT i.day, i.item, i.usage, i.quarter, coalesce(s.points, '') FROM items i LEFT JOIN samples s"
        " ON s.day = i.day AND s.account = i.account AND s.item = i.item"
        " WHERE i.day >= ? AND i.day < ? AND i.account = ?",
        day_text(moment.day - PAST_DAYS),
        day_text(moment.day),
        account,
    )
    found: defaultdict[int, DayUsage] = defaultdict(DayUsage)
    for day, item, usage, quarter, points in rows:
        if item not in known:
            continue
        number = parse_day(day)
        since = moment.at_the_same_share(sight.calendar.zone, number) - sight.calendar.zone.begin_of(number)
        final = quantity(usage)
        found[number].latest[item, ""] = Running(0, final)
        found[number].reached[item, ""] = Running(0, reached(points_of(points, quarter, final), since))
    return dict(found)


def reached(points: Points, since_us: int) -> int:
    """Usage at a share of the day; `points`: quarters of an hour and the usage at their ends."""
    now, part = divmod(since_us, QUARTER_US)
    before = max((point for point in points if point[0] < now), default=(-1, 0))[1]
    after = next((usage for quarter, usage in points if quarter == now), before)
    return before + (after - before) * part // QUARTER_US


def _plans(sight: Sight, account: str) -> list[Plan]:
    bodies = sight.rows("SELECT body FROM records WHERE kind = 'plans' AND account = ? ORDER BY name", account)
    found = (_plan(body) for (body,) in bodies)
    return [plan for plan in found if plan is not None]


@lru_cache(1_024)
def _plan(body: str) -> Plan | None:
    """A published plan as an input of the rules, parsed once per revision; None for an invalid record."""
    try:
        return plan_row(PlanRecord.model_validate_json(body))
    except ValidationError:
        return None
