"""Which plans could be bought: integer portfolios of plan packages, and upgrades of plans that there are.

A portfolio is judged with one list for all plans: for the same workspaces no other lists cover more (SPEC laws 4 and
7), so lists are not permuted and plans are not split.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from meter.advise.grid import Grid
from schemas.catalog import PlanPackage

#: Unexpired plans of an account (SPEC §8).
PLANS_LIMIT = 50
#: Portfolios that are enumerated. If there are more, those of most plans are left out, and advice says so.
PORTFOLIOS_LIMIT = 20_000

Buys = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Portfolio:
    """What would be bought: packages with their counts, and the upgrade of one plan.

    `day_cost`: what that costs a day, without traffic. `quotas`: a day, of these and of plans that are kept, by item.
    """

    buys: Buys
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
    """What can be bought today, and the plans there are."""

    packages: Mapping[str, PlanPackage]
    validity_days: int
    kept: Sequence[Kept]


def portfolios(market: Market, grid: Grid, most_a_day: Decimal) -> tuple[list[Portfolio], bool]:
    """Every portfolio that could be cheaper than `most_a_day`, fewest plans first, and each package by itself.

    And whether they were cut at PORTFOLIOS_LIMIT: then those of more plans are left out.
    """
    found: list[Portfolio] = []
    room = PLANS_LIMIT - len(market.kept)
    after = [(upgrade, *_after(market, upgrade)) for upgrade in _upgrades(market)]
    for plans in range(room + 1):
        before = len(found)
        for upgrade, kept_cost, base in after:
            for buys, cost in _purchases(market, grid, most_a_day - kept_cost, plans):
                if len(found) >= PORTFOLIOS_LIMIT:
                    return found, True
                quotas = dict(base)
                for name, count in buys:
                    for item, quota in market.packages[name].quotas.items():
                        quotas[item] = quotas.get(item, 0) + quota * count
                found.append(Portfolio(buys, upgrade, kept_cost + cost, quotas, bool(buys or market.kept)))
        if len(found) == before:
            break
    return found, False


def _upgrades(market: Market) -> Iterator[tuple[str, str] | None]:
    """None, then every dearer package for one plan a package: of plans alike the one that ends last."""
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


def _purchases(market: Market, grid: Grid, most_a_day: Decimal, plans: int) -> Iterator[tuple[Buys, Decimal]]:
    """Purchases of `plans` packages that could pay, with their cost a day; a single plan is always tried."""
    sold = sorted(
        _Sold(package.price / market.validity_days, name, _useful(package, grid))
        for name, package in market.packages.items()
    )
    if plans == 1:
        yield from ((((each.name, 1),), each.a_day) for each in sold)
    else:
        yield from _baskets(sold, plans, most_a_day)


class _Sold(NamedTuple):
    """A package: its price a day, its name, and how many can be of use."""

    a_day: Decimal
    name: str
    most: int


def _baskets(sold: Sequence[_Sold], plans: int, most_a_day: Decimal) -> Iterator[tuple[Buys, Decimal]]:
    """The baskets of so many packages, cheapest first, that cost no more: none is begun that cannot be filled so."""
    if not plans:
        yield (), Decimal(0)
        return
    first, others = sold[0], sold[1:]
    for count in range(min(plans, first.most), -1, -1):
        spent = first.a_day * count
        least = _least(others, plans - count)
        if least is None or spent + least > most_a_day:
            return  # fewer of the cheapest cost more
        buys = ((first.name, count),) if count else ()
        for rest, cost in _baskets(others, plans - count, most_a_day - spent):
            yield (*buys, *rest), spent + cost


def _least(sold: Sequence[_Sold], plans: int) -> Decimal | None:
    """What so many packages cost at the least; None: there are not so many of use."""
    cost = Decimal(0)
    for each in sold:
        count = min(plans, each.most)
        cost, plans = cost + each.a_day * count, plans - count
    return None if plans else cost


def _useful(package: PlanPackage, grid: Grid) -> int:
    """How many of a package can be of use: more have only quota that no day used; the first also lists workspaces."""
    peaks = grid.usage.sum(axis=1).max(axis=1, initial=0)
    useful = [
        -(-int(peak) // quota)
        for item, peak in zip(grid.items, peaks, strict=True)
        if (quota := package.quotas.get(item, 0)) > 0 and peak > 0
    ]
    return max(useful, default=1)
