"""The first page: every account today, sorted and searched; the address holds both."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.parts import Part, View

Model = Mapping[str, Any]
#: Columns that can be sorted by: name in the address, heading, whether it holds numbers.
COLUMNS = (
    ("account", "Account", False),
    ("amount", "Over today", True),
    ("share", "Most used quota", False),
    ("alerts", "Alerts", True),
    ("change", "Last change", True),
)


def context(model: Model) -> dict[str, Any]:
    """The headings, each with the sort order that a click selects."""
    sort = model["sort"]
    headings = [
        {
            "name": name,
            "words": words,
            "number": number,
            "next": f"-{name}" if sort == name else name,
            "direction": _direction(name, sort),
        }
        for name, words, number in COLUMNS
    ]
    return {"headings": headings, "shown": [{**each, "bar": _bar(each["highest"])} for each in model["accounts"]]}


def _direction(name: str, sort: str) -> str:
    """The sort order for a screen reader: names ascend by default, everything else descends."""
    if sort.removeprefix("-") != name:
        return "none"
    return "ascending" if (name == "account") != sort.startswith("-") else "descending"


def _bar(highest: Model | None) -> float:
    return 0.0 if highest is None else min(float(highest["percent"]), 100.0)


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The totals, and the table."""
    return [
        Part("sum", "accounts/sum.html", (model["amount"], model["alerts_raised"], model["total"], model["day"])),
        Part("accounts", "accounts/table.html", model["accounts"]),
    ]


VIEW = View("accounts/page.html", "", context, parts, csv=True)
