"""What became of an order (topic `order-outcomes`): accepted, or refused with the first reason that applies."""

from typing import Literal

from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.money import Amount
from schemas.orders import Method
from schemas.reasons import Refusal
from schemas.record import Record


class Paid(Record):
    """A payment that was made."""

    method: Method = Field(description="Where the money was.", examples=["prepaid_card"])
    instrument: Id | None = Field(None, description="Which card or coupon; cash has none.", examples=["card-9"])
    amount: Amount = Field(description="How much of it.", examples=["1500.00"])


class OrderOutcome(Record):
    """The decision on one order; what does not apply is left out."""

    order_id: Id = Field(description="The order.", examples=["o-1"])
    account: Id = Field(description="The billing account.", examples=["acct_1"])
    kind: Literal["top_up", "purchase", "add_traffic", "upgrade", "change_workspaces"] = Field(
        description="What was ordered.", examples=["purchase"]
    )
    outcome: Literal["accepted", "refused"] = Field(description="The decision.", examples=["accepted"])
    reason: Refusal | None = Field(
        None, description="Why it was refused.", examples=["payments_must_equal_price"], strict=False
    )
    error: str | None = Field(
        None,
        description="The law, then the numbers.",
        examples=["payments must make exactly the price: they make 55391.00, the price is 55392.00"],
    )
    price: Amount | None = Field(None, description="What it costs.", examples=["55392.00"])
    currency: str | None = Field(None, description="Of the price.", examples=["CNY"])
    payments: list[Paid] | None = Field(None, description="What was drawn.")
    plan_id: Id | None = Field(None, description="The plan it made or changed.", examples=["o-1"])
    first_day: Day | None = Field(None, description="The plan's first day.", examples=["2026-01-31"])
    last_day: Day | None = Field(None, description="The plan's last day.", examples=["2027-02-06"])
    revision: int = Field(description="Rises in every key.", ge=1, examples=[7])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.order_id}"
