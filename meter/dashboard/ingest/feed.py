"""The feed of a day: for each journal record and item, whose overage changed, by how much, and why."""

import sqlite3
from decimal import Decimal

import msgspec

from meter.dashboard.ingest.account_day import AccountDay, Cell
from meter.dashboard.ingest.feed_entry import Entry
from meter.dashboard.ingest.records import Overage
from meter.dashboard.ingest.rows import Rows
from meter.rules.prices import EXACT
from schemas.money import money_text

#: Newest rows kept per account and day; the feed is cut when a quarter more have come.
KEPT = 200
SLACK = 50
#: Most changes listed for one record.
CHANGES = 20
#: Most balances remembered until their overages come.
EARLY = 1_000

FeedKey = tuple[str, str, int, str]  # day, account, revision, item
_encode = msgspec.json.Encoder().encode


class Feed:
    """The feed's new rows of one batch; days before `oldest` are ignored.

    A transaction's balance and overages may come in two batches: `early` keeps what balances reported until then.
    """

    def __init__(self, rows: Rows, oldest: str, early: dict[FeedKey, dict[str, int]]) -> None:
        self._rows = rows
        self.oldest = oldest
        self._early = early

    def add(self, day: AccountDay, found: Overage, before: Cell | None, at_ms: int) -> None:
        """An overage changed; `before` is the previous cell."""
        key = (found.revision, found.item)
        entry = day.entries.get(key)
        if entry is None:
            entry = day.entries[key] = self._begun(day, found, at_ms)
        if len(entry.changes) >= CHANGES:
            entry.more += 1
            return
        charge, usage_delta = found.charge.amount, _usage_delta(found, before)
        change = [found.workspace, found.overage - found.delta, found.overage, _charge_delta(found, before), charge]
        if usage_delta != found.delta:
            change.append(usage_delta)
        entry.changes.append(change)

    def report(self, day: AccountDay, item: str, revision: int, reported: dict[str, int]) -> None:
        """Note the new usage per workspace in this revision's balance: it shows who changed others' overage."""
        if not reported:
            return
        named = dict(list(reported.items())[:CHANGES])
        entry = day.entries.get((revision, item))
        if entry is not None:
            entry.reported = named
            return
        key = (*day.key, revision, item)
        if revision <= self._newest(day):
            done = self._rows.connection.execute(
                "UPDATE feed SET reported = ? WHERE day = ? AND account = ? AND revision = ? AND item = ?",
                (_encode(named).decode(), *key),
            )
            if done.rowcount:
                return
        self._early[key] = named
        if len(self._early) > EARLY:
            del self._early[next(iter(self._early))]

    def write(self) -> None:
        """Write the new rows and cut each day's feed."""
        days = [day for day in self._rows.days() if day.entries]
        self._rows.connection.executemany(
            "REPLACE INTO feed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", (row for day in days for row in _rows(day))
        )
        for day in days:
            if day.feed > KEPT + SLACK:
                _cut(self._rows.connection, day)

    def _begun(self, day: AccountDay, found: Overage, at_ms: int) -> Entry:
        """A new row, or the row from an earlier part of the same transaction."""
        entry = Entry(at_ms, found)
        key = (*day.key, found.revision, found.item)
        entry.reported = self._early.pop(key, entry.reported)
        if found.revision <= self._newest(day):
            row = self._rows.connection.execute(
                "SELECT at_ms, changes, more, reported FROM feed"
                " WHERE day = ? AND account = ? AND revision = ? AND item = ?",
                key,
            ).fetchone()
            if row is not None:
                entry.at_ms, entry.changes, entry.more = row[0], msgspec.json.decode(row[1]), row[2]
                entry.reported = msgspec.json.decode(row[3]) or entry.reported
                entry.is_new = False
        return entry

    def _newest(self, day: AccountDay) -> int:
        """The newest revision of the day's feed before this batch."""
        if day.newest_entry is None:
            query = "SELECT coalesce(max(revision), 0) FROM feed WHERE day = ? AND account = ?"
            day.newest_entry = self._rows.connection.execute(query, day.key).fetchone()[0] if day.feed else 0
        return day.newest_entry


def _rows(day: AccountDay) -> list[tuple[object, ...]]:
    """The newest of a day's new rows; adds them to the feed's count."""
    keys = sorted(day.entries)[-KEPT:]
    day.feed += sum(day.entries[key].is_new for key in keys)
    return [(*day.key, *key, *_columns(day.entries[key])) for key in keys]


def _columns(entry: Entry) -> tuple[object, ...]:
    changes, reported = _encode(entry.changes).decode(), _encode(entry.reported).decode()
    return entry.at_ms, entry.restated, entry.cause, changes, entry.more, reported


def _cut(connection: sqlite3.Connection, day: AccountDay) -> None:
    done = connection.execute(
        "DELETE FROM feed WHERE day = ? AND account = ? AND revision < (SELECT revision FROM feed"
        " WHERE day = ? AND account = ? ORDER BY revision DESC LIMIT 1 OFFSET ?)",
        (*day.key, *day.key, KEPT - 1),
    )
    day.feed -= done.rowcount


def _charge_delta(found: Overage, before: Cell | None) -> str | None:
    """The change of the charge since the previous revision; None if that one was never read."""
    if found.previous_revision == 0:
        return found.charge.amount
    if before is None or before.revision != found.previous_revision:
        return None
    return money_text(EXACT.subtract(Decimal(found.charge.amount), Decimal(before.charge)))


def _usage_delta(found: Overage, before: Cell | None) -> int | None:
    """The usage since the previous revision, or since the previous balance; None if unknown."""
    if before is None:
        return found.usage if found.previous_revision == 0 else None
    return found.usage - before.usage if before.revision < found.revision else None
