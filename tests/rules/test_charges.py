"""Charges: units are cut, products exact, the sum rounded once."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules import charges
from meter.rules.charges import Line, amount, due, package_lines, payg_lines
from schemas.catalog import Item, Retention
from schemas.money import money_text, price_text, units_text
from schemas.rows import NO_RETENTION
from tests.rules.laws import Law
from tests.rules.laws_of_charges import CHARGES

PRICES = {3: "1", 7: "1.2", 14: "1.5", 30: "2", 60: "2.5"}
RETENTIONS = {days: Retention(1, Decimal(price)) for days, price in PRICES.items()}
LOGS = Item("logs", "sum", 1_000_000, Decimal("1.5"), 14, RETENTIONS)
SMS = Item("sms", "sum", 1, Decimal("0.1"), None, {})


def written(lines: tuple[Line, ...]) -> list[tuple[int, int, str, str, str]]:
    """Lines as they are published."""
    return [
        (days, quantity, units_text(units), price_text(price), money_text(product))
        for days, quantity, units, price, product in lines
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
    assert written(package_lines(overage, LOGS)) == [(14, overage, units, "1.5", price)]


def test_an_item_without_retentions_has_a_line_without_one() -> None:
    assert written(package_lines(3, SMS)) == [(NO_RETENTION, 3, "3.00", "0.1", "0.30")]
    assert written(payg_lines({NO_RETENTION: 3}, SMS)) == [(NO_RETENTION, 3, "3.00", "0.1", "0.30")]


def test_nothing_over_is_no_line() -> None:
    assert package_lines(0, LOGS) == ()
    assert amount(()) == 0
    assert money_text(amount(())) == "0.00"


def test_pay_as_you_go_is_a_line_for_each_retention_unconverted_shortest_first() -> None:
    lines = payg_lines({60: 1_000_000, 3: 2_500_000, 30: 0, 14: 1}, LOGS)
    assert written(lines) == [
        (3, 2_500_000, "2.50", "1", "2.50"),
        (14, 1, "0.00", "1.5", "0.00"),
        (60, 1_000_000, "1.00", "2.5", "2.50"),
    ]
    assert amount(lines) == 5


def test_a_retention_the_catalogue_no_longer_has_costs_the_items_price() -> None:
    assert written(payg_lines({90: 1_000_000}, LOGS)) == [(90, 1_000_000, "1.00", "1.5", "1.50")]


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
        (line,) = package_lines(123_456_780_000, LOGS)
        assert money_text(line.amount) == "185185.17"
        assert money_text(amount([line, line])) == "370370.34"
        assert money_text(due([line.amount, Decimal("0.005")])) == "185185.18"
