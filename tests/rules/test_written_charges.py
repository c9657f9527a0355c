"""Charges written in whole numbers are the exact ones, written: to the last digit, in every field."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from meter.rules.charges import charge_of, package_rate, payg_rates, tariff
from schemas.catalog import Item, Retention
from schemas.money import money_text, price_text, units_text
from schemas.overages import ChargeStruct, LineStruct
from schemas.record import encode
from tests.rules.exact_charges import Line, amount, package_lines, payg_lines

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


def as_written(lines: tuple[Line, ...]) -> ChargeStruct:
    """Exact lines in their written form."""
    written = [
        LineStruct(
            retention_days=line.retention_days or None,
            quantity=line.quantity,
            units=units_text(line.units),
            unit_price=price_text(line.unit_price),
            amount=money_text(line.amount),
        )
        for line in lines
    ]
    return ChargeStruct(amount=money_text(amount(lines)), currency="CNY", lines=written)


@given(items(), quantities)
def test_a_package_charge_is_written_as_it_is(item: Item, overage: int) -> None:
    assert charge_of([package_rate(item)], [overage], "CNY") == as_written(package_lines(overage, item))


@given(items(), st.dictionaries(st.sampled_from([0, 3, 14, 30]), quantities, max_size=4))
def test_a_pay_as_you_go_charge_is_written_as_it_is(item: Item, by_retention: dict[int, int]) -> None:
    rates, charged = payg_rates(by_retention, item)
    assert charge_of(rates, charged, "CNY") == as_written(payg_lines(by_retention, item))


@given(items(), quantities.filter(bool))
def test_a_charge_of_one_line_is_written_at_once(item: Item, overage: int) -> None:
    rate = package_rate(item)
    assert tariff(rate, "CNY").charge(overage).encode() == encode(charge_of([rate], [overage], "CNY"))
