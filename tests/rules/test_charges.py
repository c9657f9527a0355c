"""Charges: units are cut, products exact, the sum rounded once."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules import charges
from meter.rules.charges import charge_of, due, package_rate, payg_rates
from schemas.catalog import Item, Retention
from schemas.money import money_text
from schemas.overages import ChargeStruct
from schemas.rows import NO_RETENTION
from tests.rules.laws import Law
from tests.rules.laws_of_charges import CHARGES

PRICES = {3: "1", 7: "1.2", 14: "1.5", 30: "2", 60: "2.5"}
RETENTIONS = {days: Retention(1, Decimal(price)) for days, price in PRICES.items()}
LOGS = Item("logs", "sum", 1_000_000, Decimal("1.5"), 14, RETENTIONS)
SMS = Item("sms", "sum", 1, Decimal("0.1"), None, {})


def package(overage: int, item: Item) -> ChargeStruct:
    """The charge of a workspace that a plan lists."""
    return charge_of([package_rate(item)], [overage], "CNY")


def payg(by_retention: dict[int, int], item: Item) -> ChargeStruct:
    """The charge of a workspace that no plan lists."""
    return charge_of(*payg_rates(by_retention, item), "CNY")


def written(charge: ChargeStruct) -> list[tuple[int, int, str, str, str]]:
    """Its lines."""
    return [
        (line.retention_days or NO_RETENTION, line.quantity, line.units, line.unit_price, line.amount)
        for line in charge.lines
    ]


@pytest.mark.parametrize("law", CHARGES, ids=lambda law: law.text)
@given(example=st.data())
def test_charges_keep_law(law: Law, example: st.DataObject) -> None:
    law.holds(charges, example.draw(law.examples))


@pytest.mark.parametrize(
    ("overage", "units", "price"),
    [
        (50_000_000, "50.00", "75.00"),
        (1_009_999, "1.00", "1.50"),  # cut, not rounded
        (1_010_000, "1.01", "1.515"),  # a line's amount is the exact product
        (9_999, "0.00", "0.00"),  # over all the same, and for nothing
        (20_000 * 10**15, "20000000000000.00", "30000000000000.00"),
    ],
)
def test_overage_is_one_line_at_the_default_retention(overage: int, units: str, price: str) -> None:
    assert written(package(overage, LOGS)) == [(14, overage, units, "1.5", price)]


def test_an_item_without_retentions_has_a_line_without_one() -> None:
    assert written(package(3, SMS)) == [(NO_RETENTION, 3, "3.00", "0.1", "0.30")]
    assert written(payg({NO_RETENTION: 3}, SMS)) == [(NO_RETENTION, 3, "3.00", "0.1", "0.30")]


def test_nothing_over_is_no_line() -> None:
    assert written(package(0, LOGS)) == []
    assert package(0, LOGS).amount == "0.00"
    assert charge_of((), (), "CNY").amount == "0.00"


def test_pay_as_you_go_is_a_line_for_each_retention_unconverted_shortest_first() -> None:
    charge = payg({60: 1_000_000, 3: 2_500_000, 30: 0, 14: 1}, LOGS)
    assert written(charge) == [
        (3, 2_500_000, "2.50", "1", "2.50"),
        (14, 1, "0.00", "1.5", "0.00"),
        (60, 1_000_000, "1.00", "2.5", "2.50"),
    ]
    assert Decimal(charge.amount) == 5


def test_a_retention_the_catalog_no_longer_has_costs_the_items_price() -> None:
    assert written(payg({90: 1_000_000}, LOGS)) == [(90, 1_000_000, "1.00", "1.5", "1.50")]


@pytest.mark.parametrize(
    ("amounts", "rounded"),
    [
        ([], "0.00"),
        (["0.004", "0.004"], "0.01"),  # each by itself would be nothing
        (["0.005"], "0.01"),
        (["0.0049999"], "0.00"),
        (["1.515", "1.515"], "3.03"),
        (["15", "60", "15", "40", "2"], "132.00"),
    ],
)
def test_what_is_due_is_rounded_half_up_once(amounts: list[str], rounded: str) -> None:
    assert money_text(due(map(Decimal, amounts))) == rounded


def test_the_callers_decimal_context_does_not_matter() -> None:
    with localcontext(prec=3):
        (line,) = package(123_456_780_000, LOGS).lines
        assert line.amount == "185185.17"
        rate = package_rate(LOGS)
        assert charge_of([rate, rate], [line.quantity, line.quantity], "CNY").amount == "370370.34"
        assert money_text(due([Decimal(line.amount), Decimal("0.005")])) == "185185.18"
