"""Budgets (topic `budgets`, compacted; a record without value takes one away) and their states (topic
`budget-alerts`).

A budget limits what an account, or one of its workspaces, is charged or uses in a day or a calendar month of the
billing time zone. Each threshold of it has a state, raised or cleared, of what is reached (`actual`) and of what is
estimated (`forecast`).
"""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from schemas.days import Day, Time
from schemas.ids import Id
from schemas.money import Amount
from schemas.record import Record

#: The highest limit in units: many times what a usage can be in a day.
UNITS_MOST = 10**18
#: At most this many thresholds (percent of the limit) in a budget.
THRESHOLDS_LIMIT = 10
THRESHOLD_MOST = 1_000

Period = Literal["day", "month"]
Kind = Literal["actual", "forecast"]


def _rising(given: tuple[int, ...]) -> tuple[int, ...]:
    if list(given) != sorted(set(given)):
        raise ValueError(f"thresholds rise, each once, not {list(given)}")
    return given


Thresholds = Annotated[
    tuple[Annotated[int, Field(ge=1, le=THRESHOLD_MOST)], ...],
    Field(max_length=THRESHOLDS_LIMIT, strict=False),
    AfterValidator(_rising),
]


class Budget(Record):
    """A limit; exactly one of `amount` and `units`, and with `units` the item they are of."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    budget: Id = Field(description="Its id, unique in the account.", examples=["logs-cap"])
    workspace: Id | None = Field(
        None, description="Only this workspace; absent: all of the account.", examples=["wksp_a"]
    )
    item: Id | None = Field(None, description="Only this item; absent: all.", examples=["logs"])
    period: Period = Field(description="A billing day, or a calendar month of them.", examples=["day"])
    amount: Amount | None = Field(None, description="The limit of what is charged.", examples=["500.00"])
    units: int | None = Field(
        None, description="The limit of the item's usage, converted.", ge=1, le=UNITS_MOST, examples=[100000000]
    )
    actual: Thresholds = Field(
        (80, 100), description="Percent of the limit: an alert when it is reached.", examples=[[80, 100]]
    )
    forecast: Thresholds = Field(
        (), description="Percent: an alert when it is estimated for the period's end.", examples=[[100]]
    )

    @model_validator(mode="after")
    def _one_limit(self) -> Self:
        if (self.amount is None) == (self.units is None):
            raise ValueError("a budget limits either an amount or units, one of them")
        if self.amount is not None and self.amount <= 0:
            raise ValueError(f"a limit is above 0, not {self.amount}")
        if self.units is not None and self.item is None:
            raise ValueError("units are of an item: name it")
        if not self.actual and not self.forecast:
            raise ValueError("a budget has at least one threshold")
        return self

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.budget}"


class BudgetAlert(Record):
    """The state of one threshold in one period; it appears when it is first raised."""

    account: Id = Field(description="The billing account.", examples=["acct_1"])
    budget: Id = Field(description="The budget.", examples=["logs-cap"])
    since: Day = Field(description="The first day of the period.", examples=["2026-01-31"])
    period: Period = Field(description="A billing day, or a calendar month.", examples=["day"])
    kind: Kind = Field(description="What is reached, or what is estimated for the period's end.", examples=["actual"])
    threshold: int = Field(description="Percent of the limit.", ge=1, examples=[80])
    state: Literal["raised", "cleared"] = Field(description="Whether it is reached.", examples=["raised"])
    limit: str = Field(description="The budget's, money or units.", examples=["500.00"])
    value: str = Field(description="What is reached or estimated, money or units.", examples=["412.50"])
    at: Time = Field(
        description="Kafka's time of the record that crossed it, or when it was estimated.",
        examples=["2026-01-31T08:00:00Z"],
    )
    cause: Literal["usage", "budget", "forecast"] = Field(description="What changed.", examples=["usage"])
    figure_revision: int = Field(
        description="Of the figure that crossed it, or an earlier one did; 0: none.", ge=0, examples=[1042]
    )
    budget_revision: int = Field(description="The budget's offset in its partition, plus one.", ge=1, examples=[3])
    revision: int = Field(description="Rises by one in every key.", ge=1, examples=[1])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.budget}/{self.since}/{self.kind}/{self.threshold}"
