"""A page's inputs: one snapshot of the file, the billing calendar, the catalog, and the progress of reading."""

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from meter.dashboard.calendar import Calendar
from meter.dashboard.models import AsOf, Loading
from meter.rules.billing_days import parse_day
from meter.settings import Settings
from schemas.catalog import Catalog, Item
from schemas.money import money_text


@dataclass
class Live:
    """The state outside the file; the ingest and the operations watch write it, pages read it."""

    #: Records published and not yet read; None if unknown.
    lag_records: int | None = None
    #: When Kafka last returned the topics' ends, µs.
    asked_us: int = 0
    #: None once everything that was published at the start has been read.
    loading: Loading | None = None
    #: Why Kafka does not answer, or why there are no topics.
    trouble: str | None = None
    #: The operations watch's last result.
    operations: Any = None
    #: The last attempts to resend dead letters, newest first.
    attempts: list[dict[str, Any]] = field(default_factory=list)
    #: Orders sent by forms, by account and order id, oldest first.
    orders: dict[tuple[str, str], Any] = field(default_factory=dict)


class NotThere(Exception):
    """There is no such page; the text names an alternative."""


class NotYet(NotThere):
    """The page exists as soon as the first record for it is published."""


@dataclass(frozen=True)
class Sight:
    """One snapshot."""

    connection: sqlite3.Connection
    calendar: Calendar
    catalog: Catalog
    settings: Settings
    now_us: int
    live: Live

    @property
    def today(self) -> str:
        """The present billing day."""
        return self.calendar.today(self.now_us)

    def rows(self, query: str, *values: object) -> list[Any]:
        """The rows of a query."""
        return self.connection.execute(query, values).fetchall()

    def row(self, query: str, *values: object) -> Any:
        """The first row; None if there is none."""
        return self.connection.execute(query, values).fetchone()

    def as_of(self) -> AsOf:
        """When the newest record in this snapshot was published, and how far it may be behind."""
        newest = self.row("SELECT max(newest_ms) FROM positions")[0]
        time_us = self.now_us if newest is None else newest * 1000
        return AsOf(time=self.calendar.time(time_us), seconds_behind=self.seconds_behind(time_us))

    def seconds_behind(self, newest_us: int) -> float | None:
        """0 near the end of the topics, else the age of the newest record; None: Kafka does not answer."""
        live = self.live
        if live.trouble is not None or live.lag_records is None:
            return None
        since = max(0, self.now_us - live.asked_us)
        behind = since if live.lag_records == 0 else max(since, self.now_us - newest_us)
        return round(behind / 1e6, 1)

    def state(self, day: str, account: str, stated: bool) -> str:
        """Whether an account's day is open, closed or final."""
        return self.calendar.state(day, self.now_us, stated, self.closed_through(account))

    def closed_through(self, account: str) -> str | None:
        """The latest day for which the account's partition has published statements."""
        row = self.row(
            "SELECT c.day FROM closings c JOIN accounts a ON a.partition = c.partition WHERE a.account = ?", account
        )
        return None if row is None else str(row[0])

    def item(self, name: str, day: str) -> Item | None:
        """The item in the day's catalog version; None if that version does not have it."""
        return self.catalog.version(parse_day(day)).items.get(name)

    def check_account(self, account: str) -> None:
        """Raise NotYet for an account without published records."""
        if self.row("SELECT 1 FROM accounts WHERE account = ?", account) is None:
            raise NotYet(f"nothing is published of account {account} yet; the first page lists every account")


def quantity(value: object) -> int:
    """A quantity column: an integer, or digits as text beyond 64 bits."""
    return int(value)  # type: ignore[call-overload,no-any-return]


def money(value: Decimal) -> str:
    """An exact amount as text."""
    return money_text(value)


def decoded(text: str) -> Any:
    """A JSON column, decoded."""
    return msgspec.json.decode(text)


def query_of(query: Mapping[str, str], name: str, limit: int = 100) -> str:
    """A value of a page's query, truncated to the longest valid length."""
    return query.get(name, "")[:limit]
