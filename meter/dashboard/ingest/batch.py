"""Writes a batch of published records as rows, in one transaction with the next offsets to read."""

import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from operator import attrgetter

import msgspec

from meter.budgets.topics import BUDGET_ALERTS
from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest import facts
from meter.dashboard.ingest.account_day import AccountDay
from meter.dashboard.ingest.feed import Feed, FeedKey
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.ingest.rows import Rows
from meter.dashboard.ingest.usage import take_balance, take_free_day, take_overage
from schemas.ids import shown

log = logging.getLogger(__name__)

#: Seconds between two log lines about unreadable records.
TELL_SECONDS = 60.0
#: How many days statements are kept.
STATEMENT_DAYS = 400


Positions = Mapping[tuple[str, int], int]


class News:
    """The regions that a batch changed, and the partitions of the changed accounts."""

    def __init__(self) -> None:
        self.regions: set[Region] = set()
        self.accounts: dict[str, int] = {}

    def add(self, region: Region, partition: int) -> None:
        """A part of an account changed."""
        self.regions.add(region)
        self.accounts[region.account] = partition


class Ingest:
    """Applies batches, one at a time, through a store's writing connection."""

    def __init__(self, connection: sqlite3.Connection, calendar: Calendar) -> None:
        self._connection = connection
        self._calendar = calendar
        self._bounds: dict[str, tuple[int, int]] = {}
        self._early: dict[FeedKey, dict[str, int]] = {}
        self._dropped = ""
        self._warned_at = -TELL_SECONDS

    def take(self, published: Iterable[Published], positions: Positions, today: str) -> set[Region]:
        """1 apply the records, 2 write rows, 3 write positions, 4 drop old days, 5 commit. Returns the changes.

        `positions`: topic and partition -> the next offset to read.
        """
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            changed, newest = self._take(published, self._calendar.oldest_kept(today))  # 1, 2
            self._connection.executemany(  # 3
                "INSERT INTO positions VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " next_offset = excluded.next_offset, newest_ms = max(newest_ms, excluded.newest_ms)",
                ((*place, offset, newest.get(place, 0)) for place, offset in positions.items()),
            )
            if self._dropped != today:
                self._drop_old(today)  # 4
            self._connection.execute("COMMIT")  # 5
        except BaseException:
            self._connection.execute("ROLLBACK")
            raise
        self._dropped = today
        return changed

    def _take(self, published: Iterable[Published], oldest: str) -> tuple[set[Region], dict[tuple[str, int], int]]:
        rows = Rows(self._connection, self._bounds_of)
        feed, news = Feed(rows, oldest, self._early), News()
        ordered = in_order(published)
        for record in ordered:
            try:
                self._one(record, rows, feed, news)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                self._unreadable(record, error)
        for day in rows.days():
            if day.changed:
                news.add(Region("day", day.account, day.day), day.partition)
        feed.write()
        rows.write()
        facts.put_accounts(self._connection, list(news.accounts.items()))
        if Region("dead_letters") in news.regions:
            facts.cut_letters(self._connection)
        return news.regions, {(record.topic, record.partition): record.at_ms for record in ordered}

    def _one(self, record: Published, rows: Rows, feed: Feed, news: "News") -> None:
        day: AccountDay | None = None
        match record.topic:
            case "overages":
                day = take_overage(rows, feed, record)
            case "quota-balances":
                day = take_balance(rows, feed, record)
            case "statements" if record.key.count(b"/") == 1:
                news.add(facts.take_statement(self._connection, record), record.partition)
            case "statements":
                day = take_free_day(rows, feed, record)
            case "quota-alerts":
                alerted = facts.take_alert(rows, record, feed.oldest)
                if alerted is not None:
                    news.add(Region("alerts", alerted.account, alerted.day), record.partition)
            case "dead-letters":
                facts.take_letter(self._connection, record)
                news.regions.add(Region("dead_letters"))
            case "budgets" | "budget-alerts":
                news.regions.add(Region("budgets", facts.take_budget(self._connection, record)))
            case _:
                news.add(Region("records", facts.take_record(self._connection, record)), record.partition)
        if day is not None:
            day.changed, day.partition = True, record.partition

    def _unreadable(self, record: Published, error: Exception) -> None:
        """Skip a record that no meter publishes; log it at most once a minute."""
        now = time.monotonic()
        if now - self._warned_at >= TELL_SECONDS:
            self._warned_at = now
            where = f"{record.topic}/{record.partition} at {record.offset}"
            log.warning("dashboard: %s is no record of a meter (%s); who else writes there?", where, shown(str(error)))

    def _bounds_of(self, day: str) -> tuple[int, int]:
        found = self._bounds.get(day)
        if found is None:
            if len(self._bounds) > STATEMENT_DAYS:
                self._bounds.clear()
            begins, ends = self._calendar.bounds(day)
            found = self._bounds[day] = begins // 1000, ends // 1000
        return found

    def _drop_old(self, today: str) -> None:
        """Drop final days and expired statements: one range per table."""
        oldest = self._calendar.oldest_kept(today)
        for table in ("cells", "items", "account_days", "feed", "samples", "alerts"):
            self._connection.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))
        self._connection.execute(
            "DELETE FROM records WHERE kind = ? AND at_ms < ?", (BUDGET_ALERTS, self._bounds_of(oldest)[0])
        )
        before = self._calendar.days_before(today, STATEMENT_DAYS)
        self._connection.execute("DELETE FROM statements WHERE day < ?", (before,))


def in_order(published: Iterable[Published]) -> list[Published]:
    """In order of publication, overages before balances of the same time: balances add who reported the usage."""
    overages: list[Published] = []
    others: list[Published] = []
    for record in published:
        (overages if record.topic == "overages" else others).append(record)
    return sorted(overages + others, key=attrgetter("at_ms"))
