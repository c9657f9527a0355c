"""A target other than cost: the cheapest way to have a share of all usage inside quota, by value at the items' prices.

For a portfolio and a list the numbers of traffic packages are found by a price on what is not covered (bisected), then
each item's number is lowered as far as the target allows: cheap, and at most a package of an item from the best there
is.
"""

from collections.abc import Mapping, Sequence
from math import exp, log

import numpy as np

from meter.advise.grid import Floats, Grid
from meter.advise.pools import ALIKE, Offer, Pools
from meter.advise.portfolios import Portfolio
from meter.advise.search import Found, Room

#: Steps of the bisection, over prices of what is not covered from 1 to a million times the item's.
STEPS = 40
DEAREST = 1e6


def reaching(grid: Grid, found: Sequence[Found], offers: Mapping[str, Offer], share: float, room: Room) -> list[Found]:
    """Of each portfolio found the cheapest list and traffic that covers this share; those that cannot are left out."""
    rows = range(len(grid.workspaces))
    lists = [{each.listed, room.first(grid, rows, each.portfolio)} - {frozenset[int]()} for each in found]
    ways = {listed: _List(grid, listed, offers, share) for listed in set().union(*lists)}
    best = []
    for each, mine in zip(found, lists, strict=True):
        if each.portfolio.any_plan:
            reached = [ways[listed].found(each.portfolio) for listed in mine]
            best += sorted((way for way in reached if way is not None), key=lambda way: way.cost)[:1]
    return sorted(best, key=lambda way: (way.cost, way.portfolio.bought))


def worth(grid: Grid, share: float) -> float:
    """What a share of all usage is worth at the items' prices, a hair less."""
    return share * float(np.einsum("id,iwd->", grid.price, grid.usage)) * (1 - ALIKE)


class _List:
    """A list of workspaces, and how much of their usage is to be covered."""

    def __init__(self, grid: Grid, listed: frozenset[int], offers: Mapping[str, Offer], share: float) -> None:
        self.grid, self.listed = grid, listed
        pooled = grid.usage[:, sorted(listed), :].sum(axis=1)
        self.pools = [Pools.of(usage[None, :], price) for usage, price in zip(pooled, grid.price, strict=True)]
        self.worth = float((pooled * grid.price).sum())
        self.outside = float(np.delete(grid.payg, sorted(listed), axis=0).sum())
        self.sold = [offers.get(item) for item in grid.items]
        self.wanted = worth(grid, share)

    def found(self, portfolio: Portfolio) -> Found | None:
        """The cheapest way found; None if no number of traffic packages covers enough."""
        quotas = self.grid.quotas(portfolio.quotas)
        if self.worth - self.over(quotas, self.units(quotas, DEAREST)) < self.wanted:
            return None
        least, most = 0.0, log(DEAREST)
        for _ in range(STEPS):
            middle = (least + most) / 2
            enough = self.worth - self.over(quotas, self.units(quotas, exp(middle))) >= self.wanted
            least, most = (least, middle) if enough else (middle, most)
        units = self.lowered(quotas, self.units(quotas, exp(most)))
        traffic = sum(count * offer.cost for count, offer in zip(units, self.sold, strict=True) if offer is not None)
        cost = float(portfolio.day_cost) * self.grid.days + traffic + self.over(quotas, units) + self.outside
        items = zip(self.grid.items, units, strict=True)
        return Found(portfolio, self.listed, tuple((item, int(count)) for item, count in items if count), cost)

    def units(self, quotas: Floats, dearness: float) -> list[float]:
        """The best numbers of traffic packages if uncovered usage cost `dearness` times its price."""
        return [
            0.0 if offer is None else float(pools.best_units(quota, Offer(offer.capacity, offer.cost / dearness))[0, 0])
            for pools, offer, quota in zip(self.pools, self.sold, quotas[:, None], strict=True)
        ]

    def over(self, quotas: Floats, units: Sequence[float]) -> float:
        """Overage, at the items' prices."""
        return sum(
            float(pools.over(np.array([quota + count * (offer.capacity if offer else 0)]))[0, 0])
            for pools, offer, quota, count in zip(self.pools, self.sold, quotas, units, strict=True)
        )

    def lowered(self, quotas: Floats, units: Sequence[float]) -> list[float]:
        """The numbers of packages, lowered as far as the target allows, the dearest item first."""
        found = list(units)
        dearest = sorted(range(len(found)), key=lambda row: -(offer.cost if (offer := self.sold[row]) else 0))
        for row in dearest:
            least, most = 0.0, found[row]
            while least < most:
                found[row] = (least + most) // 2
                enough = self.worth - self.over(quotas, found) >= self.wanted
                least, most = (least, found[row]) if enough else (found[row] + 1, most)
            found[row] = most
        return found
