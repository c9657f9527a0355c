"""`/operations`: is the meter running, is it behind, is it stuck, what was lost."""

from meter.dashboard.answers import Table
from meter.dashboard.asked import Asked
from meter.dashboard.operations_models import ClosingView, OperationsPage
from meter.dashboard.sight import Sight
from meter.dashboard.watch.observed import Observed, unknown
from meter.rules.billing_days import day_text, parse_day
from schemas.reasons import DeadReason


def page(sight: Sight, asked: Asked) -> OperationsPage:
    """The last result of the operations watch, and the progress of day closing."""
    observed: Observed = sight.live.operations or unknown(sight.live.trouble)
    return OperationsPage(
        as_of=sight.as_of(),
        time_zone=sight.calendar.zone.name,
        verdict=observed.verdict,
        level=observed.level,
        broker=sight.settings.broker,
        broker_error=sight.live.trouble,
        groups=observed.groups,
        dashboard_lag_records=sight.live.lag_records or 0,
        loading=sight.live.loading,
        balance=observed.balance,
        workers=observed.workers,
        closings=_closings(sight),
        set_aside=observed.set_aside,
        verify=observed.verify,
        records_lost=_lost(sight),
    )


def table(model: OperationsPage) -> Table:
    """A row for each partition that a group reads."""
    columns = ("group", "topic", "partition", "committed", "end", "lag", "lag_seconds", "member")
    rows = (
        (group.group, each.topic, each.partition, each.committed, each.end, each.lag, each.lag_seconds, each.member)
        for group in model.groups
        for each in group.partitions
    )
    return columns, rows


def _closings(sight: Sight) -> list[ClosingView]:
    """The partitions that have accounts, and the next day that each one closes."""
    rows = sight.rows(
        "SELECT DISTINCT a.partition, c.day FROM accounts a LEFT JOIN closings c ON c.partition = a.partition"
        " ORDER BY a.partition"
    )
    return [_closing(sight, *row) for row in rows]


def _closing(sight: Sight, partition: int, through: str | None) -> ClosingView:
    following = sight.today if through is None else day_text(parse_day(through) + 1)
    return ClosingView(
        partition=partition,
        closed_through=through,
        next_day=following,
        closes_at=sight.calendar.time(sight.calendar.closes_at(following)),
    )


def _lost(sight: Sight) -> int:
    row = sight.row("SELECT sum(records) FROM letter_groups WHERE reason = ?", DeadReason.RECORDS_LOST.value)
    return int(row[0] or 0)
