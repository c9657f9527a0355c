"""The rule that needs no forecast: charges that one more package would have covered, against its price."""

from decimal import Decimal

import pytest

from meter.advise.advice import advice_of
from meter.advise.online import OnlineRule
from meter.advise.sentences import rule
from tests.advise.accounts import FIRST, MILLION, Usage, history, plan


def logs(millions: int, retention: int = 14) -> Usage:
    return {"w": {"logs": {retention: millions * MILLION}}}


def rules(days: int, usage: Usage, *plans: str) -> dict[str, OnlineRule]:
    """The rules after so many days; `plans`: packages that the account has."""
    held = (plan(f"o-{number}", package, "w") for number, package in enumerate(plans))
    advice = advice_of(history(days, lambda day: usage, *held), FIRST + days)
    return {each.package: each for each in advice.rules}


def test_what_one_package_covers_is_added_up() -> None:
    found = rules(20, logs(100))
    assert [each.package for each in found.values()] == ["startup", "growth", "enterprise"]
    assert found["startup"].covered == 20 * 40 * Decimal("1.5"), "a Startup covers 40 M of 100 M"
    assert found["growth"].covered == found["enterprise"].covered == 20 * 100 * Decimal("1.5")


def test_a_plan_that_is_there_counts_as_if_it_had_always_been() -> None:
    assert rules(20, logs(60), "startup")["startup"].covered == 20 * 20 * Decimal("1.5")
    assert rules(20, logs(40), "startup")["startup"].covered == 0


def test_a_workspace_that_is_cheaper_unlisted_is_left_out_of_it() -> None:
    usage: Usage = {"a": {"logs": {14: 30 * MILLION}}, "b": {"logs": {3: 900 * MILLION}}}
    assert rules(20, usage)["startup"].covered >= 20 * 30 * Decimal("1.5")


def test_only_as_many_days_as_a_package_lasts_are_looked_at() -> None:
    found = rules(400, logs(100))["startup"]
    assert (found.days, found.looks_back) == (372, 372)
    assert found.covered == 372 * 60


@pytest.mark.parametrize(
    ("covered", "days", "words", "to_go"),
    [
        ("42000", 300, "42,000.00 of 42,000.00 in 300 days: reached, buy one", None),
        ("4200", 35, "4,200.00 of 42,000.00 in 35 days, reached in 315 more at this pace", 315),
        ("4199", 35, "4,199.00 of 42,000.00 in 35 days, reached in 316 more at this pace", 316),
        ("41999.50", 350, "41,999.50 of 42,000.00 in 350 days, reached in 1 more at this pace", 1),
        ("3500", 35, "3,500.00 of 42,000.00 in 35 days, never reached at this pace", None),
        ("0", 35, "0.00 of 42,000.00 in 35 days, never reached at this pace", None),
    ],
)
def test_the_rule_is_told(covered: str, days: int, words: str, to_go: int | None) -> None:
    each = OnlineRule("startup", Decimal(42_000), Decimal(covered), days, 372)
    assert (rule(each), each.days_to_go) == (words, to_go)
