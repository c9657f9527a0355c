"""The oracle's word on plans: silent where the record is right, and never where it is not."""

import copy
from typing import Any

import pytest

from tests import records
from tests.oracle import Prediction, predict
from tests.oracle_plans import plan_differences, published_plan
from tests.oracle_reading import Settings
from tests.records import Log, pay, traffic

NOW_US = 1_769_846_400_000_000  # 2026-01-31, in UTC
KEY = "acct_1/p"


def changed_twice() -> Prediction:
    """A plan that was changed twice on one day."""
    log = Log()
    log.send(NOW_US, [records.binding_message(records.binding(name, "acct_1")) for name in ("wksp_a", "wksp_b")])
    orders = [
        records.top_up("acct_1", "t", "900000.00"),
        records.purchase("acct_1", "p", "startup", ["wksp_a"], [pay("55392.00")], traffic=[traffic("logs", 30, "0.8")]),
        records.management("acct_1", "c-1", "change_workspaces", "p", workspaces=["wksp_b"]),
        records.management("acct_1", "c-2", "change_workspaces", "p", workspaces=["wksp_b", "wksp_a"]),
        records.management("acct_1", "u", "upgrade", "p", plan="growth", payments=[pay("238000.00")]),
    ]
    log.send(NOW_US, [records.order_message(order) for order in orders])
    return predict(Settings("+00:00"), log.sent)


def test_of_two_changes_of_a_day_the_later_one_counts() -> None:
    plan = published_plan("acct_1", changed_twice().accounts["acct_1"].plans["p"])
    assert (plan["first_day"], plan["last_day"]) == ("2026-01-31", "2027-02-06")
    assert [(each["from"], each["plan"], each["price"]) for each in plan["packages"]] == [
        ("2026-01-31", "growth", "280000.00")
    ]
    assert plan["lists"] == [{"from": "2026-01-31", "workspaces": ["wksp_b", "wksp_a"]}]
    assert plan["traffic"] == [
        {
            "item": "logs",
            "units": 30,
            "discount": "0.8",
            "capacity": 1_000_000,
            "from": "2026-01-31",
            "through": "2027-02-06",
        }
    ]


WRONG: list[tuple[str, Any]] = [
    ("last_day", "2027-02-07"),
    ("lists", [{"from": "2026-01-31", "workspaces": ["wksp_a", "wksp_b"]}]),
    ("traffic", []),
    ("expired", False),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_field_is_reported(name: str, value: object) -> None:
    prediction = changed_twice()
    right = {**published_plan("acct_1", prediction.accounts["acct_1"].plans["p"]), "revision": 9}
    assert plan_differences(prediction, {KEY: right}) == []
    wrong = copy.deepcopy(right) | {name: value}
    (problem,) = plan_differences(prediction, {KEY: wrong})
    assert problem.startswith(f"{KEY}: {name} ")


def test_a_plan_that_is_missing_or_nobodys_is_reported() -> None:
    prediction = changed_twice()
    assert plan_differences(prediction, {})[0] == f"{KEY}: account is None, should be 'acct_1'"
    right = published_plan("acct_1", prediction.accounts["acct_1"].plans["p"])
    assert plan_differences(prediction, {KEY: right, "acct_1/q": right}) == ["acct_1/q: a plan that nobody bought"]
