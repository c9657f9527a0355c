"""Overage of a pool: the workspaces of one list draw on all its quota, so only their sum matters (SPEC law 7).

For one item, with S the pool's usage on a day, p the price that day and x the quota: over(x) = Σ p · max(0, S − x),
convex in x. So the best number k of traffic packages is a newsvendor's: raise k while the mean fill of the next one
pays for it. With real k the optimum is a quantile of S, whatever the quota; the best integer is one of its two
neighbours.
"""

from dataclasses import dataclass

import numpy as np

from meter.advise.grid import Floats
from schemas.ids import UNITS_LIMIT

#: Sums of money that differ by less than this share count as equal.
ALIKE = 1e-9


@dataclass(frozen=True, slots=True)
class Offer:
    """Traffic packages of one item: what one covers a day, and what one costs over all days of the window."""

    capacity: int
    cost: float


@dataclass(frozen=True, slots=True)
class Pools:
    """Some pools of one item (rows: pools, columns: days), sorted, so that any quota's overage is a look-up."""

    usage: Floats
    #: Σ p and Σ p·S of this day and all with more usage; one column more than days.
    weight: Floats
    money: Floats

    @classmethod
    def of(cls, usage: Floats, price: Floats) -> "Pools":
        """`usage`: (pools, days); `price`: (days,)."""
        order = np.argsort(usage, axis=1)
        ranked, weights = np.take_along_axis(usage, order, axis=1), price[order]
        return cls(ranked, _suffix_sums(weights), _suffix_sums(weights * ranked))

    def over(self, quotas: Floats) -> Floats:
        """The overage charge of each pool (rows) at each quota; `quotas`: (pools, any) or (any,)."""
        each = np.broadcast_to(quotas, (len(self.usage), quotas.shape[-1]))
        found = np.empty(each.shape)
        for row, (usage, weight, money, wanted) in enumerate(
            zip(self.usage, self.weight, self.money, each, strict=True)
        ):
            place = usage.searchsorted(wanted, "right")
            found[row] = money[place] - wanted * weight[place]
        return found

    def best_units(self, quotas: Floats, offer: Offer) -> Floats:
        """How many traffic packages cost least beside each quota; `quotas`: (any,); the fewest of several as good."""
        target = self._target(offer)[:, None]
        real = np.clip((target - quotas) / offer.capacity, 0, UNITS_LIMIT)
        fewer, more = np.floor(real), np.ceil(real)
        cost = [self.over(quotas + units * offer.capacity) + units * offer.cost for units in (fewer, more)]
        return np.where(cost[0] <= cost[1], fewer, more)

    def costs(self, quotas: Floats, offer: Offer | None) -> Floats:
        """Overage with the best number of traffic packages, and their price: (pools, quotas)."""
        if offer is None:
            return self.over(quotas)
        units = self.best_units(quotas, offer)
        return self.over(quotas + units * offer.capacity) + units * offer.cost

    def _target(self, offer: Offer) -> Floats:
        """The quota above which more capacity costs more than it saves, by pool; -1: it never pays."""
        pays = self.weight * offer.capacity > offer.cost * (1 + ALIKE)  # what saves nothing is not bought
        last = pays.sum(axis=1) - 1
        rows = np.arange(len(self.usage))
        return np.where(last < 0, -1.0, self.usage[rows, np.clip(last, 0, self.usage.shape[1] - 1)])


def _suffix_sums(values: Floats) -> Floats:
    sums = np.zeros((values.shape[0], values.shape[1] + 1))
    sums[:, :-1] = values[:, ::-1].cumsum(axis=1)[:, ::-1]
    return sums
