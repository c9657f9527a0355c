"""Estimates a budget's figure at the end of its period, by the forecast of the open day.

For a month: the sum before today, today's estimate, and for each day still to come the median of the days before it.
"""

from collections.abc import Mapping
from decimal import Decimal

from meter.advise.forecast import LEAST_PAST_DAYS
from meter.advise.open_day import DayForecast, DayUsage
from meter.budgets.account import AccountBudgets, Value
from meter.budgets.periods import Period
from schemas.budgets import Budget

ZERO = Decimal(0)


def estimate(
    account: AccountBudgets,
    budget: Budget,
    period: Period,
    forecast: DayForecast,
    today: DayUsage,
    past: Mapping[int, DayUsage],
) -> Value | None:
    """The estimate for the current period; None if the day has no forecast, or a month has too few days before it."""
    if forecast.reason:
        return None
    now = _counted(budget, today)
    end = now + sum((_more(budget, cell, today, forecast) for cell in today.latest), _zero(budget))
    reached = account.value(budget, period)
    days_to_come = period.last - forecast.moment.day
    days = sorted(_counted(budget, usage) for usage in past.values() if usage.latest)
    if days_to_come and len(days) < LEAST_PAST_DAYS:
        return None
    usual = days[(len(days) - 1) // 2] if days_to_come else _zero(budget)
    return max(reached, reached - now + end + usual * days_to_come)


def _zero(budget: Budget) -> Value:
    return ZERO if budget.units is None else 0


def _counted(budget: Budget, usage: DayUsage) -> Value:
    """What a budget counts of a day."""
    return sum(
        (
            each.charge if budget.units is None else each.usage
            for (item, who), each in usage.latest.items()
            if budget.item in (None, item) and budget.workspace in (None, who)
        ),
        _zero(budget),
    )


def _more(budget: Budget, cell: tuple[str, str], today: DayUsage, forecast: DayForecast) -> Value:
    """What a cell that counts still adds today."""
    item, who = cell
    if budget.item not in (None, item) or budget.workspace not in (None, who) or cell not in forecast.cells:
        return _zero(budget)
    usage, charge = forecast.cells[cell]
    running = today.latest[cell]
    return charge - running.charge if budget.units is None else usage - running.usage
