"""The oracle's own reading of single records (SPEC section 8): what they say, or why they are dead letters.

Each check stands where SPEC's list of reasons puts it, so the first that applies is the first that returns.
Where SPEC leaves two reasons open, `Dead.reasons` holds both, our reading first.
"""

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeGuard

from tests import oracle_time
from tests.oracle_catalog import DEFAULT, Book

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
#: Groups of four letters of the standard alphabet, the last one padded.
BASE64 = re.compile(r"([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
QUANTITY_LIMIT = 10**15
USAGE_LIMIT = 64 * 1024
ORDERS_LIMIT = 256 * 1024
AHEAD_US = 300 * 1_000_000
#: Decimal digits of an integer that Python reads at once; what is longer is out of every range here.
DIGITS = 40


@dataclass(frozen=True)
class Settings:
    """What the meter was opened with, as far as figures depend on it."""

    zone: str = "Asia/Shanghai"
    book: Book = DEFAULT
    horizon_days: int = 35


@dataclass(frozen=True)
class Sent:
    """A record as a broker acknowledged it; `topic` is without the prefix."""

    topic: str
    partition: int
    offset: int
    kafka_ms: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def place(self) -> tuple[str, int, int]:
        return (self.topic, self.partition, self.offset)

    @property
    def size(self) -> int:
        return len(self.value or b"") + sum(len(name.encode()) + len(value) for name, value in self.headers)


@dataclass(frozen=True)
class Dead:
    """A record that is a dead letter, with the reasons that SPEC allows for it."""

    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Event:
    """One usage event that may count."""

    workspace: str
    source: str
    id: str
    item: str
    quantity: int
    retention: int | None
    corrected: bool
    time_us: int
    day: int

    @property
    def identity(self) -> tuple[str, str, str]:
        return (self.workspace, self.source, self.id)


class NotJson(Exception):
    """A value that is no JSON text; `reasons` has more than one where parsers may differ."""

    def __init__(self, *reasons: str) -> None:
        super().__init__()
        self.reasons = reasons or ("not_json",)


class NoInteger:
    """A JSON number that is no integer of a size anybody could mean."""


def parse(raw: bytes) -> Any:
    """A JSON text, numbers that are not (usable) integers as `NoInteger`; raises NotJson."""
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, parse_int=_integer, parse_float=lambda _: NoInteger(), parse_constant=_refuse)
    except RecursionError:
        balanced = raw.count(b"[") == raw.count(b"]") and raw.count(b"{") == raw.count(b"}")
        raise NotJson("not_json", *(("not_a_cloud_event", "invalid_field") if balanced else ())) from None
    except ValueError:
        raise NotJson from None
    if re.search(r"\\u[dD][89a-fA-F]", text) and _surrogate(value):
        raise NotJson("not_json", "invalid_field")
    return value


def _integer(digits: str) -> Any:
    return int(digits) if len(digits) <= DIGITS else NoInteger()


def _refuse(_: str) -> Any:
    raise NotJson


def _surrogate(value: Any) -> bool:
    """Whether a lone surrogate stands anywhere in it: escaped well, but no character."""
    if isinstance(value, str):
        return any("\ud800" <= letter <= "\udfff" for letter in value)
    if isinstance(value, dict):
        return any(_surrogate(name) or _surrogate(part) for name, part in value.items())
    return isinstance(value, list) and any(_surrogate(part) for part in value)


def is_id(value: object) -> bool:
    return isinstance(value, str) and ID.fullmatch(value) is not None


def is_integer(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _envelope(sent: Sent) -> Any:
    """The CloudEvent as one object, out of either mode, or what is none (a batch); raises NotJson."""
    headers = {name.lower(): value for name, value in sent.headers}
    kind = headers.get("content-type", b"").lower()
    body = parse(sent.value or b"")
    if kind.startswith(b"application/cloudevents-batch"):
        return None
    if kind.startswith(b"application/cloudevents+json") or "ce_specversion" not in headers:
        return body
    attributes: dict[str, Any] = {}
    for name, value in headers.items():
        if name.startswith("ce_") and name != "ce_data_base64":
            attributes[name[3:]] = value.decode("utf-8", "replace")
    return {**attributes, "data": body}


def read_usage(sent: Sent, settings: Settings, accounts: Mapping[str, str]) -> Event | Dead:
    """An event of `usage` or of a workspace topic; `accounts` are the known workspaces'."""
    if sent.size > USAGE_LIMIT:
        return Dead(("too_large",))
    try:
        event = _envelope(sent)
    except NotJson as error:
        return Dead(error.reasons)
    if not isinstance(event, dict) or event.get("specversion") != "1.0":
        return Dead(("not_a_cloud_event",))
    if any(event.get(name) is None for name in ("id", "source", "type")):
        return Dead(("not_a_cloud_event",))
    own = sent.topic.removeprefix("usage.") if sent.topic.startswith("usage.") else None
    if event["type"] != "usage.recorded" and (event["type"] != "usage.corrected" or own is not None):
        return Dead(("unknown_type",))
    read = _fields(event, own, settings)
    if isinstance(read, Dead):
        return read
    return _placed(read, own, sent, settings, accounts)


def _fields(event: dict[str, Any], own: str | None, settings: Settings) -> Event | Dead:
    """The event with every field of its right form, whatever its time, item and workspace are."""
    invalid = Dead(("invalid_field",))
    if not all(isinstance(event[name], str) and 1 <= len(event[name]) <= 256 for name in ("id", "source")):
        return invalid
    workspace = event.get("subject")
    if own is not None and workspace is None:
        workspace = own
    time_us = oracle_time.instant(event.get("time"))
    usage = _data(event)
    if not is_id(workspace) or time_us is None or not isinstance(usage, dict) or not is_id(usage.get("item")):
        return invalid
    quantity, retention = usage.get("quantity"), usage.get("retention_days")
    if not is_integer(quantity) or not (retention is None or is_integer(retention)):
        return invalid
    corrected = event["type"] == "usage.corrected"
    day = oracle_time.billing_day(time_us, settings.zone)
    item = settings.book.on(day).items.get(usage["item"])
    lowest = -QUANTITY_LIMIT if corrected and not (item and item.aggregation == "max") else 0
    if not lowest <= quantity <= QUANTITY_LIMIT:
        return invalid
    return Event(
        str(workspace), event["source"], event["id"], usage["item"], quantity, retention, corrected, time_us, day
    )


def _data(event: dict[str, Any]) -> Any:
    """What the event holds, as JSON or as JSON in base64; None where it has both, or what is neither."""
    given, encoded = event.get("data"), event.get("data_base64")
    if encoded is None:
        return given
    if given is not None or not isinstance(encoded, str) or BASE64.fullmatch(encoded) is None:
        return None
    try:
        return parse(base64.b64decode(encoded))
    except NotJson:
        return None


def _placed(event: Event, own: str | None, sent: Sent, settings: Settings, accounts: Mapping[str, str]) -> Event | Dead:
    """The event judged by where and when it came, and by what is known."""
    kafka_us = sent.kafka_ms * 1000
    if own is not None and event.workspace != own:
        return Dead(("subject_does_not_match_topic",))
    if event.time_us > kafka_us + AHEAD_US:
        return Dead(("time_in_the_future",))
    if oracle_time.billing_day(kafka_us, settings.zone) - event.day > settings.horizon_days:
        return Dead(("time_beyond_horizon",))
    item = settings.book.on(event.day).items.get(event.item)
    if item is None:
        return Dead(("unknown_item",))
    retention = item.default if event.retention is None else event.retention
    if retention is not None and retention not in item.retentions:
        return Dead(("unknown_retention", "invalid_field") if retention < 1 else ("unknown_retention",))
    if event.workspace not in accounts:
        return Dead(("workspace_unknown",))
    return Event(**{**event.__dict__, "retention": retention})


def read_binding(sent: Sent) -> tuple[str, str, str] | Dead:
    """Workspace, account and tier of a `workspaces` record."""
    if sent.size > USAGE_LIMIT:
        return Dead(("too_large",))
    try:
        binding = parse(sent.value or b"")
    except NotJson as error:
        return Dead(error.reasons)
    if not isinstance(binding, dict):
        return Dead(("invalid_field", "not_a_cloud_event"))
    workspace, account, tier = (binding.get(name) for name in ("workspace", "account", "tier"))
    if not is_id(workspace) or not is_id(account) or tier not in ("free", "commercial"):
        return Dead(("invalid_field",))
    return str(workspace), str(account), str(tier)
