"""The feed of a day: of each journal record and item, what it changed of whose overage, and why."""

from decimal import Decimal
from typing import Any

import msgspec

from meter.dashboard.ingest.records import Overage
from meter.dashboard.ingest.rows import Cell, ItemKey, Rows
from schemas.money import money_text

#: Rows kept of an account's day, newest; a quarter more may be there until it is cut.
KEPT = 200
SLACK = 50
#: Changes named of one record.
CHANGES = 20
#: Balances that are remembered until their overages come.
EARLY = 1_000

FeedKey = tuple[str, str, int, str]  # day, account, revision, item
_encode = msgspec.json.Encoder().encode


class Entry:
    """A row of the feed that is being made."""

    __slots__ = ("at_ms", "cause", "changes", "is_new", "more", "reported", "restated")

    def __init__(self, at_ms: int) -> None:
        self.at_ms, self.restated, self.more = at_ms, False, 0
        self.cause, self.is_new = "", True
        self.changes: list[list[Any]] = []
        self.reported: dict[str, int] = {}


class Feed:
    """The feed's new rows of one batch; days before `oldest` are not taken.

    A transaction's balance and overages may come in two batches: `early` keeps what balances reported until then.
    """

    def __init__(self, rows: Rows, oldest: str, early: dict[FeedKey, dict[str, int]]) -> None:
        self._rows = rows
        self.oldest = oldest
        self._early = early
        self._new: dict[FeedKey, Entry] = {}
        #: An account's day -> the newest revision of its feed before this batch.
        self._newest: dict[tuple[str, str], int] = {}

    def add(self, found: Overage, before: Cell | None, at_ms: int) -> None:
        """A change of an overage; `before` is the cell as it was."""
        key = (found.day, found.account, found.revision, found.item)
        entry = self._new.get(key)
        if entry is None:
            entry = self._new[key] = self._begun(key, at_ms)
        entry.cause, entry.restated = bytes(found.cause).decode(), found.restated
        if len(entry.changes) >= CHANGES:
            entry.more += 1
            return
        charge, usage_delta = found.charge.amount, _usage_delta(found, before)
        change = [found.workspace, found.overage - found.delta, found.overage, _charge_delta(found, before), charge]
        entry.changes.append(change if usage_delta == found.delta else [*change, usage_delta])

    def report(self, key: ItemKey, revision: int, reported: dict[str, int]) -> None:
        """Usage that a balance of this revision brought; it tells who caused what others see."""
        if not reported:
            return
        feed_key = (*key[:2], revision, key[2])
        named = dict(list(reported.items())[:CHANGES])
        entry = self._new.get(feed_key)
        if entry is not None:
            entry.reported = named
            return
        done = self._rows.connection.execute(
            "UPDATE feed SET reported = ? WHERE day = ? AND account = ? AND revision = ? AND item = ?",
            (_encode(named).decode(), *feed_key),
        )
        if not done.rowcount:
            self._early[feed_key] = named
            if len(self._early) > EARLY:
                del self._early[next(iter(self._early))]

    def write(self) -> None:
        """Write the new rows and cut each day's feed."""
        by_day: dict[tuple[str, str], list[FeedKey]] = {}
        for key in self._new:
            by_day.setdefault(key[:2], []).append(key)
        for day, keys in sorted(by_day.items()):
            keys.sort(key=lambda each: each[2:])
            self._write(day, keys[-KEPT:])

    def _begun(self, key: FeedKey, at_ms: int) -> Entry:
        """A new row, or the one that an earlier part of the same transaction made."""
        entry = Entry(at_ms)
        entry.reported = self._early.pop(key, entry.reported)
        if key[2] <= self._newest_of(key[:2]):
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

    def _newest_of(self, day: tuple[str, str]) -> int:
        found = self._newest.get(day)
        if found is None:
            query = "SELECT coalesce(max(revision), 0) FROM feed WHERE day = ? AND account = ?"
            has_feed = self._rows.day(day).feed
            found = self._newest[day] = self._rows.connection.execute(query, day).fetchone()[0] if has_feed else 0
        return found

    def _write(self, day: tuple[str, str], keys: list[FeedKey]) -> None:
        connection, totals = self._rows.connection, self._rows.day(day)
        connection.executemany(
            "REPLACE INTO feed VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (_columns(key, self._new[key]) for key in keys),
        )
        totals.feed += sum(self._new[key].is_new for key in keys)
        if totals.feed > KEPT + SLACK:
            self._cut(day)

    def _cut(self, day: tuple[str, str]) -> None:
        done = self._rows.connection.execute(
            "DELETE FROM feed WHERE day = ? AND account = ? AND revision < (SELECT revision FROM feed"
            " WHERE day = ? AND account = ? ORDER BY revision DESC LIMIT 1 OFFSET ?)",
            (*day, *day, KEPT - 1),
        )
        self._rows.day(day).feed -= done.rowcount


def _charge_delta(found: Overage, before: Cell | None) -> str | None:
    """How much more it costs than at the previous revision; None if that one was never read."""
    if found.previous_revision == 0:
        return found.charge.amount
    if before is None or before.revision != found.previous_revision:
        return None
    return money_text(Decimal(found.charge.amount) - Decimal(before.charge))


def _usage_delta(found: Overage, before: Cell | None) -> int | None:
    """How much usage came since the previous revision, or since the balance before it; None if it is not known."""
    if before is None:
        return found.usage if found.previous_revision == 0 else None
    return found.usage - before.usage if before.revision < found.revision else None


def _columns(key: FeedKey, entry: Entry) -> tuple[object, ...]:
    changes, reported = _encode(entry.changes).decode(), _encode(entry.reported).decode()
    return (*key, entry.at_ms, entry.restated, entry.cause, changes, entry.more, reported)
