"""Days and times: the laws, and the odd ones one by one."""

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules import billing_days as days
from meter.rules.billing_days import DAY_US, FIRST_DAY, LAST_DAY, day_text, parse_day, parse_time, time_text, zone
from schemas.days import TIME_PATTERN
from tests.rules.laws import Law
from tests.rules.laws_of_days import DAYS
from tests.strategies import HOUR, SECOND

#: The outermost instants a time can state.
EARLIEST = parse_time("0001-01-01T00:00:00+23:59")
LATEST = parse_time("9999-12-31T23:59:59.999999999-23:59")


@pytest.mark.parametrize("law", DAYS, ids=lambda law: law.text)
@given(example=st.data())
def test_days_keep_law(law: Law, example: st.DataObject) -> None:
    law.holds(days, example.draw(law.examples))


@pytest.mark.parametrize(
    ("name", "day", "ends", "hours"),
    [
        ("Asia/Shanghai", "2026-01-31", "2026-01-31T16:00:00Z", 24),
        ("+05:37", "2026-01-31", "2026-01-31T18:23:00Z", 24),
        ("-23:59", "2026-01-31", "2026-02-01T23:59:00Z", 24),
        ("Europe/Berlin", "2026-03-29", "2026-03-29T22:00:00Z", 23),
        ("Europe/Berlin", "2026-10-25", "2026-10-25T23:00:00Z", 25),
        ("Australia/Lord_Howe", "2026-04-05", "2026-04-05T13:30:00Z", 24.5),
        # Without a midnight: 00:00 is 01:00 at once.
        ("America/Sao_Paulo", "2018-11-03", "2018-11-04T03:00:00Z", 24),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-05T02:00:00Z", 23),
        ("Asia/Beirut", "2024-03-30", "2024-03-30T22:00:00Z", 24),
        ("Asia/Beirut", "2024-03-31", "2024-03-31T21:00:00Z", 23),
        # 00:00 is 23:00 again: the day goes on for an hour.
        ("Asia/Beirut", "2024-10-26", "2024-10-26T22:00:00Z", 25),
        # 01:00 is 00:00 again: the day before has been over for an hour and stays so.
        ("America/Havana", "2025-11-01", "2025-11-02T04:00:00Z", 24),
        ("America/Havana", "2025-11-02", "2025-11-03T05:00:00Z", 25),
        # 00:01 is 23:01 again: a minute of the next day has been, then the day goes on.
        ("America/St_Johns", "2009-10-31", "2009-11-01T03:30:00Z", 25),
        # Skipped: it ends with the day before it.
        ("Pacific/Apia", "2011-12-29", "2011-12-30T10:00:00Z", 24),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0),
        ("Pacific/Apia", "2011-12-31", "2011-12-31T10:00:00Z", 24),
    ],
)
def test_a_day_ends_when_its_date_is_over(name: str, day: str, ends: str, hours: float) -> None:
    billing, ordinal = zone(name), parse_day(day)
    assert time_text(billing.end_of(ordinal)) == ends
    assert billing.end_of(ordinal) - billing.end_of(ordinal - 1) == hours * HOUR
    assert billing.name == name


@pytest.mark.parametrize(
    ("name", "day", "begins"),
    [
        ("Asia/Shanghai", "2026-01-31", "2026-01-30T16:00:00Z"),
        ("+05:37", "2026-01-31", "2026-01-30T18:23:00Z"),
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"),
        # A minute of it comes before the day before it goes on: it has begun.
        ("America/St_Johns", "2009-11-01", "2009-11-01T02:30:00Z"),
        # Skipped: it begins with the day after it.
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z"),
    ],
)
def test_a_day_begins_when_its_date_first_comes(name: str, day: str, begins: str) -> None:
    assert time_text(zone(name).begin_of(parse_day(day))) == begins


@pytest.mark.parametrize(
    ("name", "time", "day"),
    [
        ("Asia/Shanghai", "2026-01-31T15:59:59.999999999Z", "2026-01-31"),  # rounded it would be tomorrow
        ("Asia/Shanghai", "2026-01-31T16:00:00Z", "2026-02-01"),
        ("Asia/Shanghai", "2026-02-01T00:00:00+08:00", "2026-02-01"),
        ("+05:37", "2026-01-31T18:22:59.9999999Z", "2026-01-31"),
        ("+05:37", "2026-01-31T18:23:00Z", "2026-02-01"),
        ("Pacific/Apia", "2011-12-30T09:59:59Z", "2011-12-29"),
        ("Pacific/Apia", "2011-12-30T10:00:00Z", "2011-12-31"),
        ("America/St_Johns", "2009-11-01T02:30:30Z", "2009-11-01"),
        ("America/St_Johns", "2009-11-01T02:31:00Z", "2009-10-31"),
        ("America/St_Johns", "2009-11-01T03:30:00Z", "2009-11-01"),
    ],
)
def test_an_instant_belongs_to_its_local_date(name: str, time: str, day: str) -> None:
    assert day_text(zone(name).day_of(parse_time(time))) == day


@pytest.mark.parametrize("name", ["Asia/Shanghai", "America/New_York", "UTC", "+23:59", "-23:59"])
def test_every_instant_has_a_day(name: str) -> None:
    billing = zone(name)
    outside = (EARLIEST, EARLIEST - 10**30, LATEST, LATEST + 10**30)
    assert [billing.day_of(time) for time in outside] == [FIRST_DAY, FIRST_DAY, LAST_DAY, LAST_DAY]
    assert billing.end_of(FIRST_DAY) < billing.end_of(FIRST_DAY + 1)
    assert billing.end_of(LAST_DAY - 1) < billing.end_of(LAST_DAY)


def test_a_zone_keeps_a_bounded_number_of_days() -> None:
    billing = zone("Europe/Berlin")
    days_asked = range(2 * days.RUNS_KEPT)
    assert [billing.day_of(day * DAY_US) - days.EPOCH_DAY for day in days_asked] == list(days_asked)
    assert len(billing._runs) <= days.RUNS_KEPT


@pytest.mark.parametrize(
    "name",
    ["", "Z", "+8:00", "+24:00", "+05:60", "+05:37 ", "+05:37\n", "+٠٥:٣٧", "05:37", "+0537", "Asia/Nowhere", "asia",
     "../etc/passwd", "/etc/localtime", "right/Asia/Shanghai", "Asia", "a" * 1000, "\ud800", "\0"],
)  # fmt: skip
def test_what_is_no_zone_is_refused_in_a_sentence(name: str) -> None:
    with pytest.raises(ValueError, match="a time zone must be an IANA name or an offset"):
        zone(name)


@pytest.mark.parametrize(
    ("text", "time_us"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00-00:00", 0),
        ("1970-01-01T00:00:01.5Z", 1_500_000),
        ("1970-01-01T08:00:00.000001+08:00", 1),
        ("1970-01-01T00:00:00.0000009Z", 0),
        ("1970-01-01T00:00:00.999999999Z", 999_999),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1969-12-31T23:59:59.9999999-00:00", -1),
        ("1970-01-01T23:59:00+23:59", 0),
        ("2024-02-29T00:00:00Z", 1_709_164_800 * SECOND),
        ("0001-01-01T00:00:00Z", (1 - days.EPOCH_DAY) * DAY_US),
        ("0001-01-01T00:00:00+23:59", (1 - days.EPOCH_DAY) * DAY_US - DAY_US + 60 * SECOND),
        ("9999-12-31T23:59:59.999999Z", (LAST_DAY + 1 - days.EPOCH_DAY) * DAY_US - 1),
        ("9999-12-31T23:59:59.999999-23:59", (LAST_DAY + 2 - days.EPOCH_DAY) * DAY_US - 60 * SECOND - 1),
    ],
)
def test_a_time_is_read(text: str, time_us: int) -> None:
    assert parse_time(text) == time_us
    assert parse_time(text) == time_us, "also from the cache"
    assert parse_time(time_text(time_us)) == time_us


@pytest.mark.parametrize(
    "text",
    [
        *("", "Z", "2026-01-31", "2026-01-31T08:00:00", "2026-01-31T08:00Z", "2026-01-31T08Z", "20260131T080000Z"),
        *("2026-01-31t08:00:00Z", "2026-01-31T08:00:00z", "2026-01-31 08:00:00Z", "2026-01-31T08:00:00 Z"),
        *(" 2026-01-31T08:00:00Z", "2026-01-31T08:00:00Z ", "2026-01-31T08:00:00Z\n", "2026-01-31T08:00:00.5Z\n"),
        *("2026-01-31T24:00:00Z", "2026-01-31T24:00:00.0Z", "2026-01-31T08:60:00Z", "2026-01-31T23:59:60Z"),
        *("2016-12-31T23:59:60Z", "2026-01-31T08:00:60.5Z", "2026-01-31T08:00:60+08:00"),
        *("2026-02-30T08:00:00Z", "2026-02-29T08:00:00Z", "2026-13-01T08:00:00Z", "2026-00-01T08:00:00Z"),
        *("2026-01-00T08:00:00Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "-2026-01-31T08:00:00Z"),
        *("2026-01-31T08:00:00.Z", "2026-01-31T08:00:00.1234567890Z", "2026-01-31T08:00:00,5Z"),
        *("2026-01-31T08:00:00.-1Z", "2026-01-31T08:00:00.+1Z", "2026-01-31T08:00:00.1_1Z", "2026-01-31T08:00:00. 1Z"),
        *("2026-01-31T08:00:00+8:00", "2026-01-31T08:00:00+0800", "2026-01-31T08:00:00+08"),
        *("2026-01-31T08:00:00+24:00", "2026-01-31T08:00:00+08:60"),
        *("2026-01-31T08:00:00+08:00:00", "2026-01-31T08:00:00−08:00"),
        *("2026-01-31T08:00:00GMT", "2026-01-31T08:00:00Z+08:00", "2026-W05-6T08:00:00Z", "2026-031T08:00:00Z"),
        *("２０２６-01-31T08:00:00Z", "2026-01-31T08:00:00.５Z", "2026-01-31T08:00:00.²Z", "2026-01-31T08:00:0\ud800Z"),
        *("2026-01-31T08:00:00\0Z", "1769817600", "now", "x" * 100_000),
    ],
)  # fmt: skip
def test_what_is_no_time_is_refused(text: str) -> None:
    parse_time("2026-01-31T08:00:00Z")  # its hour is known, and does not help
    with pytest.raises(ValueError, match=r"a (time|day) must be") as refusal:
        parse_time(text)
    assert len(str(refusal.value)) < 250
    assert str(refusal.value).isprintable()


@given(
    st.text("0123456789-T:.Z+ \n", max_size=32)
    | st.text(max_size=32)
    | st.from_regex(re.compile(TIME_PATTERN, re.ASCII), fullmatch=True)
)
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        time_us = parse_time(text)
    except ValueError:
        return
    assert EARLIEST <= time_us <= LATEST
    assert parse_time(time_text(time_us)) == time_us


@given(st.integers(EARLIEST, LATEST))
def test_every_instant_can_be_written(time_us: int) -> None:
    assert parse_time(time_text(time_us)) == time_us


def test_hours_known_are_bounded() -> None:
    for day in range(3 * days.TEXTS_KEPT):
        parse_time(f"{day_text(FIRST_DAY + day)}T00:00:00Z")
    assert len(days._hours) <= days.TEXTS_KEPT


@given(st.dates())
def test_a_day_is_written_as_it_is_read(day: date) -> None:
    assert parse_day(day.isoformat()) == day.toordinal()
    assert day_text(day.toordinal()) == day.isoformat()


@pytest.mark.parametrize(
    "text", ["", "2026-1-31", "20260131", "2026-W05-6", "2026-031", "2026-02-29", "0000-01-01", "2026-01-31\n",
             "２０２６-01-31", "2026-01-31T00:00:00Z", "+026-01-31"],
)  # fmt: skip
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="a day must be a date"):
        parse_day(text)
