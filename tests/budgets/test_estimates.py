"""What a budget is estimated to come to: from samples of quarters of an hour, never below what is reached."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.advise.forecast import Moment
from meter.advise.open_day import DayUsage, Watched, day_forecast
from meter.advise.replay import Replay
from meter.advise.samples import PAST_DAYS, Samples
from meter.budgets.account import AccountBudgets, SetBudget
from meter.budgets.estimates import estimate
from meter.budgets.periods import period_of
from meter.rules.billing_days import day_text, parse_day, zone
from schemas.budgets import Budget
from schemas.catalog import load_catalog
from schemas.overages import Overage
from tests.budgets.test_crossings import Charged

UTC = zone("+00:00")
TODAY = parse_day("2026-11-10")
HOUR_MS = 3_600_000
NOON = Moment(TODAY, 12 * HOUR_MS * 1000, 24 * HOUR_MS * 1000)
REPLAY = Replay(load_catalog())


def overage(day: int, workspace: str, usage: int, revision: int) -> Overage:
    """Logs that pay as they go, 1.50 a unit of one."""
    return Overage.model_construct(
        account="acct",
        workspace=workspace,
        item="logs",
        day=day_text(day),
        revision=revision,
        usage=usage,
        charge=Charged(Decimal("1.5") * usage),
        basis="pay_as_you_go",
    )


def at(day: int, hour: float) -> int:
    return UTC.begin_of(day) // 1000 + int(hour * HOUR_MS)


@given(
    st.lists(st.tuples(st.integers(0, 47), st.sampled_from("ab"), st.integers(0, 9)), max_size=20), st.integers(0, 95)
)
def test_samples_say_of_a_day_what_a_whole_reading_says(records: list[tuple[int, str, int]], quarter: int) -> None:
    day, moment = TODAY - 1, Moment(TODAY, quarter * 900_000_000, 24 * HOUR_MS * 1000)
    samples = Samples(UTC)
    watched = Watched({day_text(day): at(day, quarter / 4 + 0.2499)})
    for revision, (half_hour, who, usage) in enumerate(sorted(records, key=lambda each: each[0]), 1):
        record, when = overage(day, who, usage, revision), at(day, half_hour / 2)
        samples.take_overage(record, day, when)
        watched.take_overage(record, when)
    found, whole = samples.usage(day, moment), watched.days[day_text(day)]
    for cells, others in ((found.latest, whole.latest), (found.reached, whole.reached)):
        assert {cell: (each.usage, each.charge) for cell, each in cells.items()} == {
            cell: (each.usage, each.charge) for cell, each in others.items()
        }


class Account:
    """Six past days that had used half of 100 by noon, and today."""

    def __init__(self, budget: dict[str, Any], today: dict[str, int], past: tuple[int, int] = (50, 100)) -> None:
        self.budget = Budget.model_validate({"account": "acct", "budget": "b", "period": "day", **budget})
        self.account = AccountBudgets("acct", {"b": SetBudget(self.budget, 1, 0, TODAY - 20)}, {})
        samples = Samples(UTC)
        for day in range(TODAY - PAST_DAYS, TODAY):
            for revision, (hour, usage) in enumerate(((6.0, past[0]), (18.0, past[1])), 1):
                self._take(samples, overage(day, "a", usage, revision), day, hour)
        for who, usage in today.items():
            self._take(samples, overage(TODAY, who, usage, 1), TODAY, 11.0)
        self.today = samples.usage(TODAY, NOON)
        self.past = {day: samples.usage(day, NOON) for day in range(TODAY - PAST_DAYS, TODAY)}

    def _take(self, samples: Samples, record: Overage, day: int, hour: float) -> None:
        samples.take_overage(record, day, at(day, hour))
        self.account.charged(day, "logs", record.workspace, record.revision, record.usage, record.charge.amount)

    def estimate(self, past: dict[int, DayUsage] | None = None) -> Decimal | int | None:
        known = self.past if past is None else past
        forecast = day_forecast(NOON, self.today, known, [], REPLAY)
        period = period_of(self.budget.period, TODAY)
        return estimate(self.account, self.budget, period, forecast, self.today, known)


def test_a_day_is_estimated_as_its_forecast() -> None:
    assert Account({"units": 100, "item": "logs"}, {"a": 40}).estimate() == 80
    assert Account({"amount": "100.00"}, {"a": 40}).estimate() == 120
    assert Account({"amount": "100.00", "workspace": "b"}, {"a": 30, "b": 10}).estimate() == 30
    assert Account({"amount": "100.00", "item": "traces"}, {"a": 40}).estimate() == 0


def test_a_month_is_what_is_reached_todays_estimate_and_usual_days_to_come() -> None:
    """Six days of 100, today 80 by the forecast, and 20 days of November to come."""
    assert Account({"units": 1, "item": "logs", "period": "month"}, {"a": 40}).estimate() == 600 + 80 + 20 * 100


def test_without_a_forecast_nothing_is_estimated() -> None:
    account = Account({"amount": "100.00"}, {"a": 40})
    assert account.estimate(past=dict(list(account.past.items())[:4])) is None


@pytest.mark.parametrize("period", ["day", "month"])
@given(
    today=st.dictionaries(st.sampled_from("abc"), st.integers(0, 500)),
    past=st.tuples(st.integers(0, 200), st.integers(0, 200)),
)
def test_no_estimate_is_below_what_is_reached(period: str, today: dict[str, int], past: tuple[int, int]) -> None:
    account = Account({"amount": "100.00", "period": period}, today, past)
    found = account.estimate()
    if found is not None:
        assert found >= account.account.value(account.budget, period_of(account.budget.period, TODAY))
