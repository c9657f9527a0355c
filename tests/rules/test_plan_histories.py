"""Plans through the years: what is published of a long history, and what is known of a plan whose days are final."""

import json
from datetime import date, timedelta
from pathlib import Path

from meter.verify.plans import published_plan
from schemas.catalog import load_catalog
from schemas.plans import PLAN_HISTORY_LIMIT, Plan
from tests.rules.days_world import Days

DENSE = load_catalog(Path(__file__).parents[1] / "dense_catalog.toml")
FIRST = date(2026, 1, 31)
CHANGES = PLAN_HISTORY_LIMIT + 5


def noon(days: int) -> str:
    return f"{FIRST + timedelta(days)}T12:00:00Z"


def day_of(days: int) -> int:
    return FIRST.toordinal() + days


def bought(days: Days) -> None:
    for name in ("A", "B"):
        days.bind(name)
    order = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": "small", "workspaces": ["A"]}
    days.order(order, noon(0))


def changed(days: Days, number: int) -> None:
    """The list turns, on a day so many days after the first."""
    order = {"order_id": f"c-{number}", "account": "acct", "kind": "change_workspaces", "plan_id": "P"}
    days.order({**order, "workspaces": ["A", "B"] if number % 2 else ["B", "A"]}, noon(number))


def test_a_plan_that_changes_every_day_gives_of_the_newest_lists_and_counts_the_others() -> None:
    days = Days(catalog=load_catalog())
    for name in ("A", "B"):
        days.bind(name)
    cash = {"method": "cash", "amount": "42000.00"}
    days.order({"order_id": "t", "account": "acct", "kind": "top_up", **cash}, noon(0))
    order = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": ["A"]}
    days.order({**order, "payments": [cash]}, noon(0))
    for number in range(1, CHANGES):
        changed(days, number)
    record = Plan.model_validate_json(json.dumps(days.last("acct/P", "plans")))
    assert len(record.lists) == PLAN_HISTORY_LIMIT
    assert record.more_lists == CHANGES - PLAN_HISTORY_LIMIT
    assert record.more_packages is None
    assert record.lists[-1].from_ == str(FIRST + timedelta(CHANGES - 1))
    assert len(days.state.account("acct").plans["P"].lists) == CHANGES, "the state knows all that can still matter"
    recounted = published_plan(record)
    assert recounted.known_from() == day_of(CHANGES - PLAN_HISTORY_LIMIT)
    assert recounted.listed(day_of(0)) == tuple(record.lists[0].workspaces), "of days before it, not compared"


def test_the_days_that_are_final_leave_the_history_with_the_next_change() -> None:
    days = Days(catalog=load_catalog())
    days.bind("A")
    days.bind("B")
    cash = {"method": "cash", "amount": "42000.00"}
    days.order({"order_id": "t", "account": "acct", "kind": "top_up", **cash}, noon(0))
    order = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": ["A"]}
    days.order({**order, "payments": [cash]}, noon(0))
    changed(days, 1)
    changed(days, 2)
    days.close_through(str(FIRST + timedelta(5)), noon(7))
    days.expire(str(FIRST + timedelta(2)), noon(7))
    changed(days, 7)
    record = days.last("acct/P", "plans")
    assert [each["from"] for each in record["lists"]] == [str(FIRST + timedelta(2)), str(FIRST + timedelta(7))]
    assert "more_lists" not in record
    days.reopen()
    assert len(days.state.account("acct").plans["P"].lists) == 2


def test_a_plan_whose_days_are_final_is_still_known_as_expired() -> None:
    days = Days(catalog=DENSE)  # plans of four days, a horizon of three
    bought(days)
    days.use("A", "logs", 5, noon(3))
    days.close_through(str(FIRST + timedelta(6)), noon(8))
    assert set(days.state.account("acct").plans) == {"P"}
    days.expire(str(FIRST + timedelta(3)), noon(8))
    while days.fold.known().sweeping is not None:
        days.expire(str(FIRST + timedelta(3)), noon(8), cursor=days.fold.known().sweeping or "")
    assert days.state.account("acct").plans == {}
    for worker in range(2):
        order = {"order_id": f"late-{worker}", "account": "acct", "kind": "change_workspaces", "workspaces": ["A"]}
        days.order({**order, "plan_id": "P"}, noon(8))
        assert days.last(f"acct/late-{worker}", "order-outcomes")["reason"] == "plan_expired"
        assert "2026-02-03" in days.last(f"acct/late-{worker}", "order-outcomes")["error"]
        days.order({**order, "order_id": f"none-{worker}", "plan_id": "Q"}, noon(8))
        assert days.last(f"acct/none-{worker}", "order-outcomes")["reason"] == "plan_not_found"
        days.reopen()
