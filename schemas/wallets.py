"""The money of an account, an instrument a record (topic `wallets`)."""

from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.money import Amount
from schemas.orders import Method
from schemas.record import Record


class Wallet(Record):
    """Cash, a prepaid card or a coupon: what is left on it, and until when."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    method: Method = Field(description="Where the money is.", examples=["prepaid_card"])
    instrument: Id | None = Field(None, description="Which card or coupon; cash has none.", examples=["card-9"])
    balance: Amount = Field(description="What is left.", examples=["3500.00"])
    currency: str = Field(description="The catalog's.", examples=["CNY"])
    expires_on: Day | None = Field(
        None, description="The last day it can be drawn; absent: for ever.", examples=["2026-12-31"]
    )
    revision: int = Field(description="Rises in every key.", ge=1, examples=[7])

    def record_key(self) -> str:
        """The record's key."""
        key = f"{self.account}/{self.method}"
        return key if self.instrument is None else f"{key}/{self.instrument}"
