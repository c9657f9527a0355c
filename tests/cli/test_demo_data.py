"""The demo's day: the same for every run but for the date, plausible, and what must come of it is the oracle's word."""

import json
from collections import Counter
from random import Random
from typing import Any

import pytest

from meter.demo import story
from meter.demo.board import differences, expected
from meter.demo.clock import NOW_MINUTE, nearly_over
from meter.demo.curves import CURVES, SLOTS, levels, parts
from meter.demo.day import Step, day_steps
from meter.rules.billing_days import zone
from tests.cli import day_picture, demo_expected
from tests.cli.demo_expected import MINUTE_US, day_us
from tests.oracle_time import instant


def events(step: Step) -> list[dict[str, Any]]:
    """The events among a step's records, as far as they are any."""
    reports = (record.value for record in step.records if record.topic == "usage")
    return [json.loads(value) for value in reports if value.endswith(b"}}") and b'"subject"' in value]


def test_what_is_expected_is_what_the_oracle_says() -> None:
    assert demo_expected.FILE.read_text(encoding="utf-8") == demo_expected.text(day_us()), (
        "the story changed: python -m tests.cli.demo_expected writes what must come of it"
    )


def test_the_picture_of_the_readme_shows_what_is_expected() -> None:
    assert day_picture.FILE.read_text(encoding="utf-8") == day_picture.picture(), (
        "the story changed: python -m tests.cli.day_picture draws it"
    )


@pytest.mark.parametrize("day", ["2024-02-29", "2027-01-01"])
def test_the_date_does_not_matter(day: str) -> None:
    assert demo_expected.expected(day_us(day)) == expected()


def test_the_story_is_what_the_readme_says() -> None:
    wanted = expected()
    assert len(story.WORKSPACES) == 20
    assert len(story.ACCOUNTS) == 5
    assert wanted["figures"]["acme-prod/logs"] == {
        "usage": 100_000_000,
        "covered": 100_000_000,
        "overage": 0,
        "charge": "0.00",
    }, "W1"
    assert wanted["figures"]["acme-staging/logs"] == {
        "usage": 100_000_000,
        "covered": 50_000_000,
        "overage": 50_000_000,
        "charge": "75.00",
    }, "W1"
    lumen = [each["charge"] for name, each in wanted["figures"].items() if name.startswith("lumen-app/")]
    assert sorted(lumen) == sorted(["15.00", "15.00", "15.00", "40.00", "2.00"]), "W6"
    assert Counter(wanted["orders"].values()) == {
        "accepted": 13,
        "balance_exceeded": 1,
        "workspace_not_commercial": 1,
    }
    assert len(wanted["dead_letters"]) >= 10
    assert wanted["records"]["duplicate"] > 50


def test_two_runs_are_the_same() -> None:
    assert day_steps(day_us()) == day_steps(day_us())


def test_every_report_comes_after_what_it_reports_and_within_the_day() -> None:
    began_us = day_us()
    bad = {"bad-9", "bad-10"}
    for step in day_steps(began_us):
        for event in events(step):
            time_us = instant(event["time"])
            assert time_us is not None
            if event["id"] not in bad:
                assert began_us <= time_us <= began_us + step.minute * MINUTE_US


def test_the_first_example_comes_in_the_order_that_matters() -> None:
    """SPEC's W2: B reports first; A's day arrives when B is done."""
    steps = [step for step in day_steps(day_us()) if step.minute < 20 * 60 or step.account == "acme"]
    logs = [
        (event["subject"], step.minute)
        for step in steps
        for event in events(step)
        if event["data"].get("item") == "logs" and event["subject"].startswith("acme-")
    ]
    assert {minute for who, minute in logs if who == "acme-prod"} == {20 * 60}
    assert max(minute for who, minute in logs if who == "acme-staging") < 20 * 60


@pytest.mark.parametrize("curve", CURVES)
def test_a_curve_makes_its_total(curve: str) -> None:
    for total in (0, 1, 47, 100_000_001):
        split = parts(total, curve, Random(1))
        assert (sum(split), len(split), min(split) >= 0) == (total, SLOTS, True)
        counted = levels(total, curve, Random(1))
        assert max(counted) == total
        assert min(counted) * 2 >= total


@pytest.mark.parametrize("hour", range(0, 24, 5))
def test_the_day_is_nearly_over_and_all_of_it_is_past(hour: int) -> None:
    now_us = day_us("2026-03-01") + hour * 60 * MINUTE_US + 17 * MINUTE_US + 5_000_000
    clock = nearly_over(now_us)
    billing = zone(clock.zone)
    assert now_us - clock.day_us == NOW_MINUTE * MINUTE_US + 5_000_000
    assert billing.day_of(clock.day_us) == billing.day_of(now_us) == billing.day_of(clock.day_us - 1) + 1
    assert billing.end_of(billing.day_of(now_us)) - now_us >= 19 * MINUTE_US
    assert all(step.minute <= NOW_MINUTE for step in day_steps(clock.day_us))


def test_differences_name_what_is_missing() -> None:
    from meter.demo.board import Board
    from meter.kafka.topics import Topics

    found = differences(Board(Topics.of("demo-1.")), expected())
    assert "acme-staging/logs: charge is 0.00, not 75.00" in found
    assert any(each.startswith("orders: {}, not {") for each in found)
