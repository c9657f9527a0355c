"""Budgets of an account on a day: each budget's amount, and the states published by `meter budget watch`."""

from collections.abc import Iterable
from decimal import Decimal

from meter.budgets.account import Total, Value, limit_of
from meter.budgets.partition import BUDGETS_LIMIT
from meter.budgets.periods import period_of
from meter.budgets.topics import BUDGET_ALERTS, BUDGETS
from meter.dashboard.models import BudgetOfDay, BudgetState, Record
from meter.dashboard.sight import Sight, decoded, quantity
from meter.dashboard.views.cells import CellRow
from meter.rules.billing_days import day_text, parse_day
from meter.rules.charges import exact_sum
from schemas.budgets import Budget
from schemas.money import money_text

#: `meter budget watch` counts what is over or covered by a plan.
FREE = "free"


def budgets_of(sight: Sight, account: str, day: str, cells: Iterable[CellRow]) -> list[BudgetOfDay]:
    """The account's budgets whose period holds the day, by name; `cells` are those of the day.

    A budget counts from the period in which it was set. A period that begins before the days kept is left out.
    """
    every = [cell for cell in cells if cell.basis != FREE]
    found = []
    for body, at_ms in sight.rows(
        "SELECT body, at_ms FROM records WHERE kind = ? AND account = ? ORDER BY name LIMIT ?",
        BUDGETS,
        account,
        BUDGETS_LIMIT,
    ):
        budget = Budget.model_validate_json(body)
        period = period_of(budget.period, parse_day(day))
        since, last = day_text(period.first), day_text(period.last)
        if last >= sight.calendar.today(at_ms * 1000) and since >= sight.calendar.oldest_kept(sight.today):
            found.append(_budget(sight, budget, decoded(body), since, day, every))
    return found


def _budget(sight: Sight, budget: Budget, record: Record, since: str, day: str, cells: list[CellRow]) -> BudgetOfDay:
    value, limit = _value(sight, budget, since, day, cells), limit_of(budget)
    return BudgetOfDay(
        budget=record,
        since=since,
        limit=_text(limit),
        value=_text(value),
        percent=int(value * 100 // limit),
        states=_states(sight, budget, since),
    )


def _value(sight: Sight, budget: Budget, since: str, day: str, cells: list[CellRow]) -> Value:
    """The budget's amount from the first day of its period through the day."""
    found = _total((cell.usage, cell.charge) for cell in cells if _counts(budget, cell.item, cell.workspace))
    if since < day:
        rows = sight.rows(
            "SELECT usage, charge FROM cells WHERE day >= ? AND day < ? AND account = ? AND basis != ?"
            " AND item = coalesce(?, item) AND workspace = coalesce(?, workspace)",
            since,
            day,
            budget.account,
            FREE,
            budget.item,
            budget.workspace,
        )
        before = _total(rows)
        found = Total(found.usage + before.usage, exact_sum((found.charge, before.charge)))
    return found.charge if budget.units is None else found.usage


def _counts(budget: Budget, item: str, workspace: str) -> bool:
    return budget.item in (None, item) and budget.workspace in (None, workspace)


def _total(rows: Iterable[tuple[object, str]]) -> Total:
    every = list(rows)
    return Total(sum(quantity(usage) for usage, _ in every), exact_sum(Decimal(charge) for _, charge in every))


def _states(sight: Sight, budget: Budget, since: str) -> list[BudgetState]:
    """The states of its thresholds in a period."""
    begins = f"{budget.budget}/{since}/"
    found = [
        decoded(body)
        for (body,) in sight.rows(
            "SELECT body FROM records WHERE kind = ? AND account = ? AND name >= ? AND name < ?",
            BUDGET_ALERTS,
            budget.account,
            begins,
            f"{begins}\x7f",
        )
    ]
    names = ("kind", "threshold", "state", "value", "at")
    states = [BudgetState(**{name: record[name] for name in names}) for record in found]
    return sorted(states, key=lambda each: (each.kind, each.threshold))


def _text(value: Value) -> str:
    return money_text(value) if isinstance(value, Decimal) else str(value)
