"""The explain page: the ladder from the sentence over usage, plans, charge and history to the source records."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.parts import Part, View
from meter.dashboard.pages.waterline import shade

Model = Mapping[str, Any]
#: Drivers in words.
DRIVERS = {
    "prices": "prices",
    "plans_and_quota": "plans and quota",
    "workspaces_before": "workspaces before it in the list",
    "own_volume": "its own volume",
    "retention_mix": "retention mix",
}
BASIS = {
    "package": "a plan lists it: overage is charged at the default retention",
    "pay_as_you_go": "no plan lists it: everything is charged by its own retention",
    "free": "a free day: nothing is charged",
}


def context(model: Model) -> dict[str, Any]:
    """The explanation, and each plan's quota as a bar: drawn before, covered here, left."""
    found = model["explanation"]
    return {
        "e": found,
        "account": found["account"],
        "day": found["day"],
        "draws": [{**plan, "pieces": _pieces(plan)} for plan in found["plans"]],
        "basis_words": BASIS[found["charge"]["basis"]],
        "driver_words": DRIVERS,
        "history_shown": found["history"][::-1],
    }


def _pieces(plan: Model) -> list[dict[str, Any]]:
    """The workspaces that drew from a plan, in order, as pieces of one bar (percent)."""
    quota = plan["quota"]["total"]
    if not quota:
        return []
    rows = [(each["workspace"], each["drawn"], f"b{shade(place)}") for place, each in enumerate(plan["drawn_before"])]
    rows.append(("", plan["covered"], "s0"))
    found, x = [], 0.0
    for name, drawn, style in rows:
        width = drawn * 100 / quota
        found.append({"workspace": name, "drawn": drawn, "style": style, "x": round(x, 3), "width": round(width, 3)})
        x += width
    return found


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The whole ladder: all of it comes from one revision."""
    return [Part("ladder", "explain/ladder.html", model["explanation"])]


VIEW = View("explain/page.html", "", context, parts, live=False, csv=True, current="true")
