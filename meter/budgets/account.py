"""One account's budgets: figures go in, states of thresholds come out.

The same code runs when figures arrive and when they are read again after a start. A published alert carries its state,
its budget's revision and the revision of the figure that crossed; only what goes beyond it is published. So a crossing
is published once, whatever crashes, with no state but the topics.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, NamedTuple

from meter.budgets.periods import Period, period_of, watched_from
from meter.rules.billing_days import day_text, time_text
from meter.rules.prices import EXACT
from schemas.budgets import Budget, BudgetAlert, Kind
from schemas.money import money_text

#: A raised forecast is cleared at this share of its threshold, since estimates waver around it.
CALM = Decimal("0.95")

ZERO = Decimal(0)
Value = Decimal | int
Cause = Literal["usage", "budget", "forecast"]


class SetBudget(NamedTuple):
    """A budget, its revision (offset + 1), when it was set by Kafka's time (ms), and the billing day of that."""

    budget: Budget
    revision: int
    at_ms: int
    day: int


@dataclass(slots=True)
class Figure:
    """A workspace's usage and charge of an item on a day, each from its record of the highest revision."""

    usage: int = 0
    usage_revision: int = 0
    charge: Decimal = Decimal(0)
    charge_revision: int = 0


class Crossing(NamedTuple):
    """The figure that changed: day, revision (0: none), Kafka's time (ms), and which figure."""

    day: int
    revision: int
    at_ms: int
    cause: Cause


@dataclass(slots=True)
class Total:
    """What a budget counts in one period."""

    usage: int = 0
    charge: Decimal = Decimal(0)


@dataclass(slots=True)
class AccountBudgets:
    """The account while it is watched. `published`: by key, the alert of the highest revision."""

    account: str
    budgets: Mapping[str, SetBudget]
    published: dict[str, BudgetAlert]
    #: (day, item, workspace)
    figures: dict[tuple[int, str, str], Figure] = field(default_factory=dict)
    #: By budget and first day of the period.
    totals: dict[tuple[str, int], Total] = field(default_factory=dict)
    #: The states that follow from the figures read so far, by key.
    states: dict[str, bool] = field(default_factory=dict)

    def charged(self, day: int, item: str, workspace: str, revision: int, usage: int, charge: Decimal) -> None:
        """Take a record of `overages`."""
        found = self.figures.setdefault((day, item, workspace), Figure())
        if revision > found.charge_revision:
            self._add(day, item, workspace, 0, EXACT.subtract(charge, found.charge))
            found.charge_revision, found.charge = revision, charge
        self.used(day, item, workspace, revision, usage)

    def used(self, day: int, item: str, workspace: str, revision: int, usage: int) -> None:
        """Take a workspace's part of a record of `quota-balances`."""
        found = self.figures.setdefault((day, item, workspace), Figure())
        if revision >= found.usage_revision:
            self._add(day, item, workspace, usage - found.usage, ZERO)
            found.usage_revision, found.usage = revision, usage

    def _add(self, day: int, item: str, workspace: str, usage: int, charge: Decimal) -> None:
        for name, (budget, *_) in self.budgets.items():
            if budget.item in (None, item) and budget.workspace in (None, workspace):
                total = self.totals.setdefault((name, period_of(budget.period, day).first), Total())
                total.usage += usage
                total.charge = EXACT.add(total.charge, charge)

    def crossed(self, today: int, crossing: Crossing, *, live: bool) -> list[BudgetAlert]:
        """The alerts of a figure; not `live`: it is read again, and does not count for budgets set after it."""
        return [
            alert
            for known in self.budgets.values()
            if live or known.at_ms <= crossing.at_ms
            for alert in self._evaluated(known, crossing, today, ahead=True)
        ]

    def caught_up(self, today: int, at_ms: int) -> list[BudgetAlert]:
        """All figures are read: publish the states that differ, and clear those without a budget."""
        found: list[BudgetAlert] = []
        for known in self.budgets.values():
            for day in {period_of(known.budget.period, each).first for each in (today - 1, today)}:
                found += self._evaluated(known, Crossing(day, 0, at_ms, "budget"), today, ahead=False)
        return [*found, *self._gone(today, at_ms)]

    def estimated(self, known: SetBudget, period: Period, value: Value, at_ms: int) -> list[BudgetAlert]:
        """The alerts of an estimate of the period's end."""
        found: list[BudgetAlert] = []
        for threshold in known.budget.forecast:
            limit = limit_of(known.budget)
            last = self.published.get(_key(known.budget, period, "forecast", threshold))
            raised = last is not None and last.state == "raised" and last.budget_revision == known.revision
            line = limit * threshold * (CALM if raised else 1)
            reached = value * 100 >= line
            if _differs(last, reached, known.revision):
                found.append(
                    self._alert(
                        known,
                        period,
                        "forecast",
                        threshold,
                        value,
                        reached,
                        Crossing(period.first, 0, at_ms, "forecast"),
                    )
                )
        return found

    def value(self, budget: Budget, period: Period) -> Value:
        """What a budget counts in a period: charges, exactly, or usage."""
        total = self.totals.get((budget.budget, period.first), Total())
        return total.charge if budget.units is None else total.usage

    def first_day(self, today: int) -> int:
        """The first day that a budget watches."""
        return min((watched_from(each.budget.period, today) for each in self.budgets.values()), default=today)

    def forget_before(self, today: int) -> None:
        """Days that no budget watches any more."""
        first = self.first_day(today)
        for key in [key for key in self.figures if key[0] < first]:
            del self.figures[key]
        for name, since in [key for key in self.totals if key[1] < first]:
            del self.totals[name, since]

    def _evaluated(self, known: SetBudget, crossing: Crossing, today: int, *, ahead: bool) -> Iterator[BudgetAlert]:
        """The thresholds of one budget in the period of a day; `ahead`: only what goes beyond what was published."""
        budget, period = known.budget, period_of(known.budget.period, crossing.day)
        if period.first < watched_from(budget.period, today) or period.last < known.day:
            return
        value, limit = self.value(budget, period), limit_of(budget)
        for threshold in budget.actual:
            key = _key(budget, period, "actual", threshold)
            reached, last = value * 100 >= limit * threshold, self.published.get(key)
            before = self.states.get(key, False)
            self.states[key] = reached
            if ahead:
                beyond = last is None or (known.revision, crossing.revision) > (
                    last.budget_revision,
                    last.figure_revision,
                )
                if beyond and reached != before and _differs(last, reached, known.revision):
                    yield self._alert(known, period, "actual", threshold, value, reached, crossing)
            elif _differs(last, reached, known.revision):
                yield self._alert(known, period, "actual", threshold, value, reached, crossing)

    def _alert(
        self,
        known: SetBudget,
        period: Period,
        kind: Kind,
        threshold: int,
        value: Value,
        reached: bool,
        crossing: Crossing,
    ) -> BudgetAlert:
        last = self.published.get(_key(known.budget, period, kind, threshold))
        alert = BudgetAlert(
            account=self.account,
            budget=known.budget.budget,
            since=day_text(period.first),
            period=known.budget.period,
            kind=kind,
            threshold=threshold,
            state="raised" if reached else "cleared",
            limit=_text(limit_of(known.budget)),
            value=_text(value),
            at=time_text(crossing.at_ms * 1000),
            cause=crossing.cause,
            figure_revision=max(crossing.revision, 0 if last is None else last.figure_revision),
            budget_revision=known.revision,
            revision=1 if last is None else last.revision + 1,
        )
        self.published[alert.record_key()] = alert
        return alert

    def _gone(self, today: int, at_ms: int) -> list[BudgetAlert]:
        """Clears raised states of current periods that no budget asks for any more."""
        asked = {
            (name, kind, threshold)
            for name, known in self.budgets.items()
            for kind, thresholds in (("actual", known.budget.actual), ("forecast", known.budget.forecast))
            for threshold in thresholds
        }
        gone = [
            each
            for each in self.published.values()
            if each.state == "raised"
            and (each.budget, each.kind, each.threshold) not in asked
            and each.since >= day_text(watched_from(each.period, today))
        ]
        cleared = [
            each.model_copy(
                update={
                    "state": "cleared",
                    "at": time_text(at_ms * 1000),
                    "cause": "budget",
                    "revision": each.revision + 1,
                }
            )
            for each in gone
        ]
        self.published.update({each.record_key(): each for each in cleared})
        return cleared


def limit_of(budget: Budget) -> Value:
    """The limit, money or units."""
    if budget.units is not None:
        return budget.units
    assert budget.amount is not None, "a budget has one limit"
    return budget.amount


def _differs(last: BudgetAlert | None, reached: bool, budget_revision: int) -> bool:
    """Whether a state differs from the last published; under a changed budget a reached threshold is raised again."""
    if last is None or last.state == "cleared":
        return reached
    return not reached or last.budget_revision != budget_revision


def _key(budget: Budget, period: Period, kind: Kind, threshold: int) -> str:
    return f"{budget.account}/{budget.budget}/{day_text(period.first)}/{kind}/{threshold}"


def _text(value: Value) -> str:
    return money_text(value) if isinstance(value, Decimal) else str(value)


def of_account(alerts: Iterable[BudgetAlert]) -> dict[str, BudgetAlert]:
    """By key the alert of the highest revision."""
    found: dict[str, BudgetAlert] = {}
    for alert in alerts:
        before = found.get(alert.record_key())
        if before is None or before.revision < alert.revision:
            found[alert.record_key()] = alert
    return found
