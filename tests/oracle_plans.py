"""Holds the `plans` topic against the oracle: every plan with its history, as whoever manages plans reads it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.oracle import Prediction
from tests.oracle_orders import Plan, Traffic
from tests.oracle_time import day_text

Json = Mapping[str, Any]


def plan_differences(prediction: Prediction, latest: Mapping[str, Json]) -> list[str]:
    """Every plan that was bought stands there, as it is now; each answer is a sentence, none is good news."""
    plans = {
        f"{account.name}/{plan.plan_id}": published_plan(account.name, plan)
        for account in prediction.accounts.values()
        for plan in account.plans.values()
    }
    found = [f"{key}: a plan that nobody bought" for key in latest if key not in plans]
    for key, plan in plans.items():
        record = {name: value for name, value in latest.get(key, {}).items() if name != "revision"}
        found += [
            f"{key}: {name} is {record.get(name)!r}, should be {value!r}"
            for name, value in plan.items()
            if record.get(name) != value
        ]
        found += [f"{key}: {name} does not belong there" for name in record if name not in plan]
    return found


def published_plan(account: str, plan: Plan) -> dict[str, Any]:
    """A plan as its record tells it; of two changes that count from one day only the later one stands."""
    packages = {since: (name, package) for since, name, package in plan.packages}
    lists = dict(plan.lists)
    return {
        "account": account,
        "plan_id": plan.plan_id,
        "first_day": day_text(plan.first_day),
        "last_day": day_text(plan.last_day),
        "packages": [
            {"from": day_text(since), "plan": name, "price": money(package.price), "quotas": dict(package.quotas)}
            for since, (name, package) in sorted(packages.items())
        ],
        "lists": [{"from": day_text(since), "workspaces": list(names)} for since, names in sorted(lists.items())],
        "traffic": [traffic(line) for line in plan.traffic],
    }


def traffic(line: Traffic) -> dict[str, Any]:
    """A traffic line of a plan's record."""
    return {
        "item": line.item,
        "units": line.units,
        "discount": f"{line.discount.normalize():f}",
        "capacity": line.capacity,
        "from": day_text(line.since),
        "through": day_text(line.through),
    }


def money(amount: Decimal) -> str:
    """A price of whole cents."""
    return f"{amount:.2f}"
