"""Each crossing of a threshold is published once, in its order, whatever restarts; a changed budget is told anew."""

from decimal import Decimal
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from meter.budgets.account import AccountBudgets, Crossing, SetBudget
from meter.budgets.partition import PartitionBudgets
from meter.budgets.periods import period_of, watched_from
from meter.rules.billing_days import day_text, parse_day
from schemas.budgets import Budget, BudgetAlert
from schemas.overages import Overage

TODAY = parse_day("2026-11-02")
LIMIT = 10


class Step(NamedTuple):
    """A record of `overages`: whose figure of logs becomes so many units at 1 each, on which day."""

    workspace: str
    day: int
    charge: int


def steps() -> st.SearchStrategy[list[Step]]:
    step = st.builds(Step, st.sampled_from("ab"), st.sampled_from([TODAY, TODAY, TODAY - 1]), st.integers(0, 12))
    return st.lists(step, max_size=12)


def budget(**fields: Any) -> Budget:
    return Budget.model_validate({"account": "acct", "budget": "b", "period": "day", "amount": "10.00", **fields})


def overage(step: Step, revision: int) -> Overage:
    """The record, as `overages` has it; money and units are alike."""
    return Overage.model_construct(
        account="acct",
        workspace=step.workspace,
        item="logs",
        day=day_text(step.day),
        revision=revision,
        usage=step.charge,
        charge=Charged(Decimal(step.charge)),
    )


class Charged(NamedTuple):
    """As much of a charge as budgets look at."""

    amount: Decimal


class Run:
    """A process that watches one partition, and what it published; `restart` begins again from the topics."""

    def __init__(self, *budgets: SetBudget) -> None:
        self.budgets = list(budgets)
        self.taken: list[Overage] = []
        self.published: list[BudgetAlert] = []
        self.restart()

    def restart(self) -> None:
        self.watched = PartitionBudgets.of(self.budgets, self.published)
        for record in self.taken:
            self.published += self.watched.overage(record, TODAY, record.revision)
        self.published += self.watched.caught_up(TODAY, len(self.taken))

    def take(self, step: Step, *, lost: bool = False) -> None:
        """A record; `lost`: the process dies before what follows is committed, and another begins."""
        self.taken.append(overage(step, len(self.taken) + 1))
        found = self.watched.overage(self.taken[-1], TODAY, len(self.taken))
        if lost:
            self.restart()
        else:
            self.published += found

    def states(self) -> list[tuple[str, int, str, int]]:
        return [(each.since, each.threshold, each.state, each.figure_revision) for each in self.published]


def expected(taken: list[Step], thresholds: tuple[int, ...] = (80, 100)) -> list[tuple[str, int, str, int]]:
    """Every crossing, by adding up all figures anew after each record."""
    found = []
    raised: set[tuple[int, int]] = set()
    for revision in range(1, len(taken) + 1):
        day = taken[revision - 1].day
        latest = {(step.workspace, step.day): step.charge for step in taken[:revision]}
        charged = sum(charge for (_, each), charge in latest.items() if each == day)
        for threshold in thresholds:
            reached = charged * 100 >= LIMIT * threshold
            if reached != ((day, threshold) in raised):
                raised ^= {(day, threshold)}
                found.append((day_text(day), threshold, "raised" if reached else "cleared", revision))
    return found


@given(steps(), st.sets(st.integers(0, 12)), st.sets(st.integers(0, 12)))
def test_each_crossing_is_published_once_whatever_restarts(
    taken: list[Step], restarts: set[int], lost: set[int]
) -> None:
    run = Run(SetBudget(budget(), 1, 0, TODAY - 1))
    for number, step in enumerate(taken):
        run.take(step, lost=number in lost)
        if number in restarts:
            run.restart()
    assert run.states() == expected(taken)


@given(steps())
def test_revisions_of_a_key_rise_by_one(taken: list[Step]) -> None:
    run = Run(SetBudget(budget(), 1, 0, TODAY - 1))
    for step in taken:
        run.take(step)
    by_key: dict[str, list[int]] = {}
    for alert in run.published:
        by_key.setdefault(alert.record_key(), []).append(alert.revision)
    assert all(revisions == list(range(1, len(revisions) + 1)) for revisions in by_key.values())


@given(steps(), st.integers(1, 12))
def test_figures_that_no_process_saw_are_reported_when_one_begins(taken: list[Step], away: int) -> None:
    """A process that was away tells every crossing since, not only how things ended."""
    run = Run(SetBudget(budget(), 1, 0, TODAY - 1))
    for number, step in enumerate(taken):
        if number < away:
            run.take(step)
        else:
            run.taken.append(overage(step, number + 1))
    run.restart()
    assert run.states() == expected(taken)


def test_a_budget_set_below_what_is_reached_is_reported_at_once_and_only_of_the_present_period() -> None:
    run = Run()
    for step in (Step("a", TODAY - 1, 12), Step("a", TODAY, 12), Step("a", TODAY, 9), Step("a", TODAY, 12)):
        run.take(step)
    run.budgets.append(SetBudget(budget(), 1, 5, TODAY))
    run.restart()
    collected = [(each.since, each.threshold, each.state, each.cause) for each in run.published]
    assert collected == [(day_text(TODAY), threshold, "raised", "budget") for threshold in (80, 100)]


def test_a_changed_budget_is_published_again_where_it_is_still_reached_and_cleared_where_it_is_not() -> None:
    run = Run(SetBudget(budget(), 1, 0, TODAY - 1))
    run.take(Step("a", TODAY, 10))
    run.budgets = [SetBudget(budget(amount="12.00"), 2, 2, TODAY)]
    run.restart()
    collected = [(each.threshold, each.state, each.budget_revision) for each in run.published]
    assert collected == [(80, "raised", 1), (100, "raised", 1), (80, "raised", 2), (100, "cleared", 2)]
    run.restart()
    assert len(run.published) == 4


def test_a_budget_that_is_taken_away_clears_what_it_raised() -> None:
    run = Run(SetBudget(budget(), 1, 0, TODAY - 1))
    run.take(Step("a", TODAY, 10))
    run.budgets = []
    run.restart()
    assert [(each.threshold, each.state) for each in run.published[2:]] == [(80, "cleared"), (100, "cleared")]
    run.restart()
    assert len(run.published) == 4


def test_a_budget_of_a_workspace_counts_it_alone_and_one_of_units_counts_usage() -> None:
    run = Run(
        SetBudget(budget(workspace="b"), 1, 0, TODAY),
        SetBudget(
            Budget.model_validate({"account": "acct", "budget": "u", "period": "month", "units": 20, "item": "logs"}),
            2,
            0,
            TODAY,
        ),
    )
    run.take(Step("a", TODAY, 11))
    assert run.states() == []
    run.take(Step("b", TODAY, 9))
    assert run.states() == [
        (day_text(TODAY), 80, "raised", 2),
        ("2026-11-01", 80, "raised", 2),
        ("2026-11-01", 100, "raised", 2),
    ]


def test_a_state_is_not_published_again_where_two_topics_are_read_in_another_order() -> None:
    """Units are in `overages` and `quota-balances`: at a restart the later balance may come before the overage."""
    known = SetBudget(budget(amount=None, units=10, item="logs"), 1, 0, TODAY)
    account = AccountBudgets("acct", {"b": known}, {})
    account.used(TODAY, "logs", "a", 7, 12)
    first = account.crossed(TODAY, Crossing(TODAY, 7, 7, "usage"), live=True)
    assert [each.threshold for each in first] == [80, 100]
    again = AccountBudgets("acct", {"b": known}, {each.record_key(): each for each in first})
    again.used(TODAY, "logs", "a", 20, 13)
    assert again.crossed(TODAY, Crossing(TODAY, 20, 20, "usage"), live=False) == []
    again.used(TODAY, "logs", "a", 7, 12)
    assert again.crossed(TODAY, Crossing(TODAY, 7, 7, "usage"), live=False) == []
    assert again.caught_up(TODAY, 30) == []


def test_an_estimate_that_wavers_around_its_threshold_does_not_flap() -> None:
    known = SetBudget(budget(forecast=(100,)), 1, 0, TODAY)
    account = AccountBudgets("acct", {"b": known}, {})
    period = period_of("day", TODAY)
    estimates = ("9.9", "10", "9.9", "9.6", "10", "9.4", "9.9", "10")
    collected = [alert.state for each in estimates for alert in account.estimated(known, period, Decimal(each), 1)]
    assert collected == ["raised", "cleared", "raised"]


def test_months_are_calendar_months_and_yesterdays_period_is_watched_too() -> None:
    assert period_of("month", parse_day("2026-12-31")) == (parse_day("2026-12-01"), parse_day("2026-12-31"))
    assert period_of("month", parse_day("2028-02-01")) == (parse_day("2028-02-01"), parse_day("2028-02-29"))
    assert watched_from("month", parse_day("2026-12-01")) == parse_day("2026-11-01")
    assert watched_from("day", TODAY) == TODAY - 1
