"""The JSON of an account's history and plans pages."""

from meter.dashboard.models import AsOf, Model, Record


class StatementVersion(Model):
    """One revision of a day's statement."""

    revision: int
    published_at: str
    amount_due: str
    restated: bool
    #: Difference from the previous version; None for the first, and if the previous one is no longer kept.
    difference: str | None
    #: The published cause of the same revision; None if it is no longer kept.
    cause: Record | None


class HistoryDay(Model):
    """A day that has a statement, newest first."""

    day: str
    state: str
    changes_until: str
    amount_due: str
    currency: str
    restated: bool
    statement: Record
    versions: list[StatementVersion]


class HistoryPage(Model):
    """`/accounts/A/history`; `?from=D&to=D` compares two days."""

    account: str
    as_of: AsOf
    time_zone: str
    currency: str
    days: list[HistoryDay]
    #: The comparison of two days (`meter.dashboard.views.comparison`); None without `?from=` and `?to=`.
    comparison: Model | None


class UnusedQuota(Model):
    """A plan's unused quota of an item today; `value` is at today's unit price."""

    item: str
    quota: int
    covered: int
    unused: int
    value: str | None


class PlanView(Model):
    """A plan in drawing order; `plan` is the published record."""

    plan: Record
    #: `future`, `in_force` or `expired`.
    state: str
    days_left: int
    package: str
    workspaces: list[str]
    unused: list[UnusedQuota]
    unused_value: str


class OrderView(Model):
    """An order's published outcome and when it was published."""

    outcome: Record
    published_at: str


class PlansPage(Model):
    """`/accounts/A/plans`."""

    account: str
    as_of: AsOf
    time_zone: str
    day: str
    currency: str
    plans: list[PlanView]
    wallets: list[Record]
    orders: list[OrderView]
