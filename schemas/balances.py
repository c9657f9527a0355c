"""What is left of the day's quota (topic `quota-balances`), by plan and by workspace.

`QuotaBalance` is the model; `QuotaBalanceStruct` writes the same bytes (a test holds them together).
"""

import msgspec
from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.record import Record

#: Workspaces in one record; the rest are counted in `more`.
BALANCE_WORKSPACES_LIMIT = 1_000


class PlanBalance(Record):
    """The day's quota of one plan."""

    plan_id: Id = Field(description="The plan.", examples=["o-1"])
    quota: int = Field(
        description="What it covers that day; 0: it lists workspaces, with no quota of the item.",
        ge=0,
        examples=[150000000],
    )
    covered: int = Field(description="What was drawn so far.", ge=0, examples=[150000000])
    left: int = Field(description="The rest.", ge=0, examples=[0])


class WorkspaceBalance(Record):
    """A workspace with usage."""

    workspace: Id = Field(description="The workspace.", examples=["wksp_b"])
    usage: int = Field(description="Converted, so far.", ge=0, examples=[100000000])
    covered: int = Field(description="Drawn from plans.", ge=0, examples=[50000000])
    overage: int = Field(description="The rest.", ge=0, examples=[50000000])


class QuotaBalance(Record):
    """The quota of an account for an item on a day."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    item: Id = Field(description="The billing item.", examples=["logs"])
    day: Day = Field(description="The billing day.", examples=["2026-01-31"])
    quota: int = Field(
        description="Of all plans in force; 0 where an upgrade took all of it away after the balance had appeared.",
        ge=0,
        examples=[150000000],
    )
    covered: int = Field(description="Drawn from them so far.", ge=0, examples=[150000000])
    left: int = Field(description="The rest.", ge=0, examples=[0])
    plans: list[PlanBalance] = Field(description="By plan, in allocation order.")
    workspaces: list[WorkspaceBalance] = Field(
        description="Workspaces with usage, in priority order.", max_length=BALANCE_WORKSPACES_LIMIT
    )
    more: int | None = Field(
        None, description="How many workspaces with usage are left out; absent: none.", ge=1, examples=[12]
    )
    revision: int = Field(description="Of the last journal record that changed it.", ge=1, examples=[1042])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.item}/{self.day}"


class PlanBalanceStruct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`PlanBalance`."""

    plan_id: str
    quota: int
    covered: int
    left: int


class WorkspaceBalanceStruct(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """`WorkspaceBalance`."""

    workspace: str
    usage: int
    covered: int
    overage: int


class QuotaBalanceStruct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`QuotaBalance`, for the hot path."""

    account: str
    item: str
    day: str
    quota: int
    covered: int
    left: int
    plans: list[PlanBalanceStruct]
    workspaces: list[WorkspaceBalanceStruct]
    more: int | None = None
    revision: int

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.item}/{self.day}"
