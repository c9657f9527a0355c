"""The JSON of every page: a template's input, and the answer of the page's `.json` address.

Quantities are integers. Money is a decimal string, as published. Days are `YYYY-MM-DD`; times are ISO 8601 with the
offset of the billing zone. `None` means that a figure does not exist or is unknown; it never means 0.
"""

from typing import Any

import msgspec

Record = dict[str, Any]


class Model(msgspec.Struct, kw_only=True):
    """A part of a page's JSON."""


class AsOf(Model):
    """The moment of all figures on a page."""

    #: When the newest record in the page was published.
    time: str
    #: How far the page may be behind Kafka; None if Kafka does not answer.
    seconds_behind: float | None


class Loading(Model):
    """Progress of the first reading of the topics."""

    records_read: int
    records: int


# ------------------------------------------------------------------------------------------------ / (accounts)


class HighestShare(Model):
    """The item with the highest used share of the day's quota."""

    item: str
    covered: int
    quota: int
    #: covered * 100 / quota, truncated to an integer.
    percent: int


class AccountRow(Model):
    """An account today; an account without figures of today has amount 0.00 and no share."""

    account: str
    day: str
    state: str
    amount: str
    currency: str
    highest: HighestShare | None
    alerts_raised: int
    #: When a figure of the day last changed.
    last_change: str | None


class AccountsPage(Model):
    """`/`: `sort` is one of account, amount, share, alerts, change; a leading `-` reverses it."""

    as_of: AsOf
    time_zone: str
    day: str
    currency: str
    search: str
    sort: str
    page: int
    pages: int
    #: Accounts found by the search, on all pages.
    total: int
    #: Of all of them, today.
    amount: str
    alerts_raised: int
    accounts: list[AccountRow]


# ------------------------------------------------------------------------------------------------ /accounts/A/days/D


class PlanOfItem(Model):
    """A plan's quota of an item on the day; plans are in drawing order."""

    plan_id: str
    quota: int
    covered: int
    left: int


class WorkspaceOfItem(Model):
    """A workspace's usage of an item; workspaces are in priority order; `charge` is the exact amount."""

    workspace: str
    usage: int
    covered: int
    overage: int
    charge: str
    basis: str
    revision: int


class ItemOfDay(Model):
    """An item of the day."""

    quota: int
    covered: int
    left: int
    overage: int
    charge: str
    plans: list[PlanOfItem]
    workspaces: list[WorkspaceOfItem]
    #: Workspaces with usage that the balance leaves out (it names at most 1,000) and that are not over.
    more: int
    #: The unit and its price in the day's catalog; None if the catalog does not have the item.
    unit: int | None
    unit_price: str | None
    aggregation: str | None


class WorkspaceOfDay(Model):
    """A workspace's charges of the day."""

    workspace: str
    basis: str
    charge: str
    items_over: int


class FeedChange(Model):
    """A figure that a record changed: overage and charge before and after."""

    workspace: str
    overage_before: int
    overage: int
    delta: int
    #: None if the previous usage is unknown.
    usage_delta: int | None
    #: None if the previous charge is unknown.
    charge_delta: str | None
    charge: str
    #: Whether the record holds usage of this workspace; False if others' usage changed its figures.
    sent: bool


class FeedEntry(Model):
    """The changes of an item by one journal record, and their cause."""

    time: str
    revision: int
    item: str
    restated: bool
    #: The published cause: kind, workspaces, orders, topic, partition, offsets.
    cause: Record
    #: New usage since the previous balance by workspace, including workspaces that are not over.
    reported: dict[str, int]
    changes: list[FeedChange]
    #: Changes beyond the first 20 of the record.
    more: int


class Sample(Model):
    """Usage of an item, of all workspaces, at the end of a quarter of an hour of the day."""

    time: str
    usage: int


class StripDay(Model):
    """A day of the horizon, for the strip."""

    day: str
    state: str
    #: None if nothing is known about the account on that day.
    amount: str | None
    restated: bool


class BudgetState(Model):
    """A budget threshold that is or was reached: the newest record of `budget-alerts`."""

    kind: str
    threshold: int
    state: str
    value: str
    at: str


class BudgetOfDay(Model):
    """A budget in the day's period; `value`: the amount reached by the end of the day, or by now."""

    #: The record of `budgets`; its limit is `limit`, money or units.
    budget: Record
    #: First day of the period.
    since: str
    limit: str
    value: str
    #: value * 100 / limit, truncated.
    percent: int
    #: Thresholds ever raised in the period.
    states: list[BudgetState]


class DayPage(Model):
    """`/accounts/A/days/D`."""

    account: str
    day: str
    #: The present billing day.
    today: str
    state: str
    #: The earliest time at which it can close.
    closes_at: str
    changes_until: str
    time_zone: str
    currency: str
    amount: str
    as_of: AsOf
    #: First instant of the day and of the next; a day has 23 to 25 hours.
    begins: str
    ends: str
    hours: float
    items: dict[str, ItemOfDay]
    workspaces: list[WorkspaceOfDay]
    statement: Record | None
    feed: list[FeedEntry]
    samples: dict[str, list[Sample]]
    strip: list[StripDay]
    alerts_raised: int
    budgets: list[BudgetOfDay]
    #: As in `meter forecast --json`; None for every day except the present one.
    forecast: Record | None = None


# ------------------------------------------------------------------------------------------------ others


class Problem(Model):
    """A page that cannot be shown: the problem, with numbers, and the remedy."""

    status: int
    title: str
    sentence: str


class SignIn(Model):
    """The form that asks for the token; `target` is the address to open afterwards."""

    target: str
    wrong: bool


class ExplainPage(Model):
    """`/explain/A/W/I/D`: the model of `meter explain`."""

    as_of: AsOf
    explanation: Record


class DocsPage(Model):
    """`/docs/…`: one document of this version, as Markdown."""

    name: str
    title: str
    markdown: str
    documents: list[str]
