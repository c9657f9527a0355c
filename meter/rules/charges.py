"""Charges for a day's usage (SPEC section 6): lines, exact amounts, and one rounding at the end.

Units are cut to two decimals in whole numbers; everything after that is exact by `prices.EXACT`, which raises where a
digit would be lost. Only `due` rounds.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from functools import lru_cache

from meter.rules.prices import EXACT, to_the_cent
from schemas.catalog import Item
from schemas.money import money_text, price_text
from schemas.overages import ChargeStruct, ChargeText, LineStruct
from schemas.rows import NO_RETENTION, Rate

#: Two decimals as text.
_HUNDREDTHS = tuple(f"{number:02d}" for number in range(100))


def package_rate(item: Item) -> Rate:
    """The rate at which overage of a listed workspace is charged."""
    return _rate(item.default_retention or NO_RETENTION, item.unit, item.price)


def payg_rates(by_retention: Mapping[int, int], item: Item) -> tuple[tuple[Rate, ...], tuple[int, ...]]:
    """Rates and unconverted quantities of a workspace that no plan lists, shortest retention first."""
    retentions = item.retentions
    charged = {days: quantity for days, quantity in sorted(by_retention.items()) if quantity > 0}
    prices = (retentions[days].price if days in retentions else item.price for days in charged)
    rates = tuple(_rate(days, item.unit, price) for days, price in zip(charged, prices, strict=True))
    return rates, tuple(charged.values())


@lru_cache(maxsize=4096)
def _rate(days: int, unit: int, price: Decimal) -> Rate:
    return Rate(days, unit, price_text(price))


class Tariff:
    """Writes charges at one rate; in whole numbers, because every published figure goes through it."""

    __slots__ = ("_mantissa", "_places", "_scale", "_text", "_unit")

    def __init__(self, rate: Rate, currency: str) -> None:
        whole, _, decimals = rate.price.partition(".")
        self._unit, self._mantissa, self._places = rate.unit, int(whole + decimals), len(decimals) + 2
        self._scale = 10**self._places
        self._text = ChargeText(rate.retention_days, rate.price, currency)

    def units_and_amount(self, quantity: int) -> tuple[str, str]:
        """Units and amount of a line, as text."""
        hundredths = 100 * quantity // self._unit
        whole, rest = divmod(hundredths * self._mantissa, self._scale)
        units = f"{hundredths // 100}.{_HUNDREDTHS[hundredths % 100]}"
        return units, f"{whole}.{_decimals(rest, self._places)}"

    def charge(self, quantity: int) -> str:
        """The charge of one quantity above 0, as JSON; `charge_of` also makes charges of several lines."""
        return self._text.of(quantity, *self.units_and_amount(quantity))


@lru_cache(maxsize=4096)
def tariff(rate: Rate, currency: str) -> Tariff:
    """The tariff of a rate."""
    return Tariff(rate, currency)


def charge_of(rates: Iterable[Rate], quantities: Iterable[int], currency: str) -> ChargeStruct:
    """The charge: a line for each quantity above 0, units cut to two decimals, amounts exact products."""
    lines = []
    for rate, quantity in zip(rates, quantities, strict=True):
        if quantity > 0:
            units, amount = tariff(rate, currency).units_and_amount(quantity)
            lines.append(
                LineStruct(
                    retention_days=rate.retention_days or None,
                    quantity=quantity,
                    units=units,
                    unit_price=rate.price,
                    amount=amount,
                )
            )
    total = lines[0].amount if len(lines) == 1 else money_text(exact_sum(Decimal(line.amount) for line in lines))
    return ChargeStruct(amount=total, currency=currency, lines=lines)


@lru_cache(maxsize=16_384)
def _decimals(rest: int, places: int) -> str:
    """The decimals of a fraction `rest` ÷ 10^`places`, without trailing zeros but at least two."""
    return f"{rest:0{places}d}".rstrip("0").ljust(2, "0")


def due(amounts: Iterable[Decimal]) -> Decimal:
    """The amount due of a statement: the sum of exact amounts, rounded half up to the cent once."""
    return to_the_cent(exact_sum(amounts))


def exact_sum(amounts: Iterable[Decimal]) -> Decimal:
    """The exact sum; raises where it would have to be rounded."""
    total = Decimal(0)
    for each in amounts:
        total = EXACT.add(total, each)
    return total
