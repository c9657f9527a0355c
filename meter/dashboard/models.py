"""The JSON of every page: what a template is given, and what the address with `.json` answers.

Quantities are integers. Money is a decimal string, as published. Days are `YYYY-MM-DD`; times are ISO 8601 with the
offset of the billing zone. `None` says that a figure does not exist or is not known; it never stands for 0.
"""

from typing import Any

import msgspec

Record = dict[str, Any]


class Model(msgspec.Struct, kw_only=True):
    """A part of a page's JSON."""


class AsOf(Model):
    """The moment that all figures of a page come from."""

    #: When the newest record that the page knows was published.
    time: str
    #: How far behind Kafka the page may be; None: Kafka does not answer.
    seconds_behind: float | None


class Loading(Model):
    """How far the first reading of the topics is."""

    records_read: int
    records: int


# ------------------------------------------------------------------------------------------------ / (accounts)


class HighestShare(Model):
    """The item of which the most of the day's quota is used."""

    item: str
    covered: int
    quota: int
    #: covered * 100 / quota, cut to a whole number.
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
    """`/`: `sort` is one of account, amount, share, alerts, change; a `-` before it turns the order round."""

    as_of: AsOf
    time_zone: str
    day: str
    currency: str
    search: str
    sort: str
    page: int
    pages: int
    #: Accounts that the search finds, on all pages.
    total: int
    #: Of all of them, today.
    amount: str
    alerts_raised: int
    accounts: list[AccountRow]


# ------------------------------------------------------------------------------------------------ /accounts/A/days/D


class PlanOfItem(Model):
    """What a plan gives of an item on the day, in drawing order."""

    plan_id: str
    quota: int
    covered: int
    left: int


class WorkspaceOfItem(Model):
    """What a workspace used of an item, in priority order; `charge` is the exact amount."""

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
    #: What one unit is and costs by the catalog of the day; None: the catalog does not have the item.
    unit: int | None
    unit_price: str | None
    aggregation: str | None


class WorkspaceOfDay(Model):
    """A workspace's money of the day."""

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
    #: None where the usage before is not known.
    usage_delta: int | None
    #: None where the charge before is not known.
    charge_delta: str | None
    charge: str
    #: Whether the record holds usage of this workspace; False: it sent nothing.
    sent: bool


class FeedEntry(Model):
    """What one journal record changed of an item, and why."""

    time: str
    revision: int
    item: str
    restated: bool
    #: The published cause: kind, workspaces, orders, topic, partition, offsets.
    cause: Record
    #: Usage of each workspace (also of those that are not over) that came since the balance before.
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
    #: None: nothing is known of the account on that day.
    amount: str | None
    restated: bool


class BudgetState(Model):
    """A threshold of a budget that was reached, or is no longer: the newest record of `budget-alerts`."""

    kind: str
    threshold: int
    state: str
    value: str
    at: str


class BudgetOfDay(Model):
    """A budget in the period that the day belongs to; `value`: what is reached by the end of the day, or now."""

    #: The record of `budgets`; its limit is `limit`, money or units.
    budget: Record
    #: First day of the period.
    since: str
    limit: str
    value: str
    #: value * 100 / limit, cut.
    percent: int
    #: Those that were ever raised in the period.
    states: list[BudgetState]


class DayPage(Model):
    """`/accounts/A/days/D`."""

    account: str
    day: str
    #: The present billing day.
    today: str
    state: str
    #: When it closes at the earliest.
    closes_at: str
    changes_until: str
    time_zone: str
    currency: str
    amount: str
    as_of: AsOf
    #: First instant of the day and the first after it; a day has 23 to 25 hours.
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
    #: As `meter forecast --json`; None for every day but the present one.
    forecast: Record | None = None


# ------------------------------------------------------------------------------------------------ others


class Problem(Model):
    """A page that cannot be shown: what is wrong, with the numbers, and what to do."""

    status: int
    title: str
    sentence: str


class SignIn(Model):
    """The form that asks for the token; `target` is the address to go on to."""

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
