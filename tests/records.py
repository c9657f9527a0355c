"""What producers send: plain builders of records, and a log that acknowledges them without a broker."""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.oracle_reading import Sent
from tests.oracle_time import instant, time_text


@dataclass(frozen=True)
class Message:
    """A record to send; `topic` is without the prefix. `note` says what it is for, to whoever reads a failure."""

    topic: str
    key: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    note: str = ""


def json_bytes(value: object) -> bytes:
    """JSON as a producer would write it, letters beyond ASCII as themselves."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def usage(
    workspace: str,
    item: str,
    quantity: int,
    time_us: int,
    *,
    id: str,
    source: str = "datakit/host-1",
    retention: int | None = None,
    corrected: bool = False,
) -> dict[str, Any]:
    """A CloudEvent of usage, structured."""
    content: dict[str, Any] = {"item": item, "quantity": quantity}
    if retention is not None:
        content["retention_days"] = retention
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": "usage.corrected" if corrected else "usage.recorded",
        "subject": workspace,
        "time": time_text(time_us),
        "data": content,
    }


def binding(workspace: str, account: str, tier: str = "commercial") -> dict[str, Any]:
    """A record of `workspaces`."""
    return {"workspace": workspace, "account": account, "tier": tier}


def top_up(account: str, order_id: str, amount: str, method: str = "cash", **optional: Any) -> dict[str, Any]:
    """An order that credits an instrument."""
    order = {"order_id": order_id, "account": account, "kind": "top_up", "method": method, "amount": amount}
    return {**order, "currency": "CNY", **optional}


def purchase(
    account: str, order_id: str, plan: str, workspaces: list[str], payments: list[Any], **optional: Any
) -> dict[str, Any]:
    """An order of a plan; `payments` as `pay` makes them."""
    order = {"order_id": order_id, "account": account, "kind": "purchase", "plan": plan, "workspaces": workspaces}
    return {**order, "currency": "CNY", "payments": payments, **optional}


def management(account: str, order_id: str, kind: str, plan_id: str, **rest: Any) -> dict[str, Any]:
    """`add_traffic`, `upgrade` or `change_workspaces` of a plan."""
    return {"order_id": order_id, "account": account, "kind": kind, "plan_id": plan_id, **rest}


def pay(amount: object, method: str = "cash", instrument: str | None = None) -> dict[str, Any]:
    """One payment of an order."""
    payment = {"method": method, "amount": str(amount)}
    return payment if instrument is None else {**payment, "instrument": instrument}


def traffic(item: str, units: int, discount: str | None = None) -> dict[str, Any]:
    """One traffic line of an order."""
    return {"item": item, "units": units} if discount is None else {"item": item, "units": units, "discount": discount}


def usage_message(event: dict[str, Any], note: str = "") -> Message:
    """An event on the shared topic, keyed by its workspace."""
    return Message("usage", str(event.get("subject", "")), json_bytes(event), note=note)


def binding_message(record: dict[str, Any], note: str = "") -> Message:
    return Message("workspaces", str(record.get("workspace", "")), json_bytes(record), note=note)


def order_message(order: dict[str, Any], note: str = "") -> Message:
    return Message("plan-purchases", str(order.get("account", "")), json_bytes(order), note=note)


def parsed(message: Message) -> dict[str, Any]:
    """What a message says."""
    value: dict[str, Any] = json.loads(message.value or b"null")
    return value


def time_us_of(event: dict[str, Any]) -> int:
    """The instant of a good event."""
    found = instant(event["time"])
    assert found is not None
    return found


@dataclass
class Log:
    """Acknowledges messages as a broker would: one partition a topic, offsets from 0, Kafka's time as it is told."""

    sent: list[Sent] = field(default_factory=list)
    ends: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def send(self, kafka_us: int, messages: Iterable[Message]) -> None:
        for message in messages:
            offset = self.ends[message.topic]
            self.ends[message.topic] += 1
            self.sent.append(Sent(message.topic, 0, offset, kafka_us // 1000, message.value, message.headers))
