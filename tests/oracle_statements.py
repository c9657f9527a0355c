"""The oracle's own reading of statements (SPEC section 9): an account's day, and each workspace's, from the figures."""

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from tests.oracle import Prediction
from tests.oracle_figures import EXACT, Figure, plan_order

CENT = Decimal("0.01")


@dataclass(frozen=True)
class PlanUse:
    """What a plan had and gave of an item on a day."""

    quota: int
    covered: int

    @property
    def unused(self) -> int:
        return self.quota - self.covered


@dataclass(frozen=True)
class Statement:
    """An account's day: `plans` by (plan id, item), `items` by (workspace, item)."""

    amount_due: Decimal
    workspaces_with_usage: int
    plans: dict[tuple[str, str], PlanUse]
    items: dict[tuple[str, str], Figure]


def statements(prediction: Prediction) -> dict[tuple[str, int], Statement]:
    """Statements by (account, day): of every account with usage that day, or with a plan in force on a day with usage.

    Days on which nobody used anything are left to `statement`: there is no end to them.
    """
    days = {day for _, _, _, day in prediction.figures}
    found = {}
    for day in sorted(days):
        names = {account for account, _, _, that in prediction.figures if that == day}
        names |= {name for name, book in prediction.accounts.items() if plan_order(book.plans.values(), day)}
        for name in sorted(names):
            found[(name, day)] = statement(prediction, name, day)
    return found


def statement(prediction: Prediction, account: str, day: int) -> Statement:
    """One account's day."""
    items = {
        (workspace, item): figure
        for (name, workspace, item, that), figure in prediction.figures.items()
        if name == account and that == day
    }
    exact = Decimal(0)
    for figure in items.values():
        exact = EXACT.add(exact, figure.amount)
    plans = {}
    book = prediction.accounts.get(account)
    for plan in plan_order(book.plans.values(), day) if book else []:
        for item in prediction.market.book.on(day).items:
            quota = plan.quota(item, day)
            covered = sum(figure.by_plan.get(plan.plan_id, 0) for (_, name), figure in items.items() if name == item)
            if quota > 0:
                plans[(plan.plan_id, item)] = PlanUse(quota, covered)
    with_usage = {workspace for (workspace, _), figure in items.items() if figure.usage > 0}
    return Statement(exact.quantize(CENT, ROUND_HALF_UP, EXACT), len(with_usage), plans, items)
