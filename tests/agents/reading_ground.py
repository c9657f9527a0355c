"""A reader of the default catalog, good events for it, and what it says of a record."""

import base64
import json
from typing import Any

from agents.intake.usage_reader import Dead, ParsedUsage, UsageReader
from meter.rules.billing_days import zone
from meter.settings import Settings
from schemas.catalog import load_catalog
from tests.oracle_time import instant

WORKSPACE = "wksp_a"
ZONE = "Asia/Shanghai"
HORIZON_DAYS = 35
CATALOG = load_catalog(Settings.load().catalog_path)
READER = UsageReader(CATALOG, zone(ZONE), HORIZON_DAYS)
#: When Kafka received the good event: a second after its time.
RECEIVED_MS = (instant("2026-01-31T08:00:01Z") or 0) // 1000

EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "7c1e",
    "source": "datakit/host-1",
    "type": "usage.recorded",
    "subject": WORKSPACE,
    "time": "2026-01-31T08:00:00Z",
    "data": {"item": "logs", "quantity": 1_000_000, "retention_days": 14},
}

Headers = tuple[tuple[str, bytes | None], ...]


def event(**fields: Any) -> dict[str, Any]:
    """The good event but for some of its fields; fields of `data` are known by their names."""
    data = {name: fields.pop(name) for name in ("item", "quantity", "retention_days") if name in fields}
    return {**EVENT, "data": {**EVENT["data"], **data}, **fields}


def value_of(content: object) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def binary(content: dict[str, Any], *more: tuple[str, bytes | None]) -> tuple[bytes, Headers]:
    """The value and the headers of an event in binary mode."""
    headers = [(f"ce_{name}", str(part).encode()) for name, part in content.items() if name != "data"]
    return value_of(content["data"]), (("content-type", b"application/json"), *headers, *more)


def parse(
    value: bytes, headers: Headers = (), own: str | None = None, received_ms: int = RECEIVED_MS
) -> str | tuple[Any, ...]:
    """The reason of a dead letter, or what was read."""
    try:
        reading: ParsedUsage = READER.read(value, headers, received_ms, own)
    except Dead as dead:
        return dead.reason.value if well_worded(dead.error) else f"badly said: {dead.error!r}"
    return tuple(reading[:9])


def well_worded(error: str) -> bool:
    """A sentence that a person can read on a line, with a bounded part of foreign text."""
    return 0 < len(error) <= 500 and error.isprintable()


def in_base64(content: bytes = value_of(EVENT["data"]), /, **more: object) -> bytes:
    """The good event with these bytes as its data, in base64."""
    rest = {name: part for name, part in EVENT.items() if name != "data"}
    return value_of({**rest, "data_base64": base64.b64encode(content).decode(), **more})


IN_BASE64 = in_base64()


def fast(value: bytes, own: str | None = None) -> Any:
    """What the fast path reads; None where it leaves the record to the reference."""
    try:
        read, _ = READER._read_fast(value, ())
        return READER._judged(*read, RECEIVED_MS, own)
    except Exception:
        return None


def slow(value: bytes, own: str | None = None) -> Any:
    try:
        return READER._judged(*READER._read_slowly(value, (), own), RECEIVED_MS, own)
    except Exception as error:
        return repr(error)
