"""Money as text: exact parsing, and one written form for each kind of figure (SPEC §6, §8).

Nothing here rounds: `format(value, "f")` is exact whatever the decimal context, `normalize` would not be.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

#: Money in an order, for `fullmatch`.
MONEY_PATTERN = r"-?[0-9]{1,12}(\.[0-9]{1,2})?"
#: A discount in an order: in (0, 1], at most 4 decimals.
DISCOUNT_PATTERN = r"[01](\.[0-9]{1,4})?"
#: A price in a catalog: not negative, any number of decimals within PRICE_LIMIT characters.
PRICE_PATTERN = r"[0-9]+(\.[0-9]+)?"
PRICE_LIMIT = 40
#: Written figures: amounts and balances, units.
AMOUNT_PATTERN = r"-?[0-9]+\.[0-9]{2,}"
UNITS_PATTERN = r"[0-9]+\.[0-9]{2}"

_money = re.compile(MONEY_PATTERN, re.ASCII).fullmatch
_discount = re.compile(DISCOUNT_PATTERN, re.ASCII).fullmatch
_price = re.compile(PRICE_PATTERN, re.ASCII).fullmatch
_amount = re.compile(AMOUNT_PATTERN, re.ASCII).fullmatch
_units = re.compile(UNITS_PATTERN, re.ASCII).fullmatch


def parse_money(text: object) -> Decimal:
    """Money of an order, such as "5000.00" or "-3"; raises ValueError for anything else."""
    if not isinstance(text, str) or _money(text) is None:
        raise ValueError('money must be a decimal string of at most 12 digits and 2 decimals, such as "53392.00"')
    return Decimal(text) or Decimal(0)  # no negative zero


def parse_discount(text: object) -> Decimal:
    """A discount, such as "0.8"; raises ValueError for anything else."""
    if isinstance(text, str) and _discount(text) is not None and 0 < (discount := Decimal(text)) <= 1:
        return discount
    raise ValueError('a discount must be a decimal string above 0 and up to 1, of at most 4 decimals, such as "0.8"')


def parse_price(text: object) -> Decimal:
    """A price of a catalog, such as "1.5" or "0.00125"; raises ValueError for anything else."""
    if not isinstance(text, str) or len(text) > PRICE_LIMIT or _price(text) is None:
        raise ValueError('a price must be a decimal string, at least "0", without exponent, such as "1.5"')
    return Decimal(text)


def money_text(value: Decimal) -> str:
    """`amount`, `price` (of an order) and balances: exact, at least two decimals, no more than it needs."""
    whole, _, decimals = _plain(value).partition(".")
    return f"{whole}.{decimals.rstrip('0').ljust(2, '0')}"


def units_text(value: Decimal) -> str:
    """`units` of a charge line: exactly two decimals; `value` has no more."""
    text = money_text(value)
    assert text[-3] == ".", f"units are cut to two decimals, not {value}"
    return text


def price_text(value: Decimal) -> str:
    """`unit_price`, discounts and catalog prices: as few decimals as it needs."""
    whole, _, decimals = _plain(value).partition(".")
    decimals = decimals.rstrip("0")
    return f"{whole}.{decimals}" if decimals else whole


def _plain(value: Decimal) -> str:
    assert value.is_finite(), f"money is a finite number, not {value}"
    return format(value, "f") if value else "0"


def _read_by(parse: Callable[[object], Decimal]) -> BeforeValidator:
    return BeforeValidator(lambda given: given if isinstance(given, Decimal) else parse(given))


def _written_figure(text: object) -> Decimal:
    if not isinstance(text, str) or _amount(text) is None:
        raise ValueError('an amount must be a decimal string of at least two decimals, such as "75.00"')
    return Decimal(text)


def _written_units(text: object) -> Decimal:
    if not isinstance(text, str) or _units(text) is None:
        raise ValueError('units must be a decimal string of exactly two decimals, such as "50.00"')
    return Decimal(text)


def _text_of(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": "decimal", "pattern": f"^{pattern}$"})


#: Money in an order.
Money = Annotated[Decimal, _read_by(parse_money), PlainSerializer(money_text, str), _text_of(MONEY_PATTERN)]
#: A discount in an order.
Discount = Annotated[Decimal, _read_by(parse_discount), PlainSerializer(price_text, str), _text_of(DISCOUNT_PATTERN)]
#: A price in a catalog, a `unit_price` in a charge line.
Price = Annotated[Decimal, _read_by(parse_price), PlainSerializer(price_text, str), _text_of(PRICE_PATTERN)]
#: A published amount, price of an order or balance.
Amount = Annotated[Decimal, _read_by(_written_figure), PlainSerializer(money_text, str), _text_of(AMOUNT_PATTERN)]
#: Published units of a charge line.
Units = Annotated[Decimal, _read_by(_written_units), PlainSerializer(units_text, str), _text_of(UNITS_PATTERN)]
