"""A simulation: the closed days as they were, and the same days as if some changes had held on all of them.

Packages and traffic packages are counted pro rata on both sides; what the changes would cost if they were ordered
today is shown beside it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.advise.changes import Buy, Change, ChangeWorkspaces, Days, Price, changed, price_of
from meter.advise.check import Check, checked
from meter.advise.history import LEAST_DAYS, History
from meter.advise.outcome import Outcome, outcome_of
from meter.advise.present import paid_by_day
from meter.advise.replay import Replay
from meter.advise.savings import Saving, saving_of
from meter.errors import UserError

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of the comparison: the replayed days, and what packages cost on each of them."""

    outcome: Outcome
    paid: tuple[Decimal, ...]

    @property
    def costs(self) -> list[Decimal]:
        """Packages and overage, by day."""
        return [due + paid for due, paid in zip(self.outcome.due, self.paid, strict=True)]

    @property
    def packages_a_day(self) -> Decimal:
        """What packages cost a day."""
        return sum(self.paid, ZERO) / len(self.paid)

    @property
    def overage_a_day(self) -> Decimal:
        """Overage and pay-as-you-go charges, a day."""
        return self.outcome.total / len(self.paid)

    @property
    def cost_a_day(self) -> Decimal:
        """Both."""
        return self.packages_a_day + self.overage_a_day


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is shown. `price`: of the changes, ordered today. `saving`: None with fewer days than make two weeks."""

    history: History
    changes: tuple[Change, ...]
    check: Check
    was: Side
    then: Side
    price: Price
    saving: Saving | None

    @property
    def saved(self) -> list[Decimal]:
        """By day, what the changes would have saved."""
        return [before - after for before, after in zip(self.was.costs, self.then.costs, strict=True)]

    def without_usage(self) -> list[str]:
        """Workspaces that a change names, with nothing to charge on these days: another account's, or misspelt."""
        charged = {who for day in self.history.days for who, each in day.workspaces.items() if not each.free}
        named = [
            who for change in self.changes if isinstance(change, Buy | ChangeWorkspaces) for who in change.workspaces
        ]
        return [who for who in dict.fromkeys(named) if who not in charged]

    @property
    def only_order(self) -> bool:
        """Whether only the order of lists changes: overage moves between workspaces, its sum stays."""
        lists = {plan.plan_id: plan.lists for plan in self.history.plans}
        return bool(self.changes) and all(
            isinstance(change, ChangeWorkspaces)
            and all(sorted(each.workspaces) == sorted(change.workspaces) for each in lists[change.plan_id])
            for change in self.changes
        )


def simulated(history: History, today: int, changes: Sequence[Change]) -> Simulation:
    """Simulate; `UserError` where there is no closed day, a change cannot be made, or the replay is not the bill."""
    if not history.days:
        raise UserError(f"no closed day of {history.account} has statements yet; the first comes when a day closes")
    replay = Replay(history.catalog)
    check = checked(history, replay)
    if not check.passed:
        raise UserError(f"{check.sentence()}; a simulation would start from the wrong figures, run `meter verify`")
    version = history.catalog.version(today)
    days = Days(history.days[0].day, history.days[-1].day)
    plans = changed(history.plans, changes, version, days)
    was = Side(outcome_of(replay, history.days, history.plans), tuple(paid_by_day(history, history.plans)))
    bought = [change for change in changes if isinstance(change, Buy)]
    others = [plan for plan in plans if plan.plan_id not in {change.plan_id for change in bought}]
    more = price_of(bought, (), history.catalog, today).a_day
    then = Side(outcome_of(replay, history.days, plans), tuple(each + more for each in paid_by_day(history, others)))
    saved = [before - after for before, after in zip(was.costs, then.costs, strict=True)]
    saving = saving_of(saved) if len(saved) >= LEAST_DAYS else None
    price = price_of(changes, history.plans, history.catalog, today)
    return Simulation(history, tuple(changes), check, was, then, price, saving)
