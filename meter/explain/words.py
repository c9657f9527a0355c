"""Quantities and money in the words of a customer: exact, and short where that loses nothing."""

from collections.abc import Sequence
from decimal import Decimal

from schemas.money import money_text

#: Units with the most decimals in which a quantity is written in them; else it is written in full.
UNITS = ((10**12, "T", 3), (10**9, "G", 3), (10**6, "M", 3), (10**3, "k", 1))


def short(quantity: int) -> str:
    """150,000,000 is `150 M`, 12,700,000 is `12.7 M`; what would lose a digit is written in full."""
    for unit, name, places in UNITS:
        if abs(quantity) >= unit:
            whole, rest = divmod(abs(quantity) * 10**places, unit)
            if rest:
                break
            decimals = f"{whole % 10**places:0{places}d}".rstrip("0")
            sign = "−" if quantity < 0 else ""
            return f"{sign}{whole // 10**places:,}{f'.{decimals}' if decimals else ''} {name}"
    return f"{quantity:,}".replace("-", "−")


def signed(quantity: int) -> str:
    """With its sign; 0 has none."""
    return f"+{short(quantity)}" if quantity > 0 else f"−{short(-quantity)}" if quantity else "0"


def signed_money(amount: Decimal) -> str:
    """With its sign and at least two decimals."""
    return f"+{money_text(amount)}" if amount > 0 else f"−{money_text(-amount)}" if amount else "0.00"


def joined(parts: Sequence[str]) -> str:
    """a, b and c."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
