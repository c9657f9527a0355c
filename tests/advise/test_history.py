"""Which days advice stands on: the newest, without those that cannot be replayed, each with its reason."""

from decimal import Decimal

from meter.advise.history import History, history_of
from meter.rules.billing_days import day_text, parse_day
from schemas.catalog import load_catalog
from schemas.rows import Package, Plan, WorkspaceList
from schemas.statements import AccountStatement, PlanDay, WorkspaceStatement

CATALOG = load_catalog()
FIRST = parse_day("2026-11-01")


def stated(day: int, *plan_ids: str, due: str = "0.00", workspaces: int = 0) -> AccountStatement:
    return AccountStatement(
        account="acct",
        day=day_text(day),
        amount_due=Decimal(due),
        currency="CNY",
        plans=[PlanDay(plan_id=plan_id, items=[]) for plan_id in plan_ids],
        workspaces=workspaces,
        restated=False,
        revision=1,
    )


def a_plan(plan_id: str, first: int, known_from: int) -> Plan:
    """A plan in force from `first`, whose list as published begins at `known_from`."""
    return Plan(
        plan_id, first, first + 371, (Package(first, "startup", Decimal(1), {}),), (WorkspaceList(known_from, ("w",)),)
    )


def history(days: list[AccountStatement], *plans: Plan, most: int = 35) -> History:
    return history_of("acct", CATALOG, plans, days, list[WorkspaceStatement](), most)


def test_the_newest_days_are_taken_up_to_the_last_stated_one() -> None:
    found = history([stated(FIRST + number) for number in range(40)], most=35)
    assert [found.days[0].day, found.days[-1].day, len(found.days)] == [FIRST + 5, FIRST + 39, 35]


def test_a_day_without_usage_and_plans_has_no_statement_and_counts_as_nothing() -> None:
    found = history([stated(FIRST, due="5.00"), stated(FIRST + 2, due="7.00")])
    assert [(each.day - FIRST, str(each.due)) for each in found.days] == [(0, "5.00"), (1, "0.00"), (2, "7.00")]
    assert found.left_out == {}


def test_a_day_of_a_plan_whose_list_is_no_longer_published_is_left_out() -> None:
    found = history([stated(FIRST + number, "o-1") for number in range(3)], a_plan("o-1", FIRST, FIRST + 2))
    assert [each.day - FIRST for each in found.days] == [2]
    assert set(found.left_out) == {FIRST, FIRST + 1}
    assert "the published plan o-1 no longer has" in found.left_out[FIRST]


def test_a_day_with_a_plan_but_without_a_statement_is_left_out() -> None:
    found = history([stated(FIRST, "o-1"), stated(FIRST + 2, "o-1")], a_plan("o-1", FIRST, FIRST))
    assert found.left_out == {FIRST + 1: "no statement of the day is published"}


def test_a_day_whose_workspaces_statements_are_missing_is_left_out() -> None:
    found = history([stated(FIRST, due="5.00", workspaces=2)])
    assert found.left_out == {FIRST: "its statement counts 2 workspaces with usage, 0 are published"}


def test_a_day_of_a_plan_that_is_not_published_is_left_out() -> None:
    assert history([stated(FIRST, "o-9")]).left_out == {FIRST: "plan o-9 of its statement is not published"}


def test_without_statements_there_are_no_days() -> None:
    assert history([]).days == ()
