"""A batch of published records becomes rows, in one transaction with the positions behind it."""

import logging
import sqlite3
import time
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import msgspec

from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest import facts
from meter.dashboard.ingest.feed import Feed, FeedKey
from meter.dashboard.ingest.rows import Rows
from meter.dashboard.ingest.samples import Samples
from meter.dashboard.ingest.usage import take_balance, take_free_day, take_overage
from schemas.ids import shown

log = logging.getLogger(__name__)

#: Between two lines about records that cannot be read.
TELL_SECONDS = 60.0
#: Days that statements are kept.
STATEMENT_DAYS = 400


class Published(NamedTuple):
    """A record of an output topic, its topic without the prefix."""

    topic: str
    partition: int
    offset: int
    at_ms: int
    key: str
    value: bytes


class Region(NamedTuple):
    """A part of the read model that a batch changed; `account` and `day` are empty where they do not apply."""

    kind: str  # day, records, alerts, dead_letters
    account: str = ""
    day: str = ""


Positions = Mapping[tuple[str, int], int]


class Ingest:
    """Takes batches, one after the other, into the writing connection of a store."""

    def __init__(self, connection: sqlite3.Connection, calendar: Calendar) -> None:
        self._connection = connection
        self._calendar = calendar
        self._bounds: dict[str, tuple[int, int]] = {}
        self._early: dict[FeedKey, dict[str, int]] = {}
        self._dropped = ""
        self._told_at = -TELL_SECONDS

    def take(self, published: Iterable[Published], positions: Positions, today: str) -> set[Region]:
        """1 take the records, 2 write rows, 3 positions, 4 drop old days, 5 commit; what was changed.

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
        rows = Rows(self._connection)
        feed, samples = Feed(rows, oldest, self._early), Samples(rows, self._bounds_of)
        changed: set[Region] = set()
        accounts: dict[str, int] = {}
        newest: dict[tuple[str, int], int] = {}
        for record in sorted(published, key=_in_order):
            place = (record.topic, record.partition)
            newest[place] = max(newest.get(place, 0), record.at_ms)
            try:
                region = self._one(record, rows, feed, samples, oldest)
            except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
                self._unreadable(record, error)
                continue
            if region is not None:
                changed.add(region)
                accounts[region.account] = record.partition
        accounts.pop("", None)
        feed.write()
        samples.write()
        rows.write()
        facts.put_accounts(self._connection, list(accounts.items()))
        if Region("dead_letters") in changed:
            facts.cut_letters(self._connection)
        return changed, newest

    def _one(self, record: Published, rows: Rows, feed: Feed, samples: Samples, oldest: str) -> Region | None:
        at_ms, content = record.at_ms, record.value
        day: tuple[str, str] | None
        match record.topic:
            case "overages":
                day = take_overage(rows, feed, samples, content, at_ms)
            case "quota-balances":
                day = take_balance(rows, feed, samples, content, at_ms)
            case "statements" if record.key.count("/") == 1:
                day = facts.take_statement(self._connection, content, record.partition, at_ms)
            case "statements":
                day = take_free_day(rows, feed, content, at_ms)
            case "quota-alerts":
                day = facts.take_alert(rows, content, at_ms, oldest)
                return None if day is None else Region("alerts", day[1], day[0])
            case "dead-letters":
                facts.take_letter(self._connection, content, (record.partition, record.offset), at_ms)
                return Region("dead_letters")
            case _:
                account = facts.take_record(self._connection, record.topic, record.key, content, at_ms)
                return Region("records", account)
        return None if day is None else Region("day", day[1], day[0])

    def _unreadable(self, record: Published, error: Exception) -> None:
        """A record that no meter publishes: passed over, and named once a minute."""
        now = time.monotonic()
        if now - self._told_at >= TELL_SECONDS:
            self._told_at = now
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
        """Drop days that are final, and statements after their time: a range of each table."""
        oldest = self._calendar.oldest_kept(today)
        for table in ("cells", "items", "account_days", "feed", "samples", "alerts"):
            self._connection.execute(f"DELETE FROM {table} WHERE day < ?", (oldest,))
        before = self._calendar.days_before(today, STATEMENT_DAYS)
        self._connection.execute("DELETE FROM statements WHERE day < ?", (before,))


def _in_order(record: Published) -> int:
    """As they were published, overages before the balances of the same moment: those then tell what was reported."""
    return 2 * record.at_ms + (record.topic != "overages")
