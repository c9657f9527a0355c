"""Statements of an account's day and of a workspace's day (topic `statements`), at the close and each restatement.

Each model has a struct twin that writes the same bytes at a tenth of the cost (a test holds them together).
"""

import msgspec
from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.money import Amount
from schemas.overages import Basis, Charge, ChargeStruct
from schemas.record import Record


class PlanItem(Record):
    """What a plan gave of an item that day."""

    item: Id = Field(description="The billing item.", examples=["logs"])
    quota: int = Field(description="What the plan covers a day.", ge=0, examples=[70000000])
    covered: int = Field(description="What was drawn.", ge=0, examples=[70000000])
    unused: int = Field(description="The rest, lost.", ge=0, examples=[0])


class PlanDay(Record):
    """A plan in force that day."""

    plan_id: Id = Field(description="The plan.", examples=["o-1"])
    items: list[PlanItem] = Field(description="The items it has a quota for.")


class AccountStatement(Record):
    """The account's day: what is due for overage and pay-as-you-go usage, and what the plans gave."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    day: Day = Field(description="The billing day.", examples=["2026-01-31"])
    amount_due: Amount = Field(
        description="Sum of the exact charges of its workspaces, rounded once, half up, to the cent.",
        examples=["87.00"],
    )
    currency: str = Field(description="The catalog's.", examples=["CNY"])
    plans: list[PlanDay] = Field(description="Plans in force, in allocation order.")
    workspaces: int = Field(description="How many had usage.", ge=0, examples=[1])
    restated: bool = Field(description="Published after the account's close of the day.", examples=[False])
    revision: int = Field(description="Rises in every key.", ge=1, examples=[2077])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.day}"


class Reported(Record):
    """What was reported at one retention."""

    retention_days: int | None = Field(None, description="Absent: the item has no retentions.", examples=[30])
    quantity: int = Field(description="Not converted.", ge=0, examples=[40000000])


class Drawn(Record):
    """What one plan covered."""

    plan_id: Id = Field(description="The plan.", examples=["o-1"])
    covered: int = Field(description="What was drawn from it.", ge=1, examples=[70000000])


class ItemDay(Record):
    """An item of the workspace's day."""

    item: Id = Field(description="The billing item.", examples=["logs"])
    reported: list[Reported] = Field(description="By retention, shortest first.")
    usage: int = Field(description="Converted.", ge=0, examples=[80000000])
    coverage: list[Drawn] = Field(description="By plan, in allocation order.")
    covered: int = Field(description="The sum of that.", ge=0, examples=[70000000])
    overage: int = Field(description="The rest (0 on a free day).", ge=0, examples=[10000000])
    charge: Charge = Field(description="What it costs.")


class WorkspaceStatement(Record):
    """The workspace's day: its items with usage."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    workspace: Id = Field(description="The workspace.", examples=["wksp_a"])
    day: Day = Field(description="The billing day.", examples=["2026-01-31"])
    basis: Basis = Field(description="How the day is charged.", examples=["package"])
    items: list[ItemDay] = Field(description="Items with usage, by name.")
    restated: bool = Field(description="Published after the account's close of the day.", examples=[False])
    revision: int = Field(description="Rises in every key.", ge=1, examples=[2077])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.day}/{self.workspace}"


class PlanItemStruct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`PlanItem`."""

    item: str
    quota: int
    covered: int
    unused: int


class PlanDayStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`PlanDay`."""

    plan_id: str
    items: list[PlanItemStruct]


class AccountStatementStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`AccountStatement`, its amount already written."""

    account: str
    day: str
    amount_due: str
    currency: str
    plans: list[PlanDayStruct]
    workspaces: int
    restated: bool = False
    revision: int = 0

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.day}"


class ReportedStruct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """`Reported`."""

    retention_days: int | None = None
    quantity: int


class DrawnStruct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`Drawn`."""

    plan_id: str
    covered: int


class ItemDayStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`ItemDay`."""

    item: str
    reported: list[ReportedStruct]
    usage: int
    coverage: list[DrawnStruct]
    covered: int
    overage: int
    charge: ChargeStruct


class WorkspaceStatementStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`WorkspaceStatement`."""

    account: str
    workspace: str
    day: str
    basis: str
    items: list[ItemDayStruct]
    restated: bool = False
    revision: int = 0

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.day}/{self.workspace}"
