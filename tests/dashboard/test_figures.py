"""Figures on a page: short but never more than there is, money in full, the clock of the billing day."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.dashboard.pages.figures import DaySpan, ago, full, money, percent, short

LETTERS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (9_999, "9,999"),
        (10_000, "10 k"),
        (12_345, "12.34 k"),
        (149_999_999, "149.9 M"),
        (50_000_000, "50 M"),
        (1_949_000_000, "1,949 M"),
        (12_345_678_901, "12.34 G"),
        (-40_000_000, "−40 M"),
    ],
)
def test_a_quantity_is_written_in_a_few_characters(value: int, text: str) -> None:
    assert short(value) == text


@given(st.integers(-(10**15), 10**15))
def test_a_short_quantity_is_never_more_than_there_is_and_at_most_a_thousandth_less(value: int) -> None:
    number, _, letter = short(abs(value)).partition(" ")
    whole, _, decimals = number.replace(",", "").partition(".")
    shown = int(whole + decimals) * LETTERS[letter] // 10 ** len(decimals)
    assert shown <= abs(value)
    assert (abs(value) - shown) * 1000 <= abs(value)
    assert short(value).startswith("−") == (value < 0)


@given(st.integers(-(10**18), 10**18))
def test_the_full_number_has_every_digit(value: int) -> None:
    assert int(full(value).replace(",", "").replace("−", "-")) == value


@pytest.mark.parametrize(
    ("amount", "signed", "text"),
    [
        ("1234567.5", False, "1,234,567.50"),
        ("0.00125", False, "0.00125"),
        ("75.00", True, "+75.00"),
        ("-27.60", True, "−27.60"),
        ("0.00", True, "0.00"),
    ],
)
def test_money_keeps_every_decimal(amount: str, signed: bool, text: str) -> None:
    assert money(amount, signed) == text


def test_a_share_is_cut_so_that_100_percent_means_all() -> None:
    assert percent(149_999_999, 150_000_000) == "99 %"
    assert percent(150_000_000, 150_000_000) == "100 %"
    assert percent(1, 150_000_000) == "<1 %"
    assert percent(0, 0) == "–"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (0.4, "0.4 s"), (75, "75 s"), (130, "2 min"), (7_300, "2 h"), (2e5, "2 d")]
)
def test_how_long_ago_is_shown_in_one_unit(seconds: float, text: str) -> None:
    assert ago(seconds) == text


@pytest.mark.parametrize(
    ("day", "next_day", "offsets", "zone", "hours"),
    [
        ("2026-03-29", "2026-03-30", ("+01:00", "+02:00"), "Europe/Berlin", 23),
        ("2026-10-25", "2026-10-26", ("+02:00", "+01:00"), "Europe/Berlin", 25),
        ("2026-01-31", "2026-02-01", ("+05:37", "+05:37"), "+05:37", 24),
    ],
)
def test_a_day_is_drawn_with_as_many_hours_as_it_has(
    day: str, next_day: str, offsets: tuple[str, str], zone: str, hours: int
) -> None:
    span = DaySpan(f"{day}T00:00:00{offsets[0]}", f"{next_day}T00:00:00{offsets[1]}", zone)
    assert len(span.hours) == hours
    assert span.hours[0]["clock"] == "00:00"
    assert span.hours[-1]["clock"] == "23:00"
    assert sum(float(hour["width"]) for hour in span.hours) == pytest.approx(100, abs=0.1)
    assert span.place(f"{next_day}T00:00:00{offsets[1]}") == 100
