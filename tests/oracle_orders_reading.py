"""The oracle's own reading of an order's form (SPEC section 8): its known fields by value, or why it is unreadable."""

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests import oracle_time
from tests.oracle_reading import ORDERS_LIMIT, Dead, NotJson, Sent, is_id, is_integer, parse

MONEY = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,2})?")
DISCOUNT = re.compile(r"[0-9]+(\.[0-9]{1,4})?")
KINDS = ("top_up", "purchase", "add_traffic", "upgrade", "change_workspaces")
METHODS = ("cash", "prepaid_card", "coupon")
WORKSPACES_LIMIT, TRAFFIC_LIMIT, PAYMENTS_LIMIT, UNITS_LIMIT = 1_000, 50, 20, 1_000_000


@dataclass(frozen=True)
class Order:
    """Known fields of an order with defaults filled in; two orders are the same iff these are equal."""

    order_id: str
    account: str
    kind: str
    currency: str
    method: str = ""
    instrument: str | None = None
    amount: Decimal = Decimal(0)
    expires_on: int | None = None
    plan: str | None = None
    plan_id: str | None = None
    workspaces: tuple[str, ...] | None = None
    traffic: tuple[tuple[str, int, Decimal], ...] = ()
    first_day: int | None = None
    payments: tuple[tuple[str, str | None, Decimal], ...] = ()


class Invalid(Exception):
    """A field is not of its form."""


def read_order(sent: Sent, currency: str) -> Order | Dead:
    """An order of `plan-purchases`; `currency` is the catalog's."""
    if sent.size > ORDERS_LIMIT:
        return Dead(("too_large",))
    try:
        order = parse(sent.value or b"")
    except NotJson as error:
        return Dead(error.reasons)
    if not isinstance(order, dict):
        return Dead(("invalid_field", "not_a_cloud_event", "unknown_type"))
    if order.get("kind") is None:
        return Dead(("unknown_type", "invalid_field"))
    if order["kind"] not in KINDS:
        return Dead(("unknown_type",))
    try:
        return _read(order, currency)
    except Invalid:
        return Dead(("invalid_field",))


def _read(order: dict[str, Any], currency: str) -> Order:
    kind = order["kind"]
    shared: dict[str, Any] = {
        "order_id": _id(order.get("order_id")),
        "account": _id(order.get("account")),
        "kind": kind,
        "currency": _text(order.get("currency"), currency),
    }
    if kind == "top_up":
        method, instrument = _instrument(order)
        expires_on = _day(order.get("expires_on"))
        if method == "cash" and expires_on is not None:
            raise Invalid
        amount = _money(order.get("amount"))
        return Order(**shared, method=method, instrument=instrument, amount=amount, expires_on=expires_on)
    lists = kind in ("purchase", "change_workspaces")
    return Order(
        **shared,
        plan=_id(order.get("plan")) if kind in ("purchase", "upgrade") else None,
        plan_id=_id(order.get("plan_id")) if kind != "purchase" else None,
        workspaces=tuple(_id(name) for name in _list(order, "workspaces", WORKSPACES_LIMIT, True)) if lists else None,
        traffic=_traffic(order) if kind in ("purchase", "add_traffic") else (),
        first_day=_day(order.get("first_day")) if kind == "purchase" else None,
        payments=_payments(order),
    )


def _traffic(order: dict[str, Any]) -> tuple[tuple[str, int, Decimal], ...]:
    lines = []
    for line in _list(order, "traffic", TRAFFIC_LIMIT):
        units, discount = line.get("units"), line.get("discount")
        discount = "1" if discount is None else discount
        if not is_integer(units) or not 1 <= units <= UNITS_LIMIT:
            raise Invalid
        if not isinstance(discount, str) or not DISCOUNT.fullmatch(discount) or not 0 < Decimal(discount) <= 1:
            raise Invalid
        lines.append((_id(line.get("item")), units, Decimal(discount)))
    return tuple(lines)


def _payments(order: dict[str, Any]) -> tuple[tuple[str, str | None, Decimal], ...]:
    return tuple(
        (*_instrument(payment), _money(payment.get("amount"))) for payment in _list(order, "payments", PAYMENTS_LIMIT)
    )


def _instrument(fields: dict[str, Any]) -> tuple[str, str | None]:
    """The method and its instrument: cash has none, a card or a coupon has one."""
    method, instrument = fields.get("method"), fields.get("instrument")
    if method not in METHODS or (method == "cash") != (instrument is None):
        raise Invalid
    return str(method), None if instrument is None else _id(instrument)


def _list(order: dict[str, Any], name: str, limit: int, ids: bool = False) -> list[Any]:
    """A list field: of ids (then it must be there), or of objects (then its absence is an empty one)."""
    value = order.get(name)
    if value is None and not ids:
        return []
    if not isinstance(value, list) or len(value) > limit:
        raise Invalid
    if not ids and not all(isinstance(part, dict) for part in value):
        raise Invalid
    return value


def _id(value: object) -> str:
    if not is_id(value):
        raise Invalid
    return str(value)


def _text(value: object, default: str) -> str:
    if value is None:
        return default
    if not isinstance(value, str):
        raise Invalid
    return value


def _day(value: object) -> int | None:
    if value is None:
        return None
    day = oracle_time.ordinal(value)
    if day is None:
        raise Invalid
    return day


def _money(value: object) -> Decimal:
    if not isinstance(value, str) or not MONEY.fullmatch(value):
        raise Invalid
    return Decimal(value)
