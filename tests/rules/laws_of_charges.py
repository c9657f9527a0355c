"""The laws of SPEC sections 5 and 6: usage of a day, and what it costs."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import strategies as st

from schemas.catalog import Item, Retention
from schemas.rows import NO_RETENTION, Correction, Use
from tests.rules.laws import Law, Rules
from tests.strategies import prices

RETENTIONS = {days: Retention(factor, Decimal(factor)) for days, factor in ((3, 1), (14, 1), (30, 2), (60, 3))}
LOGS = Item("logs", "sum", 10, Decimal("1.5"), 14, RETENTIONS)
HOSTS = Item("hosts", "max", 1, Decimal(3), None, {})


def usage_is_floored_and_converted(rules: Rules, sums: dict[int, int]) -> None:
    use = Use(sums=sums)
    right = {days: max(0, sums[days]) for days in sorted(sums)}
    assert rules.converted(use, LOGS) == sum(right[days] * RETENTIONS[days].factor for days in right)
    assert list(rules.quantity_by_retention(use, LOGS).items()) == [(d, right[d]) for d in right if right[d]]


def a_correction_counts_for_the_day(rules: Rules, example: tuple[int, int | None]) -> None:
    peak, corrected = example
    use = Use(peak=peak, correction=None if corrected is None else Correction(0, "s", "i", corrected))
    right = peak if corrected is None else corrected
    assert rules.converted(use, HOSTS) == right
    assert rules.quantity_by_retention(use, HOSTS) == ({NO_RETENTION: right} if right else {})


def units_are_cut(rules: Rules, example: tuple[int, int, Decimal]) -> None:
    quantity, unit, price = example
    rate = rules.package_rate(Item("any", "sum", unit, price, None, {}))
    (line,) = rules.charge_of([rate], [quantity], "CNY").lines
    exact = Fraction(quantity, unit)
    assert Fraction(line.units) <= exact < Fraction(line.units) + Fraction(1, 100)
    assert Decimal(line.units).as_tuple().exponent == -2
    assert Fraction(line.amount) == Fraction(line.units) * Fraction(price)


def money_is_rounded_once(rules: Rules, amounts: list[Decimal]) -> None:
    exact = sum(map(Fraction, amounts))
    cents = int(exact * 100 + Fraction(1, 2))  # half up: amounts are never below 0
    assert Fraction(rules.due(amounts)) == Fraction(cents, 100)


USAGE = (
    Law(
        "usage: each retention floored at 0, times its factor",
        st.dictionaries(st.sampled_from(sorted(RETENTIONS)), st.integers(-3, 3)),
        usage_is_floored_and_converted,
    ),
    Law(
        "usage: of a max item the highest report, or the correction",
        st.tuples(st.integers(0, 3), st.none() | st.integers(0, 3)),
        a_correction_counts_for_the_day,
    ),
)
CHARGES = (
    Law(
        "charge: units cut to two decimals", st.tuples(st.integers(1, 999), st.integers(1, 99), prices()), units_are_cut
    ),
    Law("charge: rounded half up, once", st.lists(prices(), max_size=4), money_is_rounded_once),
)
