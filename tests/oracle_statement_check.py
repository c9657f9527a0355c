"""Holds published statements against the oracle's; each function answers sentences, none is good news."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from tests.oracle import Prediction
from tests.oracle_check import AMOUNT, charge_problems
from tests.oracle_figures import Figure
from tests.oracle_statements import Statement, statement
from tests.oracle_time import day_text

Json = Mapping[str, Any]


def statement_differences(prediction: Prediction, latest: Mapping[str, Json], days: Iterable[int]) -> list[str]:
    """Statements of closed days: every account with usage or a plan in force has them, nobody else, all right."""
    expected: dict[str, Any] = {}
    found = []
    accounts = {account for account, *_ in prediction.figures} | prediction.accounts.keys()
    for account in sorted(accounts):
        for day in days:
            one = statement(prediction, account, day)
            if one.items or any(plan.in_force(day) for plan in _plans(prediction, account)):
                key = f"{account}/{day_text(day)}"
                expected[key] = one
                expected |= {f"{key}/{workspace}": one for workspace, _ in one.items}
    for key, one in expected.items():
        if key not in latest:
            found.append(f"{key}: no statement")
        elif key.count("/") == 1:
            found += [f"{key}: {problem}" for problem in _account_problems(one, latest[key], prediction)]
        else:
            found += [f"{key}: {problem}" for problem in _workspace_problems(one, key, latest[key], prediction)]
    return found + [f"{key}: a statement of nothing" for key in latest if key not in expected]


def _plans(prediction: Prediction, account: str) -> Iterable[Any]:
    book = prediction.accounts.get(account)
    return () if book is None else book.plans.values()


def _account_problems(one: Statement, told: Json, prediction: Prediction) -> Iterable[str]:
    amount = str(told.get("amount_due"))
    if not AMOUNT.fullmatch(amount) or Decimal(amount) != one.amount_due:
        yield f"amount_due is {amount}, should be {one.amount_due}"
    if told.get("currency") != prediction.market.book.currency:
        yield f"the currency is {told.get('currency')}"
    if told.get("workspaces") != one.workspaces_with_usage:
        yield f"{told.get('workspaces')} workspaces had usage, should be {one.workspaces_with_usage}"
    plans = {
        (plan["plan_id"], item["item"]): (item["quota"], item["covered"], item["unused"])
        for plan in told["plans"]
        for item in plan["items"]
    }
    expected = {key: (use.quota, use.covered, use.unused) for key, use in one.plans.items()}
    if plans != expected:
        yield f"plans are {plans}, should be {expected}"


def _workspace_problems(one: Statement, key: str, told: Json, prediction: Prediction) -> Iterable[str]:
    workspace = key.split("/")[2]
    figures = {item: figure for (who, item), figure in one.items.items() if who == workspace}
    items = {item["item"]: item for item in told["items"]}
    if list(items) != sorted(figures):
        yield f"items are {list(items)}, should be {sorted(figures)}"
        return
    for item, figure in figures.items():
        if told["basis"] != figure.basis:
            yield f"the basis is {told['basis']}, should be {figure.basis}"
        yield from (f"{item}: {problem}" for problem in _item_problems(figure, items[item], prediction))


def _item_problems(figure: Figure, told: Json, prediction: Prediction) -> Iterable[str]:
    reported = [(each.get("retention_days"), each["quantity"]) for each in told["reported"]]
    if reported != sorted(figure.reported.items(), key=lambda pair: pair[0] or 0):
        yield f"reported is {reported}, should be {figure.reported}"
    coverage = [(each["plan_id"], each["covered"]) for each in told["coverage"]]
    if coverage != [(plan, figure.by_plan[plan]) for plan in figure.plans if plan in figure.by_plan]:
        yield f"coverage is {coverage}, should be {figure.by_plan}"
    for name, value in (("usage", figure.usage), ("covered", figure.covered), ("overage", figure.overage)):
        if told[name] != value:
            yield f"{name} is {told[name]}, should be {value}"
    yield from charge_problems(figure, told["charge"], prediction.market.book.currency)
