"""The feed of a day: what each journal record changed, and why, newest first."""

from meter.dashboard.models import FeedChange, FeedEntry
from meter.dashboard.sight import Sight, decoded

#: Entries of the JSON, and those that a page shows.
ENTRIES, SHOWN = 100, 32


def feed_of(sight: Sight, account: str, day: str, most: int = ENTRIES) -> list[FeedEntry]:
    """The newest entries of an account's day."""
    rows = sight.rows(
        "SELECT at_ms, revision, item, restated, cause, changes, more, reported FROM feed"
        " WHERE day = ? AND account = ? AND cause != '' ORDER BY revision DESC, item LIMIT ?",
        day,
        account,
        most,
    )
    return [_entry(sight, *row) for row in rows]


def _entry(
    sight: Sight,
    at_ms: int,
    revision: int,
    item: str,
    restated: int,
    cause: str,
    changes: str,
    more: int,
    reported: str,
) -> FeedEntry:
    why = decoded(cause)
    sent = set(why["workspaces"])
    return FeedEntry(
        time=sight.calendar.time(at_ms * 1000),
        revision=revision,
        item=item,
        restated=bool(restated),
        cause=why,
        reported=decoded(reported),
        changes=[_change(sent, *change) for change in decoded(changes)],
        more=more,
    )


def _change(
    sent: set[str],
    workspace: str,
    before: int,
    overage: int,
    charge_delta: str | None,
    charge: str,
    *usage_delta: int | None,
) -> FeedChange:
    return FeedChange(
        workspace=workspace,
        overage_before=before,
        overage=overage,
        delta=overage - before,
        usage_delta=usage_delta[0] if usage_delta else overage - before,
        charge_delta=charge_delta,
        charge=charge,
        sent=workspace in sent,
    )
