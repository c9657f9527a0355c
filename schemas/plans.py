"""The plans of an account as they stand (topic `plans`): the read side of plan management."""

from pydantic import Field

from schemas.days import Day
from schemas.ids import PLAN_TRAFFIC_LIMIT, Id
from schemas.money import Amount, Discount
from schemas.record import Record

#: Newest packages and lists in one record: more than can still matter with the default horizon of 35 days
#: (one for each day that is not final, and the one before). With lists of 1,000 workspaces a record has 3 MB.
PLAN_HISTORY_LIMIT = 40


class PlanPackageFrom(Record):
    """A plan package, in force from its day until the next one's."""

    from_: Day = Field(alias="from", description="The first day of this package.", examples=["2026-01-31"])
    plan: Id = Field(description="The plan package.", examples=["startup"])
    price: Amount = Field(description="Its price for the whole validity.", examples=["42000.00"])
    quotas: dict[Id, int] = Field(description="What it covers of an item a day.", examples=[{"logs": 40000000}])


class WorkspacesFrom(Record):
    """The list of workspaces, in force from its day until the next one's."""

    from_: Day = Field(alias="from", description="The first day of this list.", examples=["2026-01-31"])
    workspaces: list[Id] = Field(description="In priority order.", examples=[["wksp_a", "wksp_b"]])


class TrafficFrom(Record):
    """Traffic packages of one item."""

    item: Id = Field(description="The item whose quota they raise.", examples=["logs"])
    units: int = Field(description="How many packages.", ge=1, examples=[30])
    discount: Discount = Field(description="What the price was multiplied by.", examples=["0.8"])
    capacity: int = Field(description="What one package covers a day.", ge=1, examples=[1000000])
    from_: Day = Field(alias="from", description="The first day in force.", examples=["2026-01-31"])
    through: Day = Field(description="The last day in force.", examples=["2027-02-06"])


class Plan(Record):
    """One purchase and what was changed of it since."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    plan_id: Id = Field(description="The order id of its purchase.", examples=["o-1"])
    first_day: Day = Field(description="The first day it is in force.", examples=["2026-01-31"])
    last_day: Day = Field(description="The last day it is in force.", examples=["2027-02-06"])
    packages: list[PlanPackageFrom] = Field(
        description="By rising `from`; a change of the plan drops those in force on final days only.",
        min_length=1,
        max_length=PLAN_HISTORY_LIMIT,
    )
    more_packages: int | None = Field(
        None, description="How many earlier packages are left out; absent: none.", ge=1, examples=[12]
    )
    lists: list[WorkspacesFrom] = Field(
        description="By rising `from`; a change of the plan drops those in force on final days only.",
        min_length=1,
        max_length=PLAN_HISTORY_LIMIT,
    )
    more_lists: int | None = Field(
        None, description="How many earlier lists are left out; absent: none.", ge=1, examples=[12]
    )
    traffic: list[TrafficFrom] = Field(
        description="Traffic packages, in the order they were bought.", max_length=PLAN_TRAFFIC_LIMIT
    )
    revision: int = Field(description="Rises in every key.", ge=1, examples=[7])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.plan_id}"
