"""Of lists that cost the same the one nearest to today: nobody should be asked for a new list that changes nothing."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from meter.advise.grid import Floats, Grid
from meter.advise.pools import ALIKE, Offer
from meter.advise.search import Found, Room


def nearest(grid: Grid, found: Found, offers: Mapping[str, Offer], room: Room, least: float) -> Found:
    """The same portfolio and traffic packages with as few changes of who is listed as cost no more.

    `least`: what they still cover, in money at the items' prices.
    """
    if not found.listed:
        return found
    units = dict(found.units)
    quotas = grid.quotas(found.portfolio.quotas)
    for row, item in enumerate(grid.items):
        quotas[row] += units.get(item, 0) * (offers[item].capacity if item in units else 0)
    listed = set(found.listed)
    pooled = grid.usage[:, sorted(listed), :].sum(axis=1)
    paid = grid.payg.sum(axis=1)
    for row in sorted(listed - room.today):
        less = pooled - grid.usage[:, row, :]
        over = _over(grid, less, quotas)
        cheaper = paid[row] <= (_over(grid, pooled, quotas) - over) * (1 + ALIKE)
        if len(listed) > 1 and cheaper and float((less * grid.price).sum()) - over >= least:
            listed.discard(row)
            pooled = less
    for row in sorted(room.today - listed):
        if len(listed) >= room.most(found.portfolio):
            break
        more = pooled + grid.usage[:, row, :]
        if _over(grid, more, quotas) - _over(grid, pooled, quotas) <= paid[row] * (1 + ALIKE):
            listed.add(row)
            pooled = more
    return replace(found, listed=frozenset(listed))


def _over(grid: Grid, pooled: Floats, quotas: Floats) -> float:
    return float((np.maximum(pooled - quotas[:, None], 0) * grid.price).sum())
