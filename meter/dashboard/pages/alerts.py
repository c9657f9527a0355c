"""The alerts page: raised and cleared alerts, each with its crossing and its recovery."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.parts import Part, View

Model = Mapping[str, Any]


def context(model: Model) -> dict[str, Any]:
    """Raised alerts, the ones at 100 % first."""
    raised = sorted(model["raised"], key=lambda each: -each["alert"]["threshold"])
    exhausted = sum(1 for each in raised if each["alert"]["threshold"] >= 100)
    return {"raised_shown": raised, "exhausted": exhausted}


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """Both lists."""
    return [
        Part("raised", "alerts/raised.html", model["raised"]),
        Part("cleared", "alerts/cleared.html", (model["cleared"], model["more"])),
    ]


VIEW = View("alerts/page.html", "alerts", context, parts, csv=True)
