"""Alternatives to what an account has: made from what the search found, replayed by the rules, compared day by day."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Days, Price, Upgrade, changed, price_of
from meter.advise.curves import Curve, plans_curve, pool_curve
from meter.advise.grid import Grid
from meter.advise.growth import Growth, days_ahead, grows_while, sampled
from meter.advise.history import History
from meter.advise.outcome import Outcome, outcome_of
from meter.advise.pools import ALIKE
from meter.advise.replay import Replay
from meter.advise.savings import Holds, Saving, holds_while, saving_of
from meter.advise.search import Found, Room
from meter.rules.plans import quota_on
from schemas.ids import WORKSPACES_LIMIT
from schemas.orders import TrafficLine
from schemas.rows import Plan

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Alternative:
    """One way to go on. `saved`: by day, against the base of comparison (all 0 for the base itself).

    `price`: what its packages cost, without overage. `listed`, `unlisted`: workspaces with usage, in a list or in none.
    `fills`: for each item with added traffic packages, the mean fill of the last of them.
    """

    changes: tuple[Change, ...]
    price: Price
    outcome: Outcome
    listed: frozenset[str]
    unlisted: frozenset[str]
    fills: dict[str, float]
    saved: tuple[Decimal, ...]
    saving: Saving
    holds: Holds | None
    growth: Growth | None = None

    @property
    def wins(self) -> int:
        """On how many days it costs less."""
        return sum(each > 0 for each in self.saved)

    @property
    def overage_a_day(self) -> Decimal:
        """Overage and pay-as-you-go charges, a day."""
        return self.outcome.total / len(self.outcome.due)

    @property
    def cost_a_day(self) -> Decimal:
        """Packages and overage."""
        return self.price.a_day + self.overage_a_day


@dataclass(frozen=True, slots=True)
class Ground:
    """What alternatives start from: the kept plans, laid over the window, and the offers of today's catalog."""

    history: History
    replay: Replay
    grid: Grid
    plans: Sequence[Plan]
    today: int
    discounts: Mapping[str, Decimal]

    @property
    def days(self) -> Days:
        """The days for which a plan bought today is replayed: the window and its own."""
        return Days(self.history.days[0].day, self.today + self.history.catalog.validity_days - 1)

    @property
    def in_window(self) -> int:
        """A day on which all plans are as they are today."""
        return self.history.days[0].day

    def listed(self) -> frozenset[str]:
        """Workspaces with usage that some plan lists."""
        return frozenset(who for plan in self.plans for who in plan.lists[-1].workspaces) & {*self.grid.workspaces}

    def room(self) -> Room:
        """How many workspaces can be listed; names without usage keep their places."""
        row_of = {who: row for row, who in enumerate(self.grid.workspaces)}
        idle = [sum(who not in row_of for who in plan.lists[-1].workspaces) for plan in self.plans]
        return Room(frozenset(row_of[who] for who in self.listed()), WORKSPACES_LIMIT - min(idle, default=0))


def stay(ground: Ground, paid: Sequence[Decimal] | None = None) -> Alternative:
    """The alternative that changes nothing; `paid`: the cost of its packages by day (None: paid already, so 0)."""
    outcome = outcome_of(ground.replay, ground.history.days, ground.plans)
    a_day = sum(paid, ZERO) / len(paid) if paid else ZERO
    nothing = tuple(ZERO for _ in outcome.due)
    listed = ground.listed()
    unlisted = frozenset(ground.grid.workspaces) - listed
    return Alternative((), Price(ZERO, a_day), outcome, listed, unlisted, {}, nothing, saving_of(nothing), None)


def alternative_of(
    ground: Ground, found: Found, base: Alternative, base_cost: Sequence[Decimal], base_curve: Curve | None
) -> Alternative:
    """What the search found, replayed and compared with `base`, whose days cost `base_cost`.

    `base_curve`: the base at other scales of usage; None: neither break-even nor growth is asked for.
    """
    changes = changes_of(ground, found)
    version = ground.history.catalog.version(ground.today)
    plans = changed(ground.plans, changes, version, ground.days)
    price = price_of(changes, ground.plans, ground.history.catalog, ground.today)
    outcome = outcome_of(ground.replay, ground.history.days, plans)
    saved = tuple(before - price.a_day - due for before, due in zip(base_cost, outcome.due, strict=True))
    quotas = {item: sum(quota_on(plan, item, ground.in_window) for plan in plans) for item in ground.grid.items}
    fills = {item: fill_of(ground, found.listed, item, quotas[item]) for item, _ in found.units}
    holds, growth = None, None
    if base_curve is not None:
        saved_at = _saved_at(base_curve, sampled(pool_curve(ground.grid, found.listed, quotas)), price, len(saved))
        ahead = days_ahead(changes, ground.plans, ground.history.catalog.validity_days, ground.today)
        holds, growth = holds_while(saved_at), grows_while(saved_at, ahead)
    listed = frozenset(ground.grid.workspaces[row] for row in found.listed)
    unlisted = frozenset(ground.grid.workspaces) - listed
    return Alternative(tuple(changes), price, outcome, listed, unlisted, fills, saved, saving_of(saved), holds, growth)


def fill_of(ground: Ground, listed: frozenset[int], item: str, quota: int) -> float:
    """How full the last traffic package within a quota was, in the mean of the days."""
    capacity = ground.history.catalog.version(ground.today).traffic[item].capacity
    pooled = ground.grid.usage[ground.grid.items.index(item), sorted(listed), :].sum(axis=0)
    return float(np.clip((pooled - (quota - capacity)) / capacity, 0, 1).mean())


def _saved_at(base: Curve, curve: Curve, price: Price, days: int) -> Curve:
    """What a price saves, by the scale of usage; the curves share their samples, so that sampling errors cancel."""
    fixed = float(price.a_day) * days
    return lambda scale: base(scale) * (1 - ALIKE) - curve(scale) - fixed


def base_curve_of(ground: Ground) -> Curve:
    """What the window costs with the plans that are kept, at any scale of usage; sampled."""
    return sampled(plans_curve(ground.grid, ground.plans, ground.in_window))


def changes_of(ground: Ground, found: Found) -> list[Change]:
    """The orders that make a found portfolio out of the kept plans."""
    wanted = {ground.grid.workspaces[row] for row in found.listed}
    lines = tuple(TrafficLine(item=item, units=units, discount=ground.discounts[item]) for item, units in found.units)
    changes: list[Change] = []
    if found.portfolio.upgrade is not None:
        changes.append(Upgrade(*found.portfolio.upgrade))
    order = list_order(ground, wanted)
    if found.portfolio.any_plan:
        changes += [change for plan in ground.plans if (change := _listing(ground, plan, wanted, order)) is not None]
    names = [name for name, count in found.portfolio.buys for _ in range(count)]
    for number, name in enumerate(names, 1):
        changes.append(Buy(f"new-{number}", name, order[:WORKSPACES_LIMIT], lines if number == 1 else ()))
    if lines and not names:
        longest = max(ground.plans, key=lambda plan: (plan.last_day, plan.plan_id))
        changes.append(AddTraffic(longest.plan_id, lines))
    return changes


def list_order(ground: Ground, wanted: set[str]) -> tuple[str, ...]:
    """Workspaces in the order in which plans list them today, then the others, largest usage first."""
    spent = dict(zip(ground.grid.workspaces, ground.grid.payg.sum(axis=1), strict=True))
    present = dict.fromkeys(who for plan in ground.plans for who in plan.lists[-1].workspaces if who in wanted)
    return (*present, *sorted(wanted - present.keys(), key=lambda who: (-spent[who], who)))


def _listing(ground: Ground, plan: Plan, wanted: set[str], order: Sequence[str]) -> Change | None:
    """The plan's new list, if it must change: removed workspaces leave their places, new ones that fit come last."""
    present = plan.lists[-1].workspaces
    active = {*ground.grid.workspaces}
    kept = [who for who in present if who in wanted or who not in active]
    added = [who for who in order if who not in present][: WORKSPACES_LIMIT - len(kept)]
    return ChangeWorkspaces(plan.plan_id, (*kept, *added)) if added or len(kept) != len(present) else None
