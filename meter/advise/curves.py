"""The cost of a window by the scale of usage, in floating point: for break-even scales and cost curves."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from meter.advise.grid import Floats, Grid
from meter.rules.plans import shares_on
from schemas.rows import Plan

#: From a scale of usage to the overage and pay-as-you-go charges of the window.
Curve = Callable[[float], float]


def pool_curve(grid: Grid, listed: frozenset[int], quotas: Mapping[str, int]) -> Curve:
    """The curve of one list for all plans: only the sum of its workspaces matters."""
    rows = sorted(listed)
    pooled = grid.usage[:, rows, :].sum(axis=1)
    outside = float(np.delete(grid.payg, rows, axis=0).sum())
    quota = grid.quotas(quotas)[:, None]

    def cost(scale: float) -> float:
        return float((np.maximum(pooled * scale - quota, 0) * grid.price).sum()) + outside * scale

    return cost


def plans_curve(grid: Grid, plans: Sequence[Plan], day: int) -> Curve:
    """The curve of any plans, with the lists and quotas that they have on `day`: drawn plan by plan."""
    row_of = {who: row for row, who in enumerate(grid.workspaces)}
    shares = {item: shares_on(plans, item, day) for item in grid.items}
    listed = {who for each in shares.values() for share in each for who in share.workspaces}
    rows = [row for who, row in row_of.items() if who in listed]
    outside = float(np.delete(grid.payg, rows, axis=0).sum())

    def cost(scale: float) -> float:
        over = outside * scale
        for usage, price, item in zip(grid.usage, grid.price, grid.items, strict=True):
            left: Floats = usage * scale
            for share in shares[item]:
                quota = np.full(grid.days, float(share.quota))
                for who in share.workspaces:
                    if who in row_of:
                        drawn = np.minimum(left[row_of[who]], quota)
                        left[row_of[who]] -= drawn
                        quota -= drawn
            over += float((left[rows] * price).sum())
        return over

    return cost
