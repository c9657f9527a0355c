"""What is owed for a day's usage (SPEC section 6): lines, exact amounts, and the one rounding at the end.

Units are cut to two decimals with whole numbers; everything after that is exact, by `prices.EXACT`, which traps any
rounding: a lost digit is a loud bug and never a wrong bill. Only `due` rounds.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from meter.rules.prices import EXACT, to_the_cent
from schemas.catalog import Item
from schemas.money import money_text, price_text
from schemas.rows import NO_RETENTION, ChargeLine

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


class Written(NamedTuple):
    """A charge in its written form, and whether it is anything at all."""

    amount: str
    lines: tuple[ChargeLine, ...]


def written_package(overage: int, item: Item) -> Written:
    """`package_lines`, written: in whole numbers, for it is done for every figure (a test holds them equal)."""
    if overage <= 0:
        return NOTHING
    line = _written_line(item.default_retention or NO_RETENTION, overage, item.unit, item.price)
    return Written(line.amount, (line,))


def written_payg(by_retention: Mapping[int, int], item: Item) -> Written:
    """`payg_lines`, written, likewise."""
    retentions = item.retentions
    lines = tuple(
        _written_line(days, quantity, item.unit, retentions[days].price if days in retentions else item.price)
        for days, quantity in sorted(by_retention.items())
        if quantity > 0
    )
    if len(lines) == 1:
        return Written(lines[0].amount, lines)
    return Written(money_text(_sum(Decimal(line.amount) for line in lines)), lines) if lines else NOTHING


def _written_line(days: int, quantity: int, unit: int, price: Decimal) -> ChargeLine:
    mantissa, decimals, text = _scaled(price)
    hundredths = 100 * quantity // unit
    units = f"{hundredths // 100}.{hundredths % 100:02d}"
    return ChargeLine(days, quantity, units, text, _point(hundredths * mantissa, decimals + 2))


NOTHING = Written("0.00", ())


@lru_cache(maxsize=4096)
def _scaled(price: Decimal) -> tuple[int, int, str]:
    """A price as a whole number and its decimals, and as text."""
    sign, digits, exponent = price.as_tuple()
    assert not sign and isinstance(exponent, int), "a price is a finite number of at least 0"
    mantissa = int("".join(map(str, digits)))
    if exponent > 0:
        mantissa, exponent = mantissa * 10**exponent, 0
    return mantissa, -exponent, price_text(price)


def _point(value: int, decimals: int) -> str:
    """A whole number with its point set, at least two decimals (`decimals` is at least 2), no more than it needs."""
    whole, rest = divmod(value, 10**decimals)
    return f"{whole}.{f'{rest:0{decimals}d}'.rstrip('0').ljust(2, '0')}"


def amount(lines: Iterable[Line]) -> Decimal:
    """The exact sum of the lines."""
    return _sum(line.amount for line in lines)


def due(amounts: Iterable[Decimal]) -> Decimal:
    """What a statement asks for: the sum of exact amounts, rounded half up to the cent, once."""
    return to_the_cent(_sum(amounts))


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for each in amounts:
        total = EXACT.add(total, each)
    return total
