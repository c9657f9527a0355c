"""Which plans could be bought: integer portfolios of plan packages, and upgrades of plans that there are.

A portfolio is judged with one list for all plans: for the same workspaces no other lists cover more (SPEC laws 4 and
7), so lists are not permuted and plans are not split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from meter.advise.grid import Grid
from schemas.catalog import PlanPackage

#: Unexpired plans of an account (SPEC §8).
PLANS_LIMIT = 50
#: Portfolios that are enumerated; more are cut at the dear end, and said so.
PORTFOLIOS_LIMIT = 20_000


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What would be bought: packages with their counts, and the upgrade of one plan.

    `day_cost`: what that costs a day, without traffic. `quotas`: a day, of these and of plans that are kept, by item.
    """

    buys: tuple[tuple[str, int], ...]
    upgrade: tuple[str, str] | None
    day_cost: Decimal
    quotas: Mapping[str, int]
    #: Whether there is any plan at all, so that somebody can be listed.
    any_plan: bool

    @property
    def bought(self) -> int:
        """How many plans would be bought."""
        return sum(count for _, count in self.buys)


@dataclass(frozen=True, slots=True)
class Kept:
    """A plan that the account has: its package, quotas with traffic, and when it ends."""

    plan_id: str
    package: str
    package_price: Decimal
    package_quotas: Mapping[str, int]
    traffic_quotas: Mapping[str, int]
    last_day: int


@dataclass(frozen=True, slots=True)
class Market:
    """What can be bought today, and what there is."""

    packages: Mapping[str, PlanPackage]
    validity_days: int
    kept: Sequence[Kept]


def portfolios(market: Market, grid: Grid, most_a_day: Decimal) -> tuple[list[Portfolio], bool]:
    """Every portfolio that could be cheaper than `most_a_day`, and each package by itself; whether some were cut."""
    found: dict[tuple[object, object], Portfolio] = {}
    cut = False
    for upgrade in _upgrades(market):
        kept_cost, base = _after(market, upgrade)
        for buys, cost in _purchases(market, grid, most_a_day - kept_cost):
            if len(found) >= PORTFOLIOS_LIMIT:
                cut = True
                break
            quotas = dict(base)
            for name, count in buys:
                for item, quota in market.packages[name].quotas.items():
                    quotas[item] = quotas.get(item, 0) + quota * count
            found[(buys, upgrade)] = Portfolio(buys, upgrade, kept_cost + cost, quotas, bool(buys or market.kept))
    return list(found.values()), cut


def _upgrades(market: Market) -> Iterator[tuple[str, str] | None]:
    """None, then each dearer package for one plan of each package: of those alike the one that lasts longest."""
    yield None
    longest: dict[str, Kept] = {}
    for plan in market.kept:
        if plan.package not in longest or longest[plan.package].last_day < plan.last_day:
            longest[plan.package] = plan
    for plan in longest.values():
        for name, package in market.packages.items():
            if package.price > plan.package_price:
                yield plan.plan_id, name


def _after(market: Market, upgrade: tuple[str, str] | None) -> tuple[Decimal, dict[str, int]]:
    """What an upgrade costs a day, and the quotas of the kept plans after it."""
    cost, quotas = Decimal(0), dict[str, int]()
    for plan in market.kept:
        mine = plan.package_quotas
        if upgrade is not None and upgrade[0] == plan.plan_id:
            package = market.packages[upgrade[1]]
            mine = package.quotas
            cost = (package.price - plan.package_price) / market.validity_days
        for source in (mine, plan.traffic_quotas):
            for item, quota in source.items():
                quotas[item] = quotas.get(item, 0) + quota
    return cost, quotas


def _purchases(
    market: Market, grid: Grid, most_a_day: Decimal
) -> Iterator[tuple[tuple[tuple[str, int], ...], Decimal]]:
    """Counts of packages within what could pay, cheapest counts first, with their cost a day; then single packages."""
    names = sorted(market.packages, key=lambda name: (market.packages[name].price, name))
    day_price = {name: market.packages[name].price / market.validity_days for name in names}
    room = PLANS_LIMIT - len(market.kept)
    most = [min(room, _useful(market.packages[name], grid)) for name in names]
    for counts in product(*(range(count + 1) for count in most)):
        cost = sum((day_price[name] * count for name, count in zip(names, counts, strict=True)), Decimal(0))
        if sum(counts) <= room and (cost <= most_a_day or sum(counts) <= 1):
            yield tuple((name, count) for name, count in zip(names, counts, strict=True) if count), cost


def _useful(package: PlanPackage, grid: Grid) -> int:
    """How many of a package can be of use: more have only quota that no day used; the first also lists workspaces."""
    peaks = grid.usage.sum(axis=1).max(axis=1, initial=0)
    useful = [
        -(-int(peak) // quota)
        for item, peak in zip(grid.items, peaks, strict=True)
        if (quota := package.quotas.get(item, 0)) > 0 and peak > 0
    ]
    return max(useful, default=1)
