"""The end of the day on its page: what `meter forecast` says, never below what is there, silent where it must be."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.advise.forecast import moment_of
from meter.advise.forecast_text import shape
from meter.advise.open_day import Watched, day_forecast
from meter.advise.replay import Replay
from meter.dashboard.ingest.published import Published
from meter.dashboard.pages import render
from meter.dashboard.views.forecast import reached
from meter.rules.billing_days import day_text, parse_day, parse_time
from schemas.catalog import load_catalog
from schemas.overages import Overage
from tests.dashboard.page_models import DAY as CASE_DAY
from tests.dashboard.page_models import site, worked_day
from tests.dashboard.read_models import ReadModel
from tests.dashboard.test_worth import overage

MILLION = 1_000_000
TODAY = "2026-02-03"
QUARTER_US = 900_000_000
CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")
#: Hours of a day and what of 40 M was used by their ends.
GROWTH = {6: 10, 12: 20, 18: 30, 23: 40}


def used(model: ReadModel, day: str, hour: float, million: int, revision: int, item: str = "logs") -> Published:
    """A workspace by usage reported so much, so many hours into a day."""
    begins, _ = model.calendar.bounds(day)
    amount = f"{million * 1.5:.2f}"
    record = overage("w", "pay_as_you_go") | {"day": day, "item": item, "revision": revision}
    record |= {"usage": million * MILLION, "overage": million * MILLION, "delta": 0, "previous_revision": 0}
    record["charge"] = {"amount": amount, "currency": "CNY", "lines": []}
    at_ms = begins // 1000 + int(hour * 3_600_000)
    return Published("overages", 0, revision, at_ms, f"a/w/{item}/{day}".encode(), json.dumps(record).encode())


def grown(model: ReadModel, day: str, growth: Mapping[int, int], first: int) -> list[Published]:
    """A day on which usage came a minute before these hours."""
    return [used(model, day, hour - 1 / 60, total, first + place) for place, (hour, total) in enumerate(growth.items())]


@pytest.fixture
def model(tmp_path: Path) -> Iterator[ReadModel]:
    found = ReadModel(tmp_path / "d.sqlite", catalog=CATALOG)
    yield found
    found.close()


def history(model: ReadModel, days: int, today: str = TODAY) -> list[Published]:
    """So many days like each other before today."""
    number = parse_day(today)
    return [
        each
        for before in range(days, 0, -1)
        for each in grown(model, day_text(number - before), GROWTH, first=100 * (days - before) + 1)
    ]


def forecast(model: ReadModel, now: str, day: str = TODAY) -> Any:
    return model.page(f"accounts/a/days/{day}", now)["forecast"]


def test_today_is_taken_to_go_on_as_the_days_before_it(model: ReadModel) -> None:
    model.take([*history(model, 6), used(model, TODAY, 12, 30, 900)], TODAY)
    found = forecast(model, f"{TODAY}T12:00:00Z")
    assert found["reason"] is None
    logs = found["items"]["logs"]
    assert logs["end"] == {"low": 60 * MILLION, "middle": 60 * MILLION, "high": 60 * MILLION}
    assert (logs["charges"]["now"], logs["charges"]["end"]["middle"]) == ("45.00", "90.00")
    assert found["charges"]["end"]["middle"] == "90.00"


def test_it_is_what_the_command_says_of_the_same_records(model: ReadModel) -> None:
    records = [*history(model, 6), used(model, TODAY, 12, 30, 900)]
    model.take(records, TODAY)
    now = parse_time(f"{TODAY}T12:00:00Z")
    moment = moment_of(model.calendar.zone, now)
    days = range(moment.day - 6, moment.day + 1)
    watched = Watched({day_text(day): moment.at_the_same_share(model.calendar.zone, day) // 1000 for day in days})
    for each in records:
        watched.take_overage(Overage.model_validate_json(each.value), each.at_ms)
    past = {day: watched.days[day_text(day)] for day in days[:-1]}
    found = shape("a", "+00:00", day_forecast(moment, watched.days[TODAY], past, [], Replay(CATALOG)))
    assert forecast(model, f"{TODAY}T12:00:00Z") == {
        name: value for name, value in found.items() if name not in ("account", "day", "time_zone")
    }


@pytest.mark.parametrize(
    ("days", "now", "reason"),
    [(6, "01:59:59", "2 hours"), (4, "12:00:00", "there are 4"), (0, "12:00:00", "there are 0")],
)
def test_it_is_silent_early_and_with_little_history(model: ReadModel, days: int, now: str, reason: str) -> None:
    model.take([*history(model, days), used(model, TODAY, 1, 30, 900)], TODAY)
    found = forecast(model, f"{TODAY}T{now}Z")
    assert reason in found["reason"]
    assert found["items"]["logs"]["end"] is None
    assert found["charges"] == {"now": "45.00", "end": None}


def test_only_the_present_day_has_one(model: ReadModel) -> None:
    model.take([*history(model, 6), used(model, TODAY, 12, 30, 900)], TODAY)
    assert forecast(model, f"{TODAY}T12:00:00Z", "2026-02-02") is None
    assert forecast(model, "2026-02-04T12:00:00Z") is None, "the day is over"


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25)], ids=["23 h", "25 h"])
def test_a_day_of_another_length_is_compared_at_the_same_share(tmp_path: Path, day: str, hours: int) -> None:
    model = ReadModel(tmp_path / "d.sqlite", zone="Europe/Berlin", catalog=CATALOG)
    begins, ends = model.calendar.bounds(day)
    assert ends - begins == hours * 3_600_000_000
    half = model.calendar.time((begins + ends) // 2)
    model.take([*history(model, 6, day), used(model, day, 1, 30, 900)], day)
    assert forecast(model, half, day)["items"]["logs"]["end"]["middle"] == 60 * MILLION
    last = model.calendar.time(ends - 60_000_000)
    end = forecast(model, last, day)["items"]["logs"]["end"]
    assert 30 * MILLION <= end["low"] <= end["high"] <= 31 * MILLION, "a minute before its end little is to come"
    model.close()


def test_the_estimate_of_a_max_item_is_its_usual_maximum(model: ReadModel) -> None:
    number = parse_day(TODAY)
    past = [used(model, day_text(number - each), 20, 20 + each, each, "datakit") for each in range(1, 7)]
    model.take([*past, used(model, TODAY, 9, 4, 900, "datakit")], TODAY)
    end = forecast(model, f"{TODAY}T10:00:00Z")["items"]["datakit"]["end"]
    assert end == {"low": 21 * MILLION, "middle": 23 * MILLION, "high": 26 * MILLION}


def test_an_item_that_the_catalog_does_not_know_takes_no_page_away(model: ReadModel) -> None:
    model.take([*history(model, 6), used(model, TODAY, 12, 30, 900, "unheard-of")], TODAY)
    assert "unheard-of" not in forecast(model, f"{TODAY}T12:00:00Z")["items"]


#: Minutes of a day, and to what usage (in millions) had come by then.
DAYS = st.lists(st.tuples(st.integers(0, 24 * 60 - 1), st.integers(0, 50)), max_size=3).map(sorted)


@given(days=st.lists(DAYS, min_size=7, max_size=7).filter(any), now=st.integers(0, 24 * 60 - 1))
def test_no_estimate_is_below_the_usage_on_the_page(
    tmp_path_factory: Any, days: list[list[tuple[int, int]]], now: int
) -> None:
    model = ReadModel(tmp_path_factory.mktemp("model") / "d.sqlite", catalog=CATALOG)
    reports = [(before, minute, million) for before, day in enumerate(days) for minute, million in day]
    records = [
        used(model, day_text(parse_day(TODAY) - before), minute / 60, million, revision)
        for revision, (before, minute, million) in enumerate(reports, 1)
    ]
    model.take(records, TODAY)
    page = model.page(f"accounts/a/days/{TODAY}", f"{TODAY}T{now // 60:02}:{now % 60:02}:30Z")
    model.close()
    for name, item in page["forecast"]["items"].items():
        usage = sum(each["usage"] for each in page["items"].get(name, {"workspaces": []})["workspaces"])
        assert item["now"] == usage
        assert item["end"] is None or usage <= item["end"]["low"] <= item["end"]["middle"] <= item["end"]["high"]


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(0, 1000)), max_size=8, unique_by=lambda each: each[0]),
    st.integers(0, 25 * 3_600_000_000),
)
def test_what_a_day_had_reached_lies_between_its_samples(points: list[tuple[int, int]], since: int) -> None:
    points.sort()
    found = reached(points, since)
    assert min([0, *(usage for _, usage in points)]) <= found <= max([0, *(usage for _, usage in points)])
    for quarter, usage in points:
        assert reached(points, (quarter + 1) * QUARTER_US) == usage


def test_the_page_draws_it_dashed_and_calls_it_an_estimate() -> None:
    end = {"low": 210 * MILLION, "middle": 240 * MILLION, "high": 260 * MILLION}
    charges = {"now": "75.00", "end": {"low": "90.00", "middle": "135.00", "high": "165.00"}}
    logs = {"now": 200 * MILLION, "end": end, "compared_with": "the last 5 work days", "charges": charges}
    given_forecast = {"elapsed_seconds": 72_000, "length_seconds": 86_400, "estimate": True, "reason": None}
    model = {**worked_day(), "forecast": {**given_forecast, "charges": charges, "items": {"logs": logs}}}
    text = render.page("day", model, site(f"/accounts/acme/days/{CASE_DAY}"))
    assert 'class="curve-estimate"' in text
    assert "dashed, an estimate: " in text
    assert "by the last 5 work days" in text
    assert "estimated for the end of the day: " in text
    silent = render.page("day", worked_day(), site(f"/accounts/acme/days/{CASE_DAY}"))
    assert "estimate</" not in silent
    assert "estimated" not in silent
