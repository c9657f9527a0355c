"""The closed days of an account as published: what was reported, what was charged, and the plans that covered it.

A day is in the history if its account statement is published. Left out, with the reason, is a day that cannot be
replayed: its plans as published no longer reach back to it, or a statement of it is gone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from meter.rules.billing_days import parse_day
from meter.rules.plans import in_force
from schemas.catalog import Catalog
from schemas.rows import NO_RETENTION, Plan
from schemas.statements import AccountStatement, ItemDay, WorkspaceStatement

#: Fewer closed days are too little to advise from: two whole weeks.
LEAST_DAYS = 14
#: With fewer days than these the range of a saving is widened.
ENOUGH_DAYS = 35


@dataclass(frozen=True, slots=True)
class ItemUse:
    """A workspace's reported usage of an item on a day, by retention days (NO_RETENTION where the item has none).

    `covered`, `overage`, `charge`, `drawn` (plan id -> quantity): as published.
    """

    reported: dict[int, int]
    covered: int
    overage: int
    charge: Decimal
    drawn: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WorkspaceDay:
    """A workspace's day: `free` (no charge, no coverage), and its items."""

    free: bool
    items: dict[str, ItemUse]


@dataclass(frozen=True, slots=True)
class ClosedDay:
    """A day of the account; `due`: the published amount. A day without usage and plans is empty."""

    day: int
    due: Decimal
    workspaces: dict[str, WorkspaceDay]


@dataclass(frozen=True, slots=True)
class History:
    """What advice is made from. `plans`: all plans of the account, as published. `days` rise."""

    account: str
    catalog: Catalog
    plans: tuple[Plan, ...]
    days: tuple[ClosedDay, ...]
    #: Days of the window that are no part of `days`, and why.
    left_out: dict[int, str]

    @property
    def currency(self) -> str:
        """The catalog's."""
        return self.catalog.currency


def history_of(
    account: str,
    catalog: Catalog,
    plans: Sequence[Plan],
    accounts: Iterable[AccountStatement],
    workspaces: Iterable[WorkspaceStatement],
    most_days: int,
) -> History:
    """The newest `most_days` days up to the last stated one; statements of the account in any order, each key once."""
    stated = {parse_day(each.day): each for each in accounts}
    last = max(stated, default=0)
    first = max(last - most_days + 1, min(stated, default=1))
    parts: dict[int, list[WorkspaceStatement]] = {}
    for part in workspaces:
        parts.setdefault(parse_day(part.day), []).append(part)
    days, left_out = [], {}
    for day in range(first, last + 1):
        reason = _reason_to_leave_out(day, plans, stated, parts)
        if reason:
            left_out[day] = reason
        else:
            days.append(_closed_day(day, stated.get(day), parts.get(day, ())))
    return History(account, catalog, tuple(plans), tuple(days), left_out)


def _reason_to_leave_out(
    day: int,
    plans: Sequence[Plan],
    stated: Mapping[int, AccountStatement],
    parts: Mapping[int, Sequence[WorkspaceStatement]],
) -> str:
    """Why a day cannot be replayed; "" if it can."""
    present = [plan for plan in plans if in_force(plan, day)]
    for plan in present:
        if plan.packages[0].since > day or plan.lists[0].since > day:
            return f"the published plan {plan.plan_id} no longer has its state of that day"
    statement = stated.get(day)
    if statement is None:
        return "no statement of the day is published" if present or parts.get(day) else ""
    known = {plan.plan_id for plan in present}
    unknown = [each.plan_id for each in statement.plans if each.plan_id not in known]
    if unknown:
        return f"plan {unknown[0]} of its statement is not published"
    used = sum(any(item.usage for item in part.items) for part in parts.get(day, ()))
    if used != statement.workspaces:
        return f"its statement counts {statement.workspaces} workspaces with usage, {used} are published"
    return ""


def _closed_day(day: int, statement: AccountStatement | None, parts: Iterable[WorkspaceStatement]) -> ClosedDay:
    return ClosedDay(
        day,
        Decimal("0.00") if statement is None else statement.amount_due,
        {
            part.workspace: WorkspaceDay(part.basis == "free", {item.item: _use(item) for item in part.items})
            for part in parts
        },
    )


def _use(item: ItemDay) -> ItemUse:
    return ItemUse(
        {each.retention_days or NO_RETENTION: each.quantity for each in item.reported},
        item.covered,
        item.overage,
        item.charge.amount,
        {each.plan_id: each.covered for each in item.coverage},
    )
