"""What accounts order (topic `plan-purchases`): top-ups, purchases and the management of plans.

A model holds what can be judged from the record alone; everything else is a refusal, decided by rules/orders.py.
Equal orders (SPEC §8) have equal `canonical` bytes: that is how a repeat is told from a conflict.
"""

import json
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, TypeAdapter, WithJsonSchema, model_validator

from schemas.days import Date
from schemas.ids import PAYMENTS_LIMIT, TRAFFIC_LIMIT, UNITS_LIMIT, WORKSPACES_LIMIT, Id, shown
from schemas.money import DISCOUNT_PATTERN, Discount, Money
from schemas.reasons import DeadReason
from schemas.record import Record, Unreadable, json_value

Method = Literal["cash", "prepaid_card", "coupon"]


class UnknownKind(Unreadable):
    """The order's `kind` is absent or none the meter knows."""

    reason = DeadReason.UNKNOWN_TYPE


def _discount(given: object) -> object:
    return Decimal(1) if given is None else given


_DISCOUNT_OR_NULL = {"anyOf": [{"type": "string", "pattern": f"^{DISCOUNT_PATTERN}$"}, {"type": "null"}]}


class TrafficLine(Record):
    """Traffic packages of one item."""

    item: Id = Field(description="The item whose quota they raise.", examples=["logs"])
    units: int = Field(description="How many packages.", ge=1, le=UNITS_LIMIT, examples=[30])
    discount: Annotated[Discount, BeforeValidator(_discount), WithJsonSchema(_DISCOUNT_OR_NULL)] = Field(
        Decimal(1), description="What the price is multiplied by: above 0, up to 1.", examples=["0.8"]
    )


class Payment(Record):
    """A part of the price, drawn from one instrument."""

    method: Method = Field(description="Where the money is.", examples=["prepaid_card"])
    instrument: Id | None = Field(None, description="Which card or coupon; cash has none.", examples=["card-9"])
    amount: Money = Field(description="How much of it.", examples=["1500.00"])

    @model_validator(mode="after")
    def _instrument(self) -> Self:
        _check_instrument(self.method, self.instrument)
        return self


def _sequence(given: object) -> object:
    """A list as a tuple (which no one can change), null as absence."""
    return () if given is None else tuple(given) if isinstance(given, list) else given


Workspaces = Annotated[
    tuple[Id, ...],
    Field(max_length=WORKSPACES_LIMIT),
    BeforeValidator(
        lambda given: tuple(given) if isinstance(given, list) else given,
        json_schema_input_type=Annotated[list[Id], Field(max_length=WORKSPACES_LIMIT)],
    ),
    Field(description="In priority order.", examples=[["wksp_a", "wksp_b"]]),
]
TrafficLines = Annotated[
    tuple[TrafficLine, ...],
    Field(max_length=TRAFFIC_LIMIT),
    BeforeValidator(
        _sequence,
        json_schema_input_type=Annotated[list[TrafficLine], Field(max_length=TRAFFIC_LIMIT)] | None,
    ),
    Field(
        description="Traffic packages, each line priced by itself.",
        examples=[[{"item": "logs", "units": 30, "discount": "0.8"}]],
    ),
]
Payments = Annotated[
    tuple[Payment, ...],
    Field(max_length=PAYMENTS_LIMIT),
    BeforeValidator(
        _sequence,
        json_schema_input_type=Annotated[list[Payment], Field(max_length=PAYMENTS_LIMIT)] | None,
    ),
    Field(
        description="They make exactly the price.",
        examples=[[{"method": "cash", "amount": "53392.00"}]],
    ),
]


class _AnyOrder(Record):
    order_id: Id = Field(description="Unique in the account, over all kinds.", examples=["o-1"])
    account: Id = Field(description="The billing account.", examples=["acct_1"])
    currency: str | None = Field(
        None, description="Absent: the catalog's. Any other than the catalog's is refused.", examples=["CNY"]
    )


class TopUp(_AnyOrder):
    """Credits cash, a prepaid card or a coupon of the account."""

    kind: Literal["top_up"] = Field(description="What is ordered.", examples=["top_up"])
    method: Method = Field(description="What is credited.", examples=["prepaid_card"])
    instrument: Id | None = Field(None, description="Which card or coupon; cash has none.", examples=["card-9"])
    amount: Money = Field(description="How much.", examples=["5000.00"])
    expires_on: Date | None = Field(
        None, description="The last day it can be drawn; absent: for ever.", examples=["2026-12-31"]
    )

    @model_validator(mode="after")
    def _instrument(self) -> Self:
        _check_instrument(self.method, self.instrument)
        if self.method == "cash" and self.expires_on is not None:
            raise ValueError("cash has no expires_on")
        return self


class Purchase(_AnyOrder):
    """Buys a plan package and traffic packages for an ordered list of workspaces."""

    kind: Literal["purchase"] = Field(description="What is ordered.", examples=["purchase"])
    plan: Id = Field(description="The plan package.", examples=["startup"])
    workspaces: Workspaces
    traffic: TrafficLines = ()
    first_day: Date | None = Field(
        None, description="Absent: the order's billing day; at most 31 days later.", examples=["2026-01-31"]
    )
    payments: Payments = ()


class AddTraffic(_AnyOrder):
    """Adds traffic packages to a plan, through its last day."""

    kind: Literal["add_traffic"] = Field(description="What is ordered.", examples=["add_traffic"])
    plan_id: Id = Field(description="The plan: the order id of its purchase.", examples=["o-1"])
    traffic: TrafficLines = ()
    payments: Payments = ()


class Upgrade(_AnyOrder):
    """Puts a dearer plan package in the place of a plan's; traffic, list and last day stay."""

    kind: Literal["upgrade"] = Field(description="What is ordered.", examples=["upgrade"])
    plan_id: Id = Field(description="The plan: the order id of its purchase.", examples=["o-1"])
    plan: Id = Field(description="The new plan package.", examples=["growth"])
    payments: Payments = ()


class ChangeWorkspaces(_AnyOrder):
    """Gives a plan a new list of workspaces, in its new order."""

    kind: Literal["change_workspaces"] = Field(description="What is ordered.", examples=["change_workspaces"])
    plan_id: Id = Field(description="The plan: the order id of its purchase.", examples=["o-1"])
    workspaces: Workspaces
    payments: Payments = ()


Order = TopUp | Purchase | AddTraffic | Upgrade | ChangeWorkspaces
#: The validator and JSON Schema of orders, by `kind`.
ANY_ORDER: TypeAdapter[Order] = TypeAdapter(Annotated[Order, Field(discriminator="kind")])

_MODELS: dict[object, type[Order]] = {
    "top_up": TopUp,
    "purchase": Purchase,
    "add_traffic": AddTraffic,
    "upgrade": Upgrade,
    "change_workspaces": ChangeWorkspaces,
}
#: The kinds of orders.
KINDS = tuple(map(str, _MODELS))


def order_from_json(content: bytes) -> Order:
    """The order in `content`; raises NotJson, UnknownKind or pydantic's ValidationError (anything else wrong)."""
    shape = json_value(content)
    if not isinstance(shape, dict):
        return ANY_ORDER.validate_python(shape)  # raises: it is no object
    kind = shape.get("kind")
    model = _MODELS.get(kind) if isinstance(kind, str) else None
    if model is None:
        raise UnknownKind(f"an order's kind is one of {', '.join(map(str, _MODELS))}, not {shown(kind)}")
    return model.model_validate(shape)


def canonical(order: Order, currency: str) -> bytes:
    """Canonical JSON of the known fields, defaults filled in (`currency` is the catalog's).

    An absent `first_day` and `expires_on` stay absent. `order_from_json` reads it back.
    """
    shape = order.model_dump(mode="json", exclude_none=True)
    shape["currency"] = currency if order.currency is None else order.currency
    return json.dumps(shape, sort_keys=True, separators=(",", ":")).encode()


def difference(first: bytes, second: bytes) -> str:
    """Where two orders (`canonical`) differ, for a sentence: the first two fields with both values."""
    before, after = json.loads(first), json.loads(second)
    fields = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    shown_fields = [
        f"{name} was {shown(before.get(name, 'absent'), 45)}, this one has {shown(after.get(name, 'absent'), 45)}"
        for name in fields[:2]
    ]
    return ", ".join(shown_fields) + (f" and {len(fields) - 2} more" if len(fields) > 2 else "")


def _check_instrument(method: Method, instrument: str | None) -> None:
    if (method == "cash") != (instrument is None):
        raise ValueError("a prepaid_card or coupon is named by instrument, cash has none")
