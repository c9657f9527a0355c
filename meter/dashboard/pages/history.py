"""The history page: closed days, each version of a statement with its difference and cause, two days compared."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from meter.dashboard.pages.day import cause_words
from meter.dashboard.pages.parts import Part, View

Model = Mapping[str, Any]


def context(model: Model) -> dict[str, Any]:
    """The days with the length of their bars (percent of the highest charge) and their causes in words."""
    most = max((Decimal(each["amount_due"]) for each in model["days"]), default=Decimal(0))
    return {
        "shown": [
            {
                **each,
                "share": float(Decimal(each["amount_due"]) * 100 / most) if most > 0 else 0.0,
                "plan_items": sum(len(plan["items"]) for plan in each["statement"]["plans"]),
                "stated": [{**version, "words": _words(version)} for version in each["versions"]],
            }
            for each in model["days"]
        ],
        "sum": sum((Decimal(each["amount_due"]) for each in model["days"]), Decimal(0)),
        "names": [each["day"] for each in model["days"]],
    }


def _words(version: Model) -> dict[str, Any] | None:
    return cause_words(version["cause"]) if version["cause"] else None


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The table of days."""
    return [Part("days", "history/days.html", model["days"])]


VIEW = View("history/page.html", "", context, parts, csv=True, current="true")
