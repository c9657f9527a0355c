"""What is left of the day's quota (topic `quota-balances`), by plan and by workspace.

`QuotaBalance` is the model; `QuotaBalanceStruct` writes the same bytes (a test holds them together).
"""

from collections.abc import Mapping, Sequence

from pydantic import Field

from schemas.days import Day
from schemas.ids import Id
from schemas.record import Record
from schemas.rows import Use

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
        return balance_key(self.account, self.item, self.day)


def plan_text(plan_id: str, quota: int, covered: int) -> str:
    """`PlanBalance` as JSON."""
    return f'{{"plan_id":"{plan_id}","quota":{quota},"covered":{covered},"left":{quota - covered}}}'


def workspaces_text(names: Sequence[str], uses: Mapping[str, Use]) -> str:
    """Their `WorkspaceBalance` as JSON, joined by commas."""
    return ",".join(
        [
            f'{{"workspace":"{name}","usage":{use.usage},"covered":{use.usage - use.overage},"overage":{use.overage}}}'
            for name, use in zip(names, map(uses.__getitem__, names), strict=True)
        ]
    )


def balance_text(
    account: str, item: str, day: str, quota: int, covered: int, plans: str, workspaces: str, more: int
) -> str:
    """`QuotaBalance` as JSON up to its revision; `plans`, `workspaces`: texts of theirs, joined by commas."""
    left_out = f',"more":{more}' if more else ""
    return (
        f'{{"account":"{account}","item":"{item}","day":"{day}","quota":{quota},"covered":{covered},'
        f'"left":{quota - covered},"plans":[{plans}],"workspaces":[{workspaces}]{left_out},"revision":'
    )


def balance_key(account: str, item: str, day: str) -> str:
    """The key of a balance."""
    return f"{account}/{item}/{day}"
