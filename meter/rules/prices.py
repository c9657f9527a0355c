"""Prices of orders: exact decimals, rounded half up to the cent once, at the end.

`EXACT` traps every inexact result, so an unwanted rounding stops the process instead of losing a fraction of a cent.
The one division (an upgrade's share of the validity) is done in whole cents.
"""

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext

from schemas.catalog import Version
from schemas.orders import TrafficLine

#: Digits that an exact product or sum may have; more raises. 50 lines of price × units × discount × days need about 40.
EXACT_DIGITS = 400
EXACT = Context(prec=EXACT_DIGITS, rounding=ROUND_HALF_UP, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])


def purchase_price(package: Decimal, traffic: Iterable[TrafficLine], version: Version, days: int) -> Decimal:
    """Price of a plan package and its traffic packages for the `days` of its validity (SPEC §8)."""
    with localcontext(EXACT):
        return to_the_cent(package + _traffic(traffic, version, days))


def traffic_price(traffic: Iterable[TrafficLine], version: Version, days: int) -> Decimal:
    """Σ price a day × units × discount × days, each line by itself (SPEC §8)."""
    with localcontext(EXACT):
        return to_the_cent(_traffic(traffic, version, days))


def upgrade_price(new: Decimal, present: Decimal, days_left: int, validity_days: int) -> Decimal:
    """(new plan price − price of the present package) × days left ÷ the plan's validity (SPEC §8)."""
    with localcontext(EXACT):
        return to_the_cent((new - present) * days_left, validity_days)


def to_the_cent(amount: Decimal, parts: int = 1) -> Decimal:
    """`amount` ÷ `parts`, rounded half up to two decimals; `amount` ≥ 0 and exact, `parts` ≥ 1."""
    assert amount >= 0, f"a price is at least 0: {amount}"
    with localcontext(EXACT):
        return ((200 * amount + parts) // (2 * parts)).scaleb(-2)


def _traffic(traffic: Iterable[TrafficLine], version: Version, days: int) -> Decimal:
    """Exact price of the traffic lines; call it inside `EXACT`."""
    lines = (version.traffic[line.item].price * line.units * line.discount * days for line in traffic)
    return sum(lines, Decimal(0))
