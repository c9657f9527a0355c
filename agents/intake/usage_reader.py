"""Parses one usage record: into the fields that the journal carries, or into the first reason that makes it dead.

The fast path (`agents.intake.cloudevents`) may refuse a valid event, never accept an invalid one: the pydantic model
parses every event that it refuses, and alone decides what is wrong.
"""

from typing import Any, NamedTuple

import msgspec

from agents.intake.binary_mode import Headers
from agents.intake.cloudevents import RECORD_LIMIT, opened, usage_of
from meter.rules.billing_days import BillingZone, day_text, parse_time
from schemas.catalog import Catalog, Item
from schemas.ids import is_id, shown
from schemas.reasons import DeadReason
from schemas.record import Unreadable, peculiar
from schemas.rows import NO_RETENTION
from schemas.usage import CORRECTED, RECORDED, RECORDED_ONLY, TYPES

#: Value and headers of an order, in bytes; more than other records, because it lists workspaces.
ORDER_LIMIT = 256 * 1024
#: `record.timestamp_type` of a time that Kafka set.
LOG_APPEND_TIME = 1
#: Characters of foreign text in a dead letter's error; an exception's text is cut to this.
ERROR_LIMIT = 200
#: How far an event's time may be ahead of its record's, in µs.
AHEAD_LIMIT_US = 300_000_000
#: How many valid workspace ids are cached; beyond that the cache is emptied.
IDS_KEPT = 200_000
#: How many times are cached, and the length of a time with nanoseconds: longer ones are not cached.
TIMES_KEPT, TIME_LENGTH = 10_000, 35
#: At most this many items of a catalog are named in a dead letter.
ITEMS_SHOWN = 20
#: Instant and day in place of an invalid time.
NO_TIME = (0, -1)


class ParsedUsage(NamedTuple):
    """A valid event; only the workspace's account is not looked up yet."""

    workspace: str
    item: str
    retention: int
    day: int
    corrected: bool
    quantity: int
    time_us: int
    source: str
    id: str
    #: Subject, item, retention and type exactly as in the event, if the fast path decoded it.
    given: tuple[str | None, str, int | None, str] | None = None


#: An event's fields: subject, item, retention, corrected, quantity, instant, source, id.
_Read = tuple[str | None, str, int | None, bool, int, int, str, str]


class Dead(Exception):
    """The record cannot be counted: the first reason that applies, and a sentence with the numbers."""

    def __init__(self, reason: DeadReason, error: str) -> None:
        super().__init__(error)
        self.reason = reason
        self.error = error


def is_given(record: Any) -> bool:
    """Whether a record's time was set by its producer (CreateTime), not by Kafka."""
    return getattr(record, "timestamp_type", LOG_APPEND_TIME) != LOG_APPEND_TIME


def exception_text(error: BaseException) -> str:
    """An unexpected exception as a dead letter's error: printable and at most ERROR_LIMIT characters."""
    text = f"{type(error).__name__}: {error}"
    return "".join(char if char.isprintable() else "?" for char in text)[:ERROR_LIMIT]


def headers_bytes(headers: Headers) -> int:
    """Bytes of the headers' names and contents."""
    return sum(len(name.encode()) + len(content or b"") for name, content in headers) if headers else 0


def check_size(value: bytes, headers: Headers, limit: int) -> None:
    """Raise Dead if value and headers together have more than `limit` bytes."""
    size = len(value) + headers_bytes(headers)
    if size > limit:
        raise Dead(DeadReason.TOO_LARGE, f"value and headers must have at most {limit} bytes, these have {size}")


class Times(dict[str, tuple[int, int]]):
    """A cache from a time's text to its instant (µs) and billing day; most texts repeat."""

    def __init__(self, zone: BillingZone) -> None:
        self._zone = zone

    def __missing__(self, text: str) -> tuple[int, int]:
        try:
            time_us = parse_time(text)
        except ValueError:
            return NO_TIME
        at = time_us, self._zone.day_of(time_us)
        if len(self) >= TIMES_KEPT:
            self.clear()
        if len(text) <= TIME_LENGTH:
            self[text] = at
        return at


class UsageReader:
    """Parses usage records by catalog, time zone and restatement horizon."""

    def __init__(self, catalog: Catalog, zone: BillingZone, horizon_days: int) -> None:
        self.catalog = catalog
        self.zone = zone
        self.horizon_days = horizon_days
        self._items: dict[tuple[int, str], Item] = {}
        self.times = Times(zone)
        self._received = (0, 0)
        self._ids: set[str | None] = set()

    def read(self, value: bytes, headers: Headers, received_ms: int, own: str | None = None) -> ParsedUsage:
        """Parse a record received at `received_ms`, or raise Dead; `own`: the workspace of a workspace topic."""
        if len(value) > 1024 or headers:
            check_size(value, headers, RECORD_LIMIT)
        try:
            fast, given = self._read_fast(value, headers)
            return self._judged(*fast, received_ms, own)._replace(given=given)
        except (msgspec.DecodeError, ValueError, RecursionError, Dead):
            return self._judged(*self._read_slowly(value, headers, own), received_ms, own)

    def _read_fast(self, value: bytes, headers: Headers) -> tuple[_Read, tuple[str | None, str, int | None, str]]:
        if peculiar(value):
            raise ValueError("for the reference")
        event = opened(value, headers)
        data, subject = event.data, event.subject
        corrected = event.type == CORRECTED
        quantity = data.quantity
        if (quantity < 0 and not corrected) or not (subject in self._ids or self._is_id(subject)):
            raise ValueError("for the reference")
        read = (
            subject,
            data.item,
            data.retention_days,
            corrected,
            quantity,
            parse_time(event.time),
            event.source,
            event.id,
        )
        return read, (subject, data.item, data.retention_days, event.type)

    def oldest(self, received_ms: int) -> int:
        """The oldest billing day for which a record received then may report usage."""
        if self._received[0] != received_ms:
            self._received = (received_ms, self.zone.day_of(received_ms * 1000) - self.horizon_days)
        return self._received[1]

    def use(self, catalog: Catalog) -> None:
        """Use this catalog from now on."""
        self.catalog = catalog
        self._items = {}

    def adds_up(self, reading: ParsedUsage) -> bool:
        """Whether the event's item adds up over the day; then corrections may be negative."""
        item = self.catalog.version(reading.day).items.get(reading.item)
        return item is not None and item.aggregation == "sum"

    def _is_id(self, subject: str | None) -> bool:
        if subject is None or not is_id(subject):
            return subject is None
        if len(self._ids) > IDS_KEPT:
            self._ids.clear()
        self._ids.add(subject)
        return True

    def _read_slowly(self, value: bytes, headers: Headers, own: str | None) -> _Read:
        try:
            event = usage_of(value, headers, RECORDED_ONLY if own is not None else TYPES)
        except Unreadable as unreadable:
            raise Dead(unreadable.reason, str(unreadable)) from unreadable
        data = event.data
        return (
            event.subject,
            data.item,
            data.retention_days,
            event.type != RECORDED,
            data.quantity,
            parse_time(event.time),
            event.source,
            event.id,
        )

    def _judged(
        self,
        subject: str | None,
        item_name: str,
        retention: int | None,
        corrected: bool,
        quantity: int,
        time_us: int,
        source: str,
        name: str,
        received_ms: int,
        own: str | None,
    ) -> ParsedUsage:
        subject = self._workspace(subject, corrected, own)
        if corrected and quantity < 0:
            self._check_count(item_name, time_us, quantity)
        day = self._day(time_us, received_ms)
        known = self._items.get((day, item_name))
        if known is None:
            known = self._item(day, item_name)
        days = self._retention(known, retention)
        return ParsedUsage(subject, item_name, days, day, corrected, quantity, time_us, source, name)

    def _workspace(self, subject: str | None, corrected: bool, own: str | None) -> str:
        """The workspace of an event; `own`: that of its topic, if it is from a workspace topic."""
        if own is None:
            if subject is None:
                raise Dead(DeadReason.INVALID_FIELD, "subject: an event on the shared topic must name its workspace")
            return subject
        if corrected:
            raise Dead(DeadReason.UNKNOWN_TYPE, "usage.corrected is accepted on the shared topic only")
        if subject is not None and subject != own:
            raise Dead(
                DeadReason.SUBJECT_DOES_NOT_MATCH_TOPIC,
                f"the topic is that of workspace {own}, the subject is {shown(subject)}",
            )
        return own

    def _retention(self, item: Item, retention: int | None) -> int:
        """The retention in days, the item's default if the event gives none; NO_RETENTION if the item has none."""
        if retention is None:
            return item.default_retention or NO_RETENTION
        if retention not in item.retentions:
            raise Dead(DeadReason.UNKNOWN_RETENTION, self._retentions(item, retention))
        return retention

    def _check_count(self, item_name: str, time_us: int, quantity: int) -> None:
        item = self.catalog.version(self.zone.day_of(time_us)).items.get(item_name)
        if item is not None and item.aggregation == "max":
            raise Dead(
                DeadReason.INVALID_FIELD, f"data.quantity: the count of a day must be at least 0, not {quantity}"
            )

    def _day(self, time_us: int, received_ms: int) -> int:
        received_us = received_ms * 1000
        ahead = time_us - received_us
        if ahead > AHEAD_LIMIT_US:
            raise Dead(
                DeadReason.TIME_IN_THE_FUTURE,
                f"time must be at most {AHEAD_LIMIT_US // 1_000_000} s ahead of the record's, it is "
                f"{ahead / 1e6:.3f} s",
            )
        day = self.zone.day_of(time_us)
        oldest = self.oldest(received_ms)
        if day < oldest:
            raise Dead(
                DeadReason.TIME_BEYOND_HORIZON,
                f"a day can be restated for {self.horizon_days} days: {day_text(day)} is before {day_text(oldest)}",
            )
        return day

    def _item(self, day: int, name: str) -> Item:
        item = self.catalog.version(day).items.get(name)
        if item is None:
            raise Dead(DeadReason.UNKNOWN_ITEM, f"unknown item {shown(name)}: {self._items_of(day)}")
        if len(self._items) > 10_000:
            self._items.clear()
        self._items[(day, name)] = item
        return item

    def _items_of(self, day: int) -> str:
        names = sorted(self.catalog.version(day).items)
        more = f" and {len(names) - ITEMS_SHOWN} more" if len(names) > ITEMS_SHOWN else ""
        return f"the catalog of {day_text(day)} has {', '.join(names[:ITEMS_SHOWN])}{more}"

    def _retentions(self, item: Item, given: int) -> str:
        if not item.retentions:
            return f"{item.name} has no retentions, retention_days is {shown(given)}"
        known = ", ".join(map(str, sorted(item.retentions)))
        return f"{item.name} is kept {known} days, retention_days is {shown(given)}"
