"""Days and times are judged alike by the models and by the rules."""

from datetime import date

import pytest

from meter.rules.billing_days import parse_time
from schemas.days import check_day, check_time, parse_date

BAD_DAYS = [
    "2026-02-29",
    "0000-01-01",
    "2026-1-31",
    "20260131",
    "2026-01-31T00:00:00",
    "2026-01-31\n",
    "2026-W05-6",
    "２026-01-31",
]
GOOD_TIMES = [
    "2026-01-31T08:00:00Z",
    "2026-01-31T08:00:00.1Z",
    "2026-01-31T08:00:00.123456789+08:00",
    "2024-02-29T23:59:59-23:59",
    "2026-01-31T08:00:00-00:00",
]
BAD_TIMES = [
    "2026-01-31T24:00:00Z",
    "2026-01-31T08:00:60Z",
    "2026-01-31T08:60:00Z",
    "2026-02-29T08:00:00Z",
    "2026-13-01T08:00:00Z",
    "2026-01-31t08:00:00Z",
    "2026-01-31T08:00:00z",
    "2026-01-31 08:00:00Z",
    "2026-01-31T08:00:00",
    "2026-01-31T08:00Z",
    "2026-01-31T08:00:00.Z",
    "2026-01-31T08:00:00,5Z",
    "2026-01-31T08:00:00.1234567890Z",
    "2026-01-31T08:00:00+0800",
    "2026-01-31T08:00:00+08",
    "2026-01-31T08:00:00+24:00",
    "2026-01-31T08:00:00+08:60",
    "2026-01-31T08:00:00+08:00:00",
    "2026-01-31T08:00:00Z\n",
    "2026-01-31T08:00:0\uff15Z",
    "-2026-01-31T08:00:00Z",
    "",
]


def test_a_day_is_read() -> None:
    assert parse_date("2026-01-31") == date(2026, 1, 31)
    assert check_day("9999-12-31") == "9999-12-31"


@pytest.mark.parametrize("text", [*BAD_DAYS, 20260131, None, date(2026, 1, 31), b"2026-01-31"])
def test_anything_else_is_no_day(text: object) -> None:
    with pytest.raises(ValueError, match=r"day|year"):
        parse_date(text)


@pytest.mark.parametrize("text", GOOD_TIMES)
def test_models_and_rules_accept_the_same_times(text: str) -> None:
    assert check_time(text) == text
    parse_time(text)


@pytest.mark.parametrize("text", BAD_TIMES)
def test_models_and_rules_refuse_the_same_times(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        check_time(text)
    with pytest.raises(ValueError, match=r"."):
        parse_time(text)
