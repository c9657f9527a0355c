"""Quota that goes again within its day: the balance that has appeared says so, the alert is cleared."""

from pathlib import Path
from typing import Any

import pytest

from schemas.balances import QuotaBalance
from schemas.catalog import load_catalog
from tests.rules.days_world import Days

DENSE = load_catalog(Path(__file__).parents[1] / "dense_catalog.toml")
NOON = "2026-01-31T12:00:00Z"
KEY, ALERT = "acct/logs/2026-01-31", "acct/P/logs/2026-01-31/80"


def with_plan(package: str = "large", price: str = "9") -> Days:
    """Workspace A, money, and a plan of six logs for it."""
    days = Days(catalog=DENSE)
    days.bind("A")
    days.order({"order_id": "t", "account": "acct", "kind": "top_up", "method": "cash", "amount": "99.00"}, NOON)
    bought = {"order_id": "P", "account": "acct", "kind": "purchase", "plan": package, "workspaces": ["A"]}
    days.order({**bought, "payments": [{"method": "cash", "amount": price}]}, NOON)
    return days


def takes_logs_away(days: Days) -> None:
    """An upgrade on the plan's first day to a dearer package, without logs: it holds for the whole day."""
    upgrade = {"order_id": "up", "account": "acct", "kind": "upgrade", "plan_id": "P", "plan": "bare"}
    days.order({**upgrade, "payments": [{"method": "cash", "amount": "3"}]}, NOON)


def balances(days: Days) -> list[dict[str, Any]]:
    return [value for topic, key, value in days.published if (topic, key) == ("quota-balances", KEY)]


def test_a_balance_that_has_appeared_says_that_the_quota_is_gone() -> None:
    days = with_plan()
    days.use("A", "logs", 5, NOON)
    takes_logs_away(days)
    first, second = balances(days)
    assert (first["quota"], first["covered"], first["left"]) == (6, 5, 1)
    assert (second["quota"], second["covered"], second["left"]) == (0, 0, 0)
    assert second["plans"] == [{"plan_id": "P", "quota": 0, "covered": 0, "left": 0}]
    assert second["workspaces"] == [{"workspace": "A", "usage": 5, "covered": 0, "overage": 5}]
    assert second["revision"] > first["revision"]
    QuotaBalance.model_validate(second)
    assert days.last(ALERT, "quota-alerts")["state"] == "cleared"
    assert days.last("acct/A/logs/2026-01-31", "overages")["overage"] == 5
    days.use("A", "logs", 1, NOON)
    assert balances(days)[-1]["workspaces"][0]["overage"] == 6


def test_quota_that_went_before_the_first_usage_has_no_balance() -> None:
    days = with_plan()
    takes_logs_away(days)
    days.use("A", "logs", 5, NOON)
    assert balances(days) == []


@pytest.mark.parametrize("one_chunk", [False, True])
def test_whether_a_balance_appears_is_no_matter_of_where_a_transaction_ends(one_chunk: bool) -> None:
    days = with_plan()
    days.chunked = one_chunk
    days.use("A", "logs", 5, NOON)
    takes_logs_away(days)
    days.commit()
    last = balances(days)[-1]
    assert (last["quota"], last["workspaces"][0]["overage"]) == (0, 5)
    assert len(balances(days)) == (1 if one_chunk else 2)
