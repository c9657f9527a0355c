"""The plans page: plans in drawing order, their contents by day, unused quota, wallets, orders."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.environment import slug
from meter.dashboard.pages.parts import Part, View
from meter.dashboard.pages.waterline import shade

Model = Mapping[str, Any]
STATES = {"in_force": "in force", "future": "not begun", "expired": "ended"}
METHODS = {"cash": "Cash", "prepaid_card": "Prepaid card", "coupon": "Coupon"}
KINDS = {
    "top_up": "top-up",
    "purchase": "purchase",
    "add_traffic": "traffic packages",
    "upgrade": "upgrade",
    "change_workspaces": "change of workspaces",
}
#: Workspaces of a list shown without a click.
LISTED = 12


def context(model: Model) -> dict[str, Any]:
    """Plans with their bars: the used share of the quota, by item."""
    return {
        "shown": [{**each, "quotas": [_quota(one) for one in each["unused"]]} for each in model["plans"]],
        "states": STATES,
        "methods": METHODS,
        "kinds": KINDS,
        "listed": LISTED,
        "shade": shade,
    }


def _quota(unused: Model) -> dict[str, Any]:
    quota = unused["quota"]
    return {**unused, "width": round(unused["covered"] * 100 / quota, 2) if quota else 0.0}


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """Each plan, the wallets and the orders."""
    shown = made["shown"]
    return [
        Part("plans", "plans/plans.html", tuple(each["plan"]["plan_id"] for each in shown)),
        *(
            Part(f"plan-{slug(each['plan']['plan_id'])}", "plans/plan.html", each, {"each": each}, within="plans")
            for each in shown
        ),
        Part("wallets", "plans/wallets.html", model["wallets"]),
        Part("orders", "plans/orders.html", model["orders"]),
    ]


VIEW = View("plans/page.html", "", context, parts, csv=True, current="true")
