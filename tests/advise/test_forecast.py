"""The forecast of an open day is never below what is there, in any zone and at any time, and silent where it knows too
little."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.advise.forecast import Moment, PastDay, hidden, item_forecast, moment_of
from meter.advise.forecast_text import shape, text
from meter.advise.open_day import DayUsage, Running, day_forecast
from meter.advise.replay import Replay
from meter.rules.billing_days import parse_day, zone
from schemas.catalog import load_catalog
from tests.advise.accounts import MILLION, plan
from tests.strategies import times_in_zones

CATALOG = load_catalog()
HOUR = 3_600_000_000
MONDAY = parse_day("2026-11-02")
NOON = Moment(MONDAY + 21, 12 * HOUR, 24 * HOUR)


def past(*halves: tuple[int, int], first: int = MONDAY + 15) -> list[PastDay]:
    """Days one after the other: what was used by noon, and in all."""
    return [PastDay(first + number, reached, final) for number, (reached, final) in enumerate(halves)]


@st.composite
def past_days(draw: st.DrawFn) -> list[PastDay]:
    """Also days that end lower than they were at this time: corrections take usage back."""
    quantities = st.integers(0, 1000)
    return [PastDay(MONDAY + number, draw(quantities), draw(quantities)) for number in range(draw(st.integers(0, 12)))]


@given(past_days(), st.integers(0, 2000), st.booleans())
def test_no_estimate_is_below_the_usage_of_now(days: list[PastDay], now: int, is_max: bool) -> None:
    found = item_forecast("logs", is_max, now, MONDAY + 21, days)
    if found.estimate is not None:
        assert now <= found.estimate.low <= found.estimate.middle <= found.estimate.high


@given(times_in_zones())
def test_a_day_of_any_length_is_compared_at_the_same_share_of_it(case: tuple[str, list[int]]) -> None:
    name, instants = case
    billing = zone(name)
    for now in instants:
        moment = moment_of(billing, now)
        assert 0 <= moment.elapsed_us <= moment.length_us
        for day in range(moment.day - 7, moment.day):
            cut_off = moment.at_the_same_share(billing, day)
            assert billing.begin_of(day) <= cut_off <= billing.end_of(day)


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-03-30", 24), ("2026-10-25", 25)], ids=["23 h", "24 h", "25 h"]
)
def test_in_the_last_hour_little_is_still_to_come(day: str, hours: int) -> None:
    billing = zone("Europe/Berlin")
    moment = moment_of(billing, billing.end_of(parse_day(day)) - HOUR // 2)
    assert moment.length_us == hours * HOUR
    even = [PastDay(moment.day - number, round(1000 * moment.share), 1000) for number in range(1, 7)]
    found = item_forecast("logs", False, 980, moment.day, even)
    assert found.estimate is not None
    assert 980 <= found.estimate.low <= found.estimate.high <= 1010


def test_usage_grows_by_the_share_that_was_reached_by_now() -> None:
    found = item_forecast(
        "logs", False, 60, NOON.day, past((40, 100), (50, 100), (50, 100), (50, 100), (60, 100), (50, 100))
    )
    assert found.estimate == (100, 120, 150)
    assert found.by == "the last 6 days"


def test_days_of_the_same_kind_are_taken_where_there_are_five() -> None:
    weekend = [PastDay(MONDAY + number, 1, 1000) for number in (5, 6)]
    work = [PastDay(MONDAY + number, 50, 100) for number in (0, 1, 2, 3, 4)]
    found = item_forecast("logs", False, 60, NOON.day, [*work, *weekend])
    assert found.estimate == (120, 120, 120)
    assert found.by == "the last 5 work days"


def test_the_estimate_of_a_max_item_is_its_usual_maximum() -> None:
    days = past((3, 20), (20, 20), (1, 25), (20, 21), (20, 20))
    assert item_forecast("datakit", True, 4, NOON.day, days).estimate == (20, 20, 25)
    assert item_forecast("datakit", True, 24, NOON.day, days).estimate == (24, 24, 25)


def test_where_nothing_was_used_yet_the_rest_of_a_day_is_still_to_come() -> None:
    assert item_forecast("logs", False, 0, NOON.day, past(*[(0, 100)] * 5)).estimate == (100, 100, 100)
    assert item_forecast("logs", False, 7, NOON.day, past(*[(0, 100)] * 5)).estimate == (107, 107, 107)


def test_nothing_is_shown_early_in_the_day_or_from_few_days() -> None:
    assert hidden(Moment(MONDAY, 2 * HOUR, 24 * HOUR), 5) == ""
    assert "2 hours" in hidden(Moment(MONDAY, 2 * HOUR - 1, 24 * HOUR), 5)
    assert "there are 4" in hidden(NOON, 4)
    assert item_forecast("logs", False, 5, NOON.day, past(*[(1, 2)] * 4)).estimate is None


def day_of(reached: dict[str, int], latest: dict[str, int], price: str = "0") -> DayUsage:
    """A day of logs by workspace; who has a charge is charged `price` a million."""
    usage = DayUsage()
    for cells, quantities in ((usage.reached, reached), (usage.latest, latest)):
        for who, quantity in quantities.items():
            cells[("logs", who)] = Running(1, quantity, Decimal(price) * quantity / MILLION)
    return usage


def test_charges_are_what_the_rules_make_of_the_estimated_usage() -> None:
    days = {MONDAY + 15 + each: day_of({"a": 20 * MILLION}, {"a": 40 * MILLION}) for each in range(6)}
    today = day_of({}, {"a": 30 * MILLION})
    plans = [plan("o-1", "startup", "a", first=MONDAY)]
    found = day_forecast(NOON, today, days, plans, Replay(CATALOG))
    assert found.charges.now == 0
    assert found.charges.end == (Decimal(30),) * 3, "60 M of 40 M: 20 M over at 1.5"
    lines = list(text("acct_1", "UTC", found))
    assert all(len(line) <= 80 for line in lines)
    assert any(line.startswith("logs") and "60 M" in line for line in lines)
    assert shape("acct_1", "UTC", found)["items"]["logs"]["end"]["middle"] == 60 * MILLION


@given(past_days(), st.integers(1, 2000), st.integers(0, 2000))
def test_charges_are_never_estimated_below_those_of_now(days: list[PastDay], listed: int, unlisted: int) -> None:
    known = {each.day: day_of({"a": each.reached * 1000}, {"a": each.final * 1000}) for each in days}
    today = day_of({}, {"a": listed * MILLION // 10})
    today.latest["logs", "b"] = Running(1, unlisted * 1000, Decimal("1.5") * unlisted / 1000)
    over = max(0, listed * MILLION // 10 - 40 * MILLION)
    today.latest["logs", "a"].charge = Decimal("1.5") * (100 * over // MILLION) / 100
    found = day_forecast(NOON, today, known, [plan("o-1", "startup", "a", first=MONDAY)], Replay(CATALOG))
    assert found.charges.end is None or found.charges.now <= min(found.charges.end)


def test_a_forecast_names_what_keeps_it_silent() -> None:
    early = Moment(MONDAY, HOUR, 24 * HOUR)
    lines = list(text("acct_1", "UTC", day_forecast(early, day_of({}, {"a": 5}), {}, [], Replay(CATALOG))))
    assert lines[0] == "acct_1 on 2026-11-02 (UTC), 1.0 of 24 hours have passed."
    assert lines[1].startswith("No forecast in the first 2 hours of a day: this one is")


def test_days_are_work_days_by_the_calendar() -> None:
    for day in range(MONDAY, MONDAY + 14):
        assert PastDay(day, 0, 0).work_day == (datetime.fromordinal(day).replace(tzinfo=UTC).weekday() < 5)
