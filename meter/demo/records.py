"""The records of the demo as producers send them."""

import json
from typing import Any, NamedTuple

from meter.rules.billing_days import time_text

MINUTE_US = 60_000_000


class Sent(NamedTuple):
    """A record for an input topic, named without the prefix."""

    topic: str
    key: str
    value: bytes


def json_bytes(value: object) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def event(
    workspace: str, item: str, quantity: object, time_us: int, name: str, retention_days: int | None = None
) -> dict[str, Any]:
    """A report of usage."""
    content: dict[str, object] = {"item": item, "quantity": quantity}
    if retention_days is not None:
        content["retention_days"] = retention_days
    return {
        "specversion": "1.0",
        "id": name,
        "source": f"datakit/{workspace}",
        "type": "usage.recorded",
        "subject": workspace,
        "time": time_text(time_us),
        "data": content,
    }


def usage(fields: dict[str, Any]) -> Sent:
    """An event for the shared topic."""
    return Sent("usage", fields["subject"], json_bytes(fields))


def binding(workspace: str, account: str, tier: str) -> Sent:
    """A record of `workspaces`."""
    return Sent("workspaces", workspace, json_bytes({"workspace": workspace, "account": account, "tier": tier}))


def order(fields: dict[str, Any]) -> Sent:
    """A record of `plan-purchases`."""
    return Sent("plan-purchases", str(fields["account"]), json_bytes(fields))
