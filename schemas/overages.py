"""What no plan covers (topic `overages`): cumulative figures of a workspace, item and day, and why they changed.

`Overage` is the model, and `OverageText` writes the same bytes at a fraction of the cost: what the records of one cell
have in common is written once. Tests hold the two together. Nothing here is escaped: ids, topics, days, currencies and
written figures have no character that JSON escapes.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, Self

import msgspec
from pydantic import Field, model_validator

from schemas.days import Day
from schemas.ids import Id
from schemas.money import Amount, Price, Units
from schemas.record import Record

#: Workspaces named in one cause; they are sorted, the rest are left out.
CAUSE_WORKSPACES_LIMIT = 20
#: Orders named in one cause, the first of the record; the rest are counted in `more`.
CAUSE_ORDERS_LIMIT = 20

Basis = Literal["package", "pay_as_you_go", "free"]


class Line(Record):
    """One line of a charge: quantity / unit, cut to two decimals, times the price."""

    retention_days: int | None = Field(None, description="Absent: the item has no retentions.", examples=[14])
    quantity: int = Field(description="What is charged.", ge=0, examples=[50000000])
    units: Units = Field(description="quantity / unit, cut to two decimals.", examples=["50.00"])
    unit_price: Price = Field(description="Of one unit.", examples=["1.5"])
    amount: Amount = Field(description="units * unit_price, exact.", examples=["75.00"])


class Charge(Record):
    """What a workspace owes for an item on a day."""

    amount: Amount = Field(description="The sum of the lines, exact.", examples=["75.00"])
    currency: str = Field(description="The catalog's.", examples=["CNY"])
    lines: list[Line] = Field(description="By retention, shortest first.")


class Cause(Record):
    """The entries of the journal record that touched this account, item and day: the last source range."""

    kind: Literal["usage", "order", "workspace", "catalogue"] = Field(description="What arrived.", examples=["usage"])
    workspaces: list[Id] = Field(
        description="Whose usage or tier it was, sorted.", max_length=CAUSE_WORKSPACES_LIMIT, examples=[["wksp_a"]]
    )
    orders: list[Id] | None = Field(
        None,
        description="The orders, if that is the kind, in the order of the log.",
        max_length=CAUSE_ORDERS_LIMIT,
        examples=[["o-1"]],
    )
    more: int | None = Field(None, description="How many orders are left out; absent: none.", ge=1, examples=[1980])
    topic: str = Field(description="Where it came from, without the prefix.", examples=["usage"])
    partition: int = Field(description="Of that topic.", ge=0, examples=[3])
    first_offset: int = Field(description="Of the range.", ge=0, examples=[991])
    last_offset: int = Field(description="Of the range, inclusive.", ge=0, examples=[1010])


class Overage(Record):
    """Cumulative: keep the highest `revision` of each key, or add up `delta`."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    workspace: Id = Field(description="Whose usage.", examples=["wksp_b"])
    item: Id = Field(description="The billing item.", examples=["logs"])
    day: Day = Field(description="The billing day.", examples=["2026-01-31"])
    revision: int = Field(description="Rises in every key.", ge=1, examples=[1042])
    previous_revision: int = Field(description="The one before; 0 for the first.", ge=0, examples=[0])
    usage: int = Field(description="Converted, of the day so far.", ge=0, examples=[100000000])
    covered: int = Field(description="Drawn from plans.", ge=0, examples=[50000000])
    overage: int = Field(description="The rest.", ge=0, examples=[50000000])
    delta: int = Field(description="overage less that of the previous revision.", examples=[50000000])
    basis: Literal["package", "pay_as_you_go"] = Field(
        description="Whether a plan in force lists the workspace.", examples=["package"]
    )
    plans: list[Id] = Field(description="Those plans, in allocation order.", examples=[["o-1"]])
    charge: Charge = Field(description="What the overage costs.")
    cause: Cause = Field(description="What changed it.")
    restated: bool = Field(description="Published after the account's close of the day.", examples=[False])

    @model_validator(mode="after")
    def _law(self) -> Self:
        if self.covered + self.overage != self.usage:
            raise ValueError(f"coverage + overage = usage, not {self.covered} + {self.overage} = {self.usage}")
        return self

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.workspace}/{self.item}/{self.day}"


class LineStruct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`Line`, its figures already written."""

    retention_days: int | None = None
    quantity: int
    units: str
    unit_price: str
    amount: str


class ChargeStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`Charge`, its amount already written."""

    amount: str
    currency: str
    lines: list[LineStruct]


class ChargeText:
    """Writes charges of one line with the same retention (0: none), price and currency."""

    __slots__ = ("_after_amount", "_after_units")

    def __init__(self, retention_days: int, unit_price: str, currency: str) -> None:
        retention = f'"retention_days":{retention_days},' if retention_days else ""
        self._after_amount = f'","currency":"{currency}","lines":[{{{retention}"quantity":'
        self._after_units = f'","unit_price":"{unit_price}","amount":"'

    def of(self, quantity: int, units: str, amount: str) -> str:
        """`Charge` as JSON."""
        return f'{{"amount":"{amount}{self._after_amount}{quantity},"units":"{units}{self._after_units}{amount}"}}]}}'


def cause_text(
    kind: str,
    workspaces: Sequence[str],
    orders: Sequence[str] | None,
    more: int | None,
    topic: str,
    partition: int,
    first_offset: int,
    last_offset: int,
) -> str:
    """`Cause` as JSON; `more`: how many orders are left out of `orders`."""
    ordered = f'"orders":{_ids(orders)},' if orders is not None else ""
    if more:
        ordered += f'"more":{more},'
    return (
        f'{{"kind":"{kind}","workspaces":{_ids(workspaces)},{ordered}"topic":"{topic}","partition":{partition},'
        f'"first_offset":{first_offset},"last_offset":{last_offset}}}'
    )


def footing_text(basis: str, plans: Sequence[str]) -> str:
    """`basis` and `plans` of an overage, as the JSON object has them."""
    return f'"basis":"{basis}","plans":{_ids(plans)}'


def _ids(names: Iterable[str]) -> str:
    within = '","'.join(names)
    return f'["{within}"]' if within else "[]"


def ending_text(cause: str, restated: bool) -> str:
    """The end of an overage, which a cell's overages of one journal record share; `cause`: from `cause_text`."""
    return f'"cause":{cause},"restated":{"true" if restated else "false"}}}'


class OverageText:
    """Writes the overages of one item and day: keys and records."""

    __slots__ = ("_after", "_key_after")

    def __init__(self, item: str, day: str) -> None:
        self._key_after, self._after = f"/{item}/{day}", f'","item":"{item}","day":"{day}","revision":'

    def of(
        self,
        account: str,
        workspace: str,
        revision: int,
        previous: int,
        usage: int,
        overage: int,
        delta: int,
        footing: str,
        charge: str,
        ending: str,
    ) -> tuple[str, bytes]:
        """Key and `Overage` as JSON; its texts are those of `footing_text`, `charge_text` and `ending_text`."""
        return f"{account}/{workspace}{self._key_after}", (
            f'{{"account":"{account}","workspace":"{workspace}{self._after}{revision},"previous_revision":{previous},'
            f'"usage":{usage},"covered":{usage - overage},"overage":{overage},"delta":{delta},'
            f'{footing},"charge":{charge},{ending}'
        ).encode()
