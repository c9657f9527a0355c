"""Charges written in whole numbers are the exact ones, written: to the last digit, in every field."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meter.rules.charges import Line, amount, package_lines, payg_lines, written_package, written_payg
from schemas.catalog import Item, Retention
from schemas.money import money_text, price_text, units_text
from schemas.rows import ChargeLine

prices = st.one_of(
    st.sampled_from([Decimal("1.5"), Decimal("0"), Decimal("0.1"), Decimal("0.00125"), Decimal("7"), Decimal("1E+2")]),
    st.decimals(min_value=0, max_value=10**6, places=5, allow_nan=False, allow_infinity=False),
)
units = st.sampled_from([1, 3, 7, 100, 10_000, 1_000_000])
quantities = st.integers(0, 10**7) | st.integers(0, 10**21)


@st.composite
def items(draw: st.DrawFn) -> Item:
    unit, price = draw(units), draw(prices)
    if draw(st.booleans()):
        return Item("triggers", "sum", unit, price, None, {})
    retentions = {14: Retention(1, price), 3: Retention(1, draw(prices)), 30: Retention(2, draw(prices))}
    return Item("logs", "sum", unit, price, 14, retentions)


def as_written(lines: tuple[Line, ...]) -> tuple[ChargeLine, ...]:
    """Exact lines in their written form."""
    return tuple(
        ChargeLine(
            line.retention_days,
            line.quantity,
            units_text(line.units),
            price_text(line.unit_price),
            money_text(line.amount),
        )
        for line in lines
    )


@given(items(), quantities)
def test_a_package_charge_is_written_as_it_is(item: Item, overage: int) -> None:
    lines = package_lines(overage, item)
    told = written_package(overage, item)
    assert told.amount == money_text(amount(lines))
    assert told.lines == as_written(lines)


@given(items(), st.dictionaries(st.sampled_from([0, 3, 14, 30]), quantities, max_size=4))
def test_a_pay_as_you_go_charge_is_written_as_it_is(item: Item, by_retention: dict[int, int]) -> None:
    lines = payg_lines(by_retention, item)
    told = written_payg(by_retention, item)
    assert told.amount == money_text(amount(lines))
    assert told.lines == as_written(lines)
