"""`/alerts`: quotas that run out, with the crossing and the recovery."""

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.operations_models import AlertsPage, AlertView
from meter.dashboard.sight import Sight, quantity, query_of

#: Alerts shown of each list, newest first; as CSV all.
SHOWN, ALL = 500, 100_000


def page(sight: Sight, asked: Asked) -> AlertsPage:
    """Alerts raised now and cleared, of one account or one day if asked."""
    account, day = query_of(asked.query, "account"), query_of(asked.query, "day")
    limit = ALL if asked.form == "csv" else SHOWN
    lists = {state: _alerts(sight, state, account, day, limit) for state in ("raised", "cleared")}
    return AlertsPage(
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        account=account,
        day=day,
        raised=lists["raised"],
        cleared=lists["cleared"],
        more=_count(sight, account, day) - sum(len(each) for each in lists.values()),
    )


def table(model: AlertsPage) -> Table:
    """A row for each alert."""
    columns = ("account", "plan_id", "item", "day", "threshold", "state", "quota", "covered", "revision")
    rows = (
        (*(each.alert[name] for name in columns), each.raised_at, each.cleared_at)
        for each in (*model.raised, *model.cleared)
    )
    return (*columns, "raised_at", "cleared_at"), rows


def _alerts(sight: Sight, state: str, account: str, day: str, limit: int) -> list[AlertView]:
    rows = sight.rows(
        "SELECT account, plan_id, item, day, threshold, state, quota, covered, revision, raised_ms, cleared_ms"
        " FROM alerts WHERE state = ? AND (? = '' OR account = ?) AND (? = '' OR day = ?)"
        " ORDER BY day DESC, max(coalesce(raised_ms, 0), coalesce(cleared_ms, 0)) DESC, account, plan_id, item LIMIT ?",
        state,
        account,
        account,
        day,
        day,
        limit,
    )
    return [_alert(sight, *row) for row in rows]


def _count(sight: Sight, account: str, day: str) -> int:
    query = "SELECT count(*) FROM alerts WHERE (?1 = '' OR account = ?1) AND (?2 = '' OR day = ?2)"
    return int(sight.row(query, account, day)[0])


def _alert(sight: Sight, *row: object) -> AlertView:
    names = ("account", "plan_id", "item", "day", "threshold", "state", "quota", "covered", "revision")
    alert = dict(zip(names, row, strict=False)) | {"quota": quantity(row[6]), "covered": quantity(row[7])}
    raised, cleared = row[9], row[10]
    assert raised is None or isinstance(raised, int)
    assert cleared is None or isinstance(cleared, int)
    return AlertView(alert=alert, raised_at=sight.calendar.time_ms(raised), cleared_at=sight.calendar.time_ms(cleared))
