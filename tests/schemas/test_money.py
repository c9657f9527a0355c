"""Money is read exactly and written in one form, whatever the decimal context."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.money import money_text, parse_discount, parse_money, parse_price, price_text, units_text

NO_MONEY = [
    "",
    "1_000",
    "\uff15",
    "\u0661",
    "NaN",
    "Infinity",
    "1e3",
    "+1",
    ".5",
    "5.",
    "1.234",
    "1" * 13,
    "5\n",
    " 5",
    "--5",
    "0x1",
]


@pytest.mark.parametrize("text", ["0", "0.1", "53392.00", "-3", "999999999999.99", "007"])
def test_money_of_an_order_is_read(text: str) -> None:
    assert parse_money(text) == Decimal(text)


@pytest.mark.parametrize("text", [*NO_MONEY, 5, 5.0, True, None, Decimal(5), b"5", ["5"]])
def test_anything_else_is_no_money(text: object) -> None:
    with pytest.raises(ValueError, match="money must be a decimal string"):
        parse_money(text)


def test_there_is_no_negative_zero() -> None:
    assert not parse_money("-0.00").is_signed()
    assert money_text(Decimal("-0")) == "0.00"
    assert price_text(Decimal("-0.0")) == "0"


@pytest.mark.parametrize("text", ["1", "1.0", "1.0000", "0.8", "0.0001", "0.9999"])
def test_a_discount_is_read(text: str) -> None:
    assert parse_discount(text) == Decimal(text)


@pytest.mark.parametrize("text", ["0", "0.0", "0.0000", "1.0001", "0.80000", ".8", "-0.8", "2", "0.8\n", 0.8, 1, True])
def test_anything_else_is_no_discount(text: object) -> None:
    with pytest.raises(ValueError, match="a discount must be a decimal string"):
        parse_discount(text)


@pytest.mark.parametrize("text", ["0", "0.1", "1.25", "0.00125", "42000", "0." + "3" * 38])
def test_a_price_has_any_number_of_decimals(text: str) -> None:
    assert price_text(parse_price(text)) == text


@pytest.mark.parametrize("text", ["-1", "1e3", "NaN", "1_0", "\uff15", "1.", ".1", "1\n", "9" * 41, 1, 1.5, True])
def test_anything_else_is_no_price(text: object) -> None:
    with pytest.raises(ValueError, match="a price must be a decimal string"):
        parse_price(text)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("75.000", "75.00"),
        ("75", "75.00"),
        ("0.1", "0.10"),
        ("0.125", "0.125"),
        ("0.12500", "0.125"),
        ("1E+3", "1000.00"),
        ("1E-7", "0.0000001"),
        ("-3.5", "-3.50"),
        ("123456789012345678901234567890.12", "123456789012345678901234567890.12"),
    ],
)
def test_amounts_have_at_least_two_decimals_and_no_more_than_they_need(value: str, text: str) -> None:
    assert money_text(Decimal(value)) == text


@pytest.mark.parametrize(("value", "text"), [("50", "50.00"), ("0.10", "0.10"), ("1E+2", "100.00"), ("7.5", "7.50")])
def test_units_have_exactly_two_decimals(value: str, text: str) -> None:
    assert units_text(Decimal(value)) == text


def test_units_that_were_not_cut_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="cut to two decimals"):
        units_text(Decimal("0.123"))


@pytest.mark.parametrize(
    ("value", "text"), [("1.50", "1.5"), ("1.00", "1"), ("100", "100"), ("0.100", "0.1"), ("1E+2", "100")]
)
def test_prices_have_as_few_decimals_as_they_need(value: str, text: str) -> None:
    assert price_text(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_a_bug(value: str) -> None:
    with pytest.raises(AssertionError, match="finite"):
        money_text(Decimal(value))


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_writing_is_exact_in_any_context(value: Decimal) -> None:
    with localcontext(prec=2):
        assert Decimal(money_text(value)) == value
        assert Decimal(price_text(value)) == value
