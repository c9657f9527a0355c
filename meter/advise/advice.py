"""Advice for an account: what to do from today, and what would have been cheaper, never mixed.

From today packages that are paid cost nothing more; in hindsight everything is counted pro rata, as if plans had been
bought for the window only. Both use the same closed days, replayed by the rules, with the check that the replay
is the bill.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from meter.advise.alternatives import Alternative, Ground, alternative_of, base_curve_of, stay
from meter.advise.changes import Days, days_left
from meter.advise.check import Check, checked
from meter.advise.coverage import reaching, worth
from meter.advise.grid import grid_of
from meter.advise.history import LEAST_DAYS, History
from meter.advise.nearest import nearest
from meter.advise.online import OnlineRule, online_rules
from meter.advise.pools import Offer
from meter.advise.portfolios import portfolios
from meter.advise.present import discounts_of, laid_over, market_of, paid_by_day
from meter.advise.replay import Replay
from meter.advise.savings import cents
from meter.advise.search import Searched, searched
from meter.errors import UserError
from meter.rules.billing_days import day_text

#: Alternatives that are replayed and shown.
SHOWN = 10
SHOWN_IN_HINDSIGHT = 3
#: The search reckons coverage in floating point: this little below the target counts as reached.
HAIR = Decimal("1e-9")
#: Days before a plan's end from which on advice says so.
ENDS_SOON = 62


@dataclass(frozen=True, slots=True)
class Table:
    """A basis of comparison and the alternatives to it, cheapest first."""

    base: Alternative
    alternatives: tuple[Alternative, ...]
    searched: Searched


@dataclass(frozen=True, slots=True)
class Advice:
    """Everything that is shown. `coverage`: the target share of usage inside quota; None: the target is least cost."""

    history: History
    today: int
    check: Check
    discounts: Mapping[str, Decimal]
    coverage: Decimal | None
    from_today: Table
    hindsight: Table
    rules: tuple[OnlineRule, ...]

    @property
    def regret_a_day(self) -> Decimal:
        """What the account paid a day beyond the cheapest that hindsight finds."""
        best = min((each.cost_a_day for each in self.hindsight.alternatives), default=self.hindsight.base.cost_a_day)
        return max(Decimal(0), self.hindsight.base.cost_a_day - best)

    def ending(self) -> list[tuple[str, int, int]]:
        """Plans that end soon, begun or not: id, last day, days left. "Nothing changes" still counts them."""
        alive = [plan for plan in self.history.plans if plan.last_day >= self.today]
        soon = [plan for plan in alive if days_left(plan, self.today) <= ENDS_SOON]
        return sorted((plan.plan_id, plan.last_day, days_left(plan, self.today)) for plan in soon)

    def cost_curves(self) -> dict[str, dict[int, Decimal]]:
        """By package: the cost of a day from today by number bought, without other packages; not cut to 0.01 unit."""
        curves: dict[str, dict[int, Decimal]] = {}
        found = [each for each in self.from_today.searched.found if each.portfolio.upgrade is None]
        for each in sorted(found, key=lambda one: one.portfolio.bought):
            buys = each.portfolio.buys or tuple((name, 0) for name in self.history.catalog.version(self.today).plans)
            for name, count in buys if len(buys) == 1 or not each.portfolio.buys else ():
                curves.setdefault(name, {})[count] = cents(Decimal(repr(each.cost)) / len(self.history.days))
        return curves


def advice_of(history: History, today: int, coverage: Decimal | None = None, discount: Decimal | None = None) -> Advice:
    """Advise; `UserError` where there is too little to advise from, or the replay is not the bill."""
    require_enough(history)
    replay = Replay(history.catalog)
    check = checked(history, replay)
    if not check.passed:
        raise UserError(
            f"{check.sentence()}; no advice is given from a replay that is not the bill, run `meter verify`"
        )
    grid = grid_of(history, replay)
    if not grid.workspaces:
        raise UserError(
            f"nothing to advise: {history.account} had no usage to charge in {len(history.days)} closed days"
        )
    discounts = discounts_of(history.plans, history.catalog.version(today), discount)
    window = Days(history.days[0].day, history.days[-1].day)
    kept = Ground(history, replay, grid, laid_over(history.plans, today, window), today, discounts)
    fresh = Ground(history, replay, grid, (), today, discounts)
    from_today = _from_today(kept, coverage)
    rules = online_rules(kept, from_today.base)
    return Advice(history, today, check, discounts, coverage, from_today, _hindsight(fresh, coverage), rules)


def require_enough(history: History) -> None:
    """`UserError` with fewer closed days than advice needs."""
    if len(history.days) < LEAST_DAYS:
        left_out = "".join(f"; {day_text(day)} left out: {why}" for day, why in [*history.left_out.items()][:1])
        replays = "; `meter simulate` replays the days that there are" if history.days else ""
        raise UserError(
            f"too little to advise: {history.account} has {len(history.days)} closed days with statements, "
            f"advice needs {LEAST_DAYS} (two whole weeks){left_out}{replays}"
        )


def _from_today(ground: Ground, coverage: Decimal | None) -> Table:
    base = stay(ground)
    found = _search(ground, base, coverage)
    curve = base_curve_of(ground)
    best = found.found[: SHOWN + 1]
    if ground.plans:
        least = 0.0 if coverage is None else worth(ground.grid, float(coverage))
        best = tuple(nearest(ground.grid, each, _offers(ground), ground.room(), least) for each in best)
    made = [alternative_of(ground, each, base, base.outcome.due, curve) for each in best]
    return Table(base, _ranked([each for each in made if each.changes], SHOWN, coverage), found)


def _hindsight(ground: Ground, coverage: Decimal | None) -> Table:
    """The base is what was paid: published amounts, packages pro rata."""
    history = ground.history
    by_day = paid_by_day(history, history.plans)
    as_was = Ground(history, ground.replay, ground.grid, history.plans, ground.today, ground.discounts)
    base = stay(as_was, by_day)
    costs = [due + each for due, each in zip(base.outcome.due, by_day, strict=True)]
    found = _search(ground, base, coverage)
    made = [alternative_of(ground, each, base, costs, None) for each in found.found[:SHOWN_IN_HINDSIGHT]]
    return Table(base, _ranked(made, SHOWN_IN_HINDSIGHT, coverage), found)


def _ranked(made: Sequence[Alternative], shown: int, coverage: Decimal | None) -> tuple[Alternative, ...]:
    """By exact cost; with a target only those that reach it."""
    good = [each for each in made if coverage is None or each.outcome.coverage >= coverage - HAIR]
    return tuple(sorted(good, key=lambda each: (each.cost_a_day, each.price.now))[:shown])


def _search(ground: Ground, base: Alternative, coverage: Decimal | None) -> Searched:
    """The portfolios that could be cheaper than the base, or, for coverage, than twice the value of all usage."""
    history, grid = ground.history, ground.grid
    market = market_of(ground.plans, history.catalog, ground.today)
    most = base.cost_a_day if coverage is None else 2 * base.outcome.value / len(history.days)
    choice, cut = portfolios(market, grid, most)
    offers = _offers(ground)
    found = replace(searched(grid, choice, offers, ground.room()), cut=cut)
    if coverage is None:
        return found
    return replace(found, found=tuple(reaching(grid, found.found, offers, float(coverage), ground.room())))


def _offers(ground: Ground) -> dict[str, Offer]:
    """What traffic packages cost over the days of the window."""
    traffic = ground.history.catalog.version(ground.today).traffic
    return {
        item: Offer(package.capacity, float(package.price * ground.discounts[item]) * ground.grid.days)
        for item, package in traffic.items()
    }
