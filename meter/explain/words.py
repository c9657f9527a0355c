"""Quantities and money in the words of a customer: exact, and short where that loses nothing."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.money import money_text

#: A quantity is written with a unit if at most so many decimals say all of it.
DECIMALS = 3
UNITS = ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k"))


def short(quantity: int) -> str:
    """150,000,000 is `150 M`, 12,700,000 is `12.7 M`; what would lose a digit is written in full."""
    for unit, name in UNITS:
        if abs(quantity) >= unit and quantity * 10**DECIMALS % unit == 0:
            return f"{money(Decimal(quantity) / unit)} {name}"
    return f"{quantity:,}"


def signed(quantity: int) -> str:
    """With its sign; 0 has none."""
    return f"+{short(quantity)}" if quantity > 0 else f"−{short(-quantity)}" if quantity else "0"


def money(amount: Decimal) -> str:
    """As few decimals as it needs."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def signed_money(amount: Decimal) -> str:
    """With its sign and at least two decimals."""
    return f"+{money_text(amount)}" if amount > 0 else f"−{money_text(-amount)}" if amount else "0.00"


def joined(parts: Sequence[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def counted(number: int, noun: str) -> str:
    """So many of something."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
