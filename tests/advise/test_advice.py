"""Advice by the worked numbers: SPEC's W5 and W6, what packages cost a day, what listing costs, what is sunk."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from meter.advise.advice import Advice, advice_of
from meter.advise.changes import AddTraffic, Buy, ChangeWorkspaces, Upgrade
from meter.advise.history import History
from meter.advise.savings import cents
from meter.advise.sentences import title
from meter.advise.text import text
from meter.errors import UserError
from tests.advise.accounts import FIRST, MILLION, Usage, history, plan

TODAY = FIRST + 30
W5: Usage = {
    "w": {
        "datakit": 25,
        "logs": {30: 40 * MILLION},
        "traces": {14: 5 * MILLION},
        "pv": {14: 400_000},
        "triggers": 210_000,
    }
}


def every_day(usage: Usage) -> Callable[[int], Usage]:
    return lambda day: usage


def a_day(advice: Advice) -> dict[str, str]:
    """What each alternative costs a day, as in the tables."""
    table = advice.hindsight if not advice.history.plans else advice.from_today
    found = {title(each.changes): str(cents(each.cost_a_day)) for each in table.alternatives if each.changes}
    return {"stay": str(cents(table.base.cost_a_day)), **found}


def test_w5_with_traffic_packages_at_a_discount_becomes_w6_with_as_many_as_save() -> None:
    result = history(14, every_day(W5), plan("o-1", "startup", "w"))
    found = advice_of(result, TODAY, discount=Decimal("0.8"))
    best = found.from_today.alternatives[0]
    assert str(cents(found.from_today.base.overage_a_day)) == "132.00"
    [traffic] = [change for change in best.changes if isinstance(change, AddTraffic)]
    units = {line.item: line.units for line in traffic.traffic}
    assert units["logs"] == 40, "each of 40 packages is used whole, and costs 0.8 of what it takes off"
    assert units == {"logs": 40, "pv": 4, "traces": 5}
    saved = Decimal(1) - Decimal("0.8")
    assert best.saving.mean == saved * (60 + 15 + 40)


def test_traffic_packages_without_a_discount_are_never_advised() -> None:
    found = advice_of(history(14, every_day(W5), plan("o-1", "startup", "w")), TODAY)
    for each in (*found.from_today.alternatives, *found.hindsight.alternatives):
        assert "traffic" not in title(each.changes)


@pytest.mark.parametrize(
    ("usage", "costs"),
    [
        (
            {"datakit": 100, "logs": 100, "traces": 10, "pv": 500_000, "triggers": 400_000},
            {"stay": "570.00", "2 startup": "437.81", "1 startup": "488.90"},
        ),
        (
            {"datakit": 40, "logs": 300, "traces": 30, "pv": MILLION, "triggers": MILLION},
            {"stay": "860.00", "3 startup": "696.71"},
        ),
    ],
)
def test_packages_are_an_integer_portfolio(usage: dict[str, int], costs: dict[str, str]) -> None:
    items = {
        name: {{"logs": 14, "traces": 7}[name]: quantity * MILLION} if name in ("logs", "traces") else quantity
        for name, quantity in usage.items()
    }
    items["pv"] = {7: usage["pv"]}
    found = a_day(advice_of(history(14, every_day({"w": items})), TODAY))
    assert {name: found[name] for name in costs} == costs


def test_a_workspace_that_keeps_logs_for_three_days_is_left_out_where_its_own_price_is_lower() -> None:
    usage: Usage = {"a": {"logs": {14: 60 * MILLION}, "datakit": 30}, "b": {"logs": {3: 90 * MILLION}}}
    found = advice_of(history(14, every_day(usage)), TODAY)
    best = found.from_today.alternatives[0]
    [bought] = best.changes
    assert isinstance(bought, Buy)
    assert (bought.package, bought.workspaces) == ("startup", ("a",))


def test_who_pays_more_by_usage_than_in_a_plan_is_listed() -> None:
    usage = {"a": {"logs": {14: 30 * MILLION}}, "b": {"logs": {14: 5 * MILLION}}}
    found = history(14, every_day(usage), plan("o-1", "startup", "a"))
    best = advice_of(found, TODAY).from_today.alternatives[0]
    assert best.changes == (ChangeWorkspaces("o-1", ("a", "b")),)
    assert best.price.now == best.price.a_day == 0
    assert best.saving.mean == Decimal("7.50")


def test_what_is_paid_is_sunk_from_today_and_pro_rata_in_hindsight() -> None:
    usage = {"a": {"logs": {14: 10 * MILLION}}}
    found = advice_of(history(14, every_day(usage), plan("o-1", "startup", "a")), TODAY)
    assert found.from_today.base.cost_a_day == 0
    assert str(cents(found.hindsight.base.cost_a_day)) == "112.90"
    assert found.hindsight.alternatives[0].changes == (), "by usage would have been cheapest"
    assert str(cents(found.hindsight.alternatives[0].cost_a_day)) == "15.00"


def test_a_plan_bought_within_the_days_counts_on_all_of_them_from_today() -> None:
    usage: Usage = {"a": {"logs": {14: 50 * MILLION}}}
    found = advice_of(history(14, every_day(usage), plan("o-1", "startup", "a", first=FIRST + 10)), TODAY)
    assert str(cents(found.from_today.base.overage_a_day)) == "15.00"
    assert str(cents(found.hindsight.base.overage_a_day)) == str(cents(Decimal(75 * 10 + 15 * 4) / 14))


def test_an_upgrade_costs_the_difference_for_the_days_left() -> None:
    usage: Usage = {"a": {"logs": {14: 400 * MILLION}, "traces": {7: 50 * MILLION}, "datakit": 100}}
    found = history(14, every_day(usage), plan("o-1", "startup", "a"))
    best = advice_of(found, TODAY).from_today.alternatives[0]
    assert best.changes == (Upgrade("o-1", "growth"),)
    assert best.price.now == cents(Decimal(280_000 - 42_000) * (372 - 60) / 372), "60 days of 372 are over"


def test_a_plan_that_ends_soon_is_named() -> None:
    ends = plan("o-1", "startup", "w", first=TODAY - 360)
    found = advice_of(history(14, every_day(W5), ends, plan("o-2", "startup", "w")), TODAY)
    assert found.ending() == [("o-1", TODAY + 11, 12)]
    assert any(line.startswith("Plan o-1 ends on 2026-11-11 (12 days left with today)") for line in text(found, 0))


def test_a_target_of_coverage_is_reached_at_least_cost() -> None:
    usage = {"a": {"logs": {14: 100 * MILLION}}}
    found = advice_of(history(14, every_day(usage)), TODAY, coverage=Decimal("0.9"), discount=Decimal("0.9"))
    best = found.from_today.alternatives[0]
    assert best.outcome.coverage == Decimal("0.9")
    [bought] = best.changes
    assert isinstance(bought, Buy)
    assert [(line.item, line.units) for line in bought.traffic] == [("logs", 50)], "40 M of the package, 50 of traffic"


def test_a_target_of_coverage_lists_workspaces_that_are_cheaper_unlisted() -> None:
    usage: Usage = {"a": {"logs": {14: 40 * MILLION}}, "b": {"logs": {3: 40 * MILLION}}}
    result = history(14, every_day(usage), plan("o-1", "startup", "a"))
    found = advice_of(result, TODAY, coverage=Decimal("0.6"), discount=Decimal("0.9"))
    assert found.from_today.alternatives[0].outcome.coverage == Decimal("0.6")
    for each in found.from_today.alternatives:
        assert each.listed == {"a", "b"}, "a alone is half of the usage, by value"


def test_all_of_the_usage_can_be_asked_to_be_covered() -> None:
    found = advice_of(history(14, every_day(W5)), TODAY, coverage=Decimal(1))
    best = found.from_today.alternatives[0]
    assert best.outcome.coverage == 1
    assert best.overage_a_day == 0


def test_fewer_than_fourteen_closed_days_are_too_little() -> None:
    with pytest.raises(UserError, match="13 closed days with statements, advice needs 14"):
        advice_of(history(13, every_day(W5)), TODAY)


def test_no_advice_is_given_from_a_replay_that_is_not_the_bill() -> None:
    found = history(14, every_day(W5))
    first = found.days[0]
    other = History(
        "acct_1",
        found.catalog,
        found.plans,
        (type(first)(first.day, first.due + 1, first.workspaces), *found.days[1:]),
        {},
    )
    with pytest.raises(UserError, match="published"):
        advice_of(other, TODAY)
