"""`/accounts/A/history`: the closed days, each with the versions of its statement."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from meter.dashboard.account_models import HistoryDay, HistoryPage, StatementVersion
from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.sight import Sight, decoded
from meter.dashboard.views.comparison import comparison
from schemas.money import money_text

#: Versions shown of a day, newest first.
VERSIONS = 40


def page(sight: Sight, asked: Asked) -> HistoryPage:
    """Every day that has a statement, newest first."""
    account = asked.parts[1]
    sight.check_account(account)
    versions: dict[str, list[Any]] = defaultdict(list)
    for day, *version in sight.rows(
        "SELECT day, revision, amount_due, restated, at_ms, body FROM statements WHERE account = ?"
        " ORDER BY day DESC, revision",
        account,
    ):
        versions[day].append(version)
    causes = _causes(sight, account)
    return HistoryPage(
        account=account,
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        currency=sight.catalog.currency,
        days=[_day(sight, account, day, found, causes) for day, found in versions.items()],
        comparison=comparison(sight, account, asked.query),
    )


def table(model: HistoryPage) -> Table:
    """A row for each version of each day."""
    names = ("revision", "amount_due", "difference", "restated", "published_at")
    rows = (
        (model.account, day.day, day.currency, day.state, *(getattr(each, name) for name in names))
        for day in model.days
        for each in day.versions
    )
    return ("account", "day", "currency", "state", *names), rows


def _causes(sight: Sight, account: str) -> dict[tuple[str, int], Any]:
    """Day and revision -> the cause, of records that restated something."""
    rows = sight.rows("SELECT day, revision, cause FROM feed WHERE account = ? AND restated AND cause != ''", account)
    return {(day, revision): decoded(cause) for day, revision, cause in rows}


def _day(sight: Sight, account: str, day: str, found: list[Any], causes: dict[tuple[str, int], Any]) -> HistoryDay:
    versions: list[StatementVersion] = []
    before: Decimal | None = None
    for revision, amount_due, restated, at_ms, _ in found:
        amount = Decimal(amount_due)
        versions.append(
            StatementVersion(
                revision=revision,
                published_at=sight.calendar.time(at_ms * 1000),
                amount_due=amount_due,
                restated=bool(restated),
                difference=None if before is None else money_text(amount - before),
                cause=causes.get((day, revision)),
            )
        )
        before = amount
    body = decoded(found[-1][4])
    return HistoryDay(
        day=day,
        state=sight.state(day, account, stated=True),
        changes_until=sight.calendar.changes_until(day),
        amount_due=body["amount_due"],
        currency=body["currency"],
        restated=body["restated"],
        statement=body,
        versions=versions[::-1][:VERSIONS],
    )
