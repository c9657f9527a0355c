"""One bad record of every kind that SPEC section 8 knows, each with its reason: for tests of the intake and its peers.

A builder takes a `Ground` (what is good here and now) and answers a value; `BAD` names topic, reason and builder.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from tests import records
from tests.oracle_time import DAY_US, time_text
from tests.records import Message, json_bytes

HOUR_US = 3_600_000_000


@dataclass(frozen=True)
class Ground:
    """Where a bad record falls: a known commercial workspace and its account, the time, and fresh ids."""

    rng: Random
    workspace: str
    account: str
    now_us: int
    horizon_days: int = 35

    def fresh(self) -> str:
        return f"bad-{self.rng.getrandbits(64):016x}"

    def event(self, **rest: Any) -> dict[str, Any]:
        """A good event."""
        time_us = rest.pop("time_us", self.now_us)
        return records.usage(
            self.workspace, rest.pop("item", "api_calls"), rest.pop("quantity", 5), time_us, id=self.fresh(), **rest
        )

    def order(self, **fields: Any) -> dict[str, Any]:
        """A good top-up."""
        return {**records.top_up(self.account, self.fresh(), "1.00"), **fields}


Build = Callable[[Ground], bytes]


@dataclass(frozen=True)
class Bad:
    """A kind of bad record."""

    topic: str
    reason: str
    build: Build

    def message(self, ground: Ground, name: str) -> Message:
        keys = {"usage": ground.workspace, "workspaces": ground.workspace, "plan-purchases": ground.account}
        return Message(self.topic, keys[self.topic], self.build(ground), note=name)


def raw(value: bytes) -> Build:
    return lambda _: value


def event(**fields: Any) -> Build:
    """A good event but for some of its fields; None takes one out."""
    return lambda ground: json_bytes({**ground.event(), **fields})


def without(*names: str) -> Build:
    return lambda ground: json_bytes({name: value for name, value in ground.event().items() if name not in names})


def usage_of(**fields: Any) -> Build:
    """A good event but for its data."""

    def build(ground: Ground) -> bytes:
        good = ground.event()
        return json_bytes({**good, "data": {**good["data"], **fields}})

    return build


def quantity_text(text: str) -> Build:
    """A good event with its quantity written like this."""
    return lambda ground: json_bytes(ground.event(quantity=777_777)).replace(b"777777", text.encode())


def at(shift_us: int) -> Build:
    return lambda ground: json_bytes(ground.event(time_us=ground.now_us + shift_us))


def correction(item: str, quantity: int) -> Build:
    return lambda ground: json_bytes(ground.event(item=item, quantity=quantity, corrected=True))


def order(**fields: Any) -> Build:
    """A good top-up but for some of its fields."""
    return lambda ground: json_bytes(ground.order(**fields))


def bought(**fields: Any) -> Build:
    """A purchase with a form that cannot be read."""

    def build(ground: Ground) -> bytes:
        good = records.purchase(ground.account, ground.fresh(), "startup", [ground.workspace], [records.pay("1.00")])
        return json_bytes({**good, **fields})

    return build


def bound(tier: str, **fields: Any) -> Build:
    return lambda ground: json_bytes({**records.binding(ground.workspace, ground.account, tier), **fields})


def beyond(ground: Ground) -> bytes:
    return json_bytes(ground.event(time_us=ground.now_us - (ground.horizon_days + 2) * DAY_US))


def leap_second(ground: Ground) -> bytes:
    return json_bytes({**ground.event(), "time": time_text(ground.now_us)[:17] + "60Z"})


def invalid_utf8(ground: Ground) -> bytes:
    return json_bytes({**ground.event(), "note": "?"}).replace(b"?", b"\xff\xfe")


BAD: dict[str, Bad] = {
    "value above the limit": Bad("usage", "too_large", event(padding="x" * 65_536)),
    "100 KB of [": Bad("usage", "too_large", raw(b"[" * 100_000)),
    "empty value": Bad("usage", "not_json", raw(b"")),
    "60 KB of [": Bad("usage", "not_json", raw(b"[" * 60_000)),
    "60 KB of {": Bad("usage", "not_json", raw(b'{"a":' * 12_000)),
    "torn": Bad("usage", "not_json", lambda ground: json_bytes(ground.event())[:-9]),
    "two texts": Bad("usage", "not_json", lambda ground: json_bytes(ground.event()) * 2),
    "invalid UTF-8": Bad("usage", "not_json", raw(b'{"specversion":"\xc3("}')),
    "invalid UTF-8 in a field nobody reads": Bad("usage", "not_json", invalid_utf8),
    "byte order mark": Bad("usage", "not_json", lambda ground: b"\xef\xbb\xbf" + json_bytes(ground.event())),
    "UTF-16": Bad("usage", "not_json", lambda ground: json_bytes(ground.event()).decode().encode("utf-16")),
    "quantity NaN": Bad("usage", "not_json", quantity_text("NaN")),
    "quantity -Infinity": Bad("usage", "not_json", quantity_text("-Infinity")),
    "quantity 007": Bad("usage", "not_json", quantity_text("007")),
    "no object": Bad("usage", "not_a_cloud_event", lambda ground: json_bytes([ground.event()])),
    "a number": Bad("usage", "not_a_cloud_event", raw(b"17")),
    "null as text": Bad("usage", "not_a_cloud_event", raw(b"null")),
    "specversion 0.3": Bad("usage", "not_a_cloud_event", event(specversion="0.3")),
    "specversion 1.0 as a number": Bad("usage", "not_a_cloud_event", event(specversion=1.0)),
    "no id": Bad("usage", "not_a_cloud_event", without("id")),
    "no source": Bad("usage", "not_a_cloud_event", without("source")),
    "no type": Bad("usage", "not_a_cloud_event", without("type")),
    "another type": Bad("usage", "unknown_type", event(type="usage.deleted")),
    "another type, and nothing else right": Bad("usage", "unknown_type", event(type="x", time=1, data=2, subject=3)),
    "no time": Bad("usage", "invalid_field", without("time")),
    "time in small letters": Bad("usage", "invalid_field", event(time="2026-01-31t08:00:00z")),
    "time without a zone": Bad("usage", "invalid_field", event(time="2026-01-31T08:00:00")),
    "time 24:00": Bad("usage", "invalid_field", event(time="2026-01-31T24:00:00Z")),
    "leap second": Bad("usage", "invalid_field", leap_second),
    "30 February": Bad("usage", "invalid_field", event(time="2026-02-30T08:00:00Z")),
    "ten digits": Bad("usage", "invalid_field", event(time="2026-01-31T08:00:00.1234567890Z")),
    "digits of another script": Bad("usage", "invalid_field", event(time="２026-01-31T08:00:00Z")),
    "time with a newline": Bad("usage", "invalid_field", event(time="2026-01-31T08:00:00Z\n")),
    "year 0": Bad("usage", "invalid_field", event(time="0000-01-31T08:00:00Z")),
    "id of 257": Bad("usage", "invalid_field", event(id="x" * 257)),
    "empty id": Bad("usage", "invalid_field", event(id="")),
    "source a number": Bad("usage", "invalid_field", event(source=5)),
    "no subject": Bad("usage", "invalid_field", without("subject")),
    "subject with a slash": Bad("usage", "invalid_field", event(subject="a/b")),
    "subject with a newline": Bad("usage", "invalid_field", event(subject="wksp\n")),
    "subject of another script": Bad("usage", "invalid_field", event(subject="wksp_１")),
    "subject of 65": Bad("usage", "invalid_field", event(subject="w" * 65)),
    "data a list": Bad("usage", "invalid_field", event(data=[])),
    "no data": Bad("usage", "invalid_field", without("data")),
    "data in both forms": Bad("usage", "invalid_field", event(data_base64="e30=")),
    "no JSON in base64": Bad("usage", "invalid_field", event(data=None, data_base64="eyJ4")),
    "no item": Bad("usage", "invalid_field", usage_of(item=None)),
    "no quantity": Bad("usage", "invalid_field", usage_of(quantity=None)),
    "quantity 1.0": Bad("usage", "invalid_field", quantity_text("1.0")),
    "quantity 1e6": Bad("usage", "invalid_field", quantity_text("1e6")),
    "quantity text": Bad("usage", "invalid_field", usage_of(quantity="5")),
    "quantity true": Bad("usage", "invalid_field", usage_of(quantity=True)),
    "quantity -1": Bad("usage", "invalid_field", usage_of(quantity=-1)),
    "quantity above 10^15": Bad("usage", "invalid_field", usage_of(quantity=10**15 + 1)),
    "quantity of 5,000 digits": Bad("usage", "invalid_field", quantity_text("9" * 5_000)),
    "retention text": Bad("usage", "invalid_field", usage_of(item="logs", retention_days="14")),
    "correction below -10^15": Bad("usage", "invalid_field", correction("logs", -(10**15) - 1)),
    "negative correction of a max item": Bad("usage", "invalid_field", correction("datakit", -1)),
    "an hour ahead": Bad("usage", "time_in_the_future", at(HOUR_US)),
    "year 9999": Bad("usage", "time_in_the_future", event(time="9999-12-31T23:59:59.999999999Z")),
    "year 9999 west": Bad("usage", "time_in_the_future", event(time="9999-12-31T23:59:59-23:59")),
    "beyond the horizon": Bad("usage", "time_beyond_horizon", beyond),
    "year 1": Bad("usage", "time_beyond_horizon", event(time="0001-01-01T00:00:00Z")),
    "year 1 east": Bad("usage", "time_beyond_horizon", event(time="0001-01-01T00:00:00+23:59")),
    "another item": Bad("usage", "unknown_item", usage_of(item="coffee")),
    "another retention": Bad("usage", "unknown_retention", usage_of(item="logs", retention_days=15)),
    "retention of a sum item without": Bad("usage", "unknown_retention", usage_of(item="sms", retention_days=14)),
    "retention of a max item": Bad("usage", "unknown_retention", usage_of(item="datakit", retention_days=14)),
    "workspace unknown": Bad("usage", "workspace_unknown", event(subject="nobody-knows-it")),
    "binding not JSON": Bad("workspaces", "not_json", raw(b"{'workspace':'w'}")),
    "binding too large": Bad("workspaces", "too_large", raw(b" " * 65_537)),
    "binding of another tier": Bad("workspaces", "invalid_field", bound("gold")),
    "binding without an account": Bad("workspaces", "invalid_field", bound("commercial", account=None)),
    "binding to another account": Bad("workspaces", "workspace_cannot_move", bound("commercial", account="elsewhere")),
    "binding back to free": Bad("workspaces", "workspace_cannot_return_to_free", bound("free")),
    "order not JSON": Bad("plan-purchases", "not_json", raw(b"\xff")),
    "order too large": Bad("plan-purchases", "too_large", order(padding="x" * 262_144)),
    "order of another kind": Bad("plan-purchases", "unknown_type", order(kind="refund")),
    "order without an id": Bad("plan-purchases", "invalid_field", order(order_id=None)),
    "amount a number": Bad("plan-purchases", "invalid_field", order(amount=5)),
    "amount of three decimals": Bad("plan-purchases", "invalid_field", order(amount="5.001")),
    "amount of 13 digits": Bad("plan-purchases", "invalid_field", order(amount="1234567890123")),
    "amount of another script": Bad("plan-purchases", "invalid_field", order(amount="５")),
    "amount 1_000": Bad("plan-purchases", "invalid_field", order(amount="1_000")),
    "amount NaN": Bad("plan-purchases", "invalid_field", order(amount="NaN")),
    "amount with a newline": Bad("plan-purchases", "invalid_field", order(amount="5\n")),
    "another method": Bad("plan-purchases", "invalid_field", order(method="cheque")),
    "cash with an instrument": Bad("plan-purchases", "invalid_field", order(instrument="card-1")),
    "card without an instrument": Bad("plan-purchases", "invalid_field", order(method="prepaid_card")),
    "expiry on no day": Bad(
        "plan-purchases", "invalid_field", order(method="coupon", instrument="c", expires_on="2026-02-30")
    ),
    "expiry in basic form": Bad(
        "plan-purchases", "invalid_field", order(method="coupon", instrument="c", expires_on="20260131")
    ),
    "purchase without workspaces": Bad("plan-purchases", "invalid_field", bought(workspaces=None)),
    "1,001 workspaces": Bad("plan-purchases", "invalid_field", bought(workspaces=[f"w{n}" for n in range(1_001)])),
    "51 traffic lines": Bad("plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 1)] * 51)),
    "21 payments": Bad("plan-purchases", "invalid_field", bought(payments=[records.pay("1")] * 21)),
    "no unit": Bad("plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 0)])),
    "1,000,001 units": Bad("plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 1_000_001)])),
    "discount 0": Bad("plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 1, "0")])),
    "discount 1.1": Bad("plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 1, "1.1")])),
    "discount of five decimals": Bad(
        "plan-purchases", "invalid_field", bought(traffic=[records.traffic("logs", 1, "0.12345")])
    ),
}


def bad_message(name: str, ground: Ground) -> Message:
    """A bad record of a kind."""
    return BAD[name].message(ground, name)
