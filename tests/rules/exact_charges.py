"""Charges by the letter of SPEC section 6, in decimals: what the written ones of `meter.rules.charges` are held to."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import NamedTuple

from meter.rules.prices import EXACT
from schemas.catalog import Item
from schemas.rows import NO_RETENTION

_HUNDREDTH = Decimal("0.01")


class Line(NamedTuple):
    """One line of a charge: `amount` is the exact product of `units` (two decimals, cut) and `unit_price`."""

    retention_days: int  # NO_RETENTION where the item has none
    quantity: int
    units: Decimal
    unit_price: Decimal
    amount: Decimal


def package_lines(overage: int, item: Item) -> tuple[Line, ...]:
    """The charge of a workspace that a plan lists: its overage in one line, at the default retention."""
    if overage <= 0:
        return ()
    days = NO_RETENTION if item.default_retention is None else item.default_retention
    return (_line(days, overage, item.unit, item.price),)


def payg_lines(by_retention: Mapping[int, int], item: Item) -> tuple[Line, ...]:
    """The charge of a workspace no plan lists: what it reported, unconverted, a line a retention, shortest first."""
    return tuple(
        _line(days, quantity, item.unit, item.retentions[days].price if days in item.retentions else item.price)
        for days, quantity in sorted(by_retention.items())
        if quantity > 0
    )


def _line(days: int, quantity: int, unit: int, price: Decimal) -> Line:
    units = EXACT.multiply(Decimal(quantity * 100 // unit), _HUNDREDTH)
    return Line(days, quantity, units, price, EXACT.multiply(units, price))


def amount(lines: Iterable[Line]) -> Decimal:
    """The exact sum of the lines."""
    total = Decimal(0)
    for line in lines:
        total = EXACT.add(total, line.amount)
    return total
