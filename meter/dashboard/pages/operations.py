"""The operations page: the verdict, the lag, stuck groups, lost records, the next day close."""

from collections.abc import Mapping
from typing import Any

from meter.dashboard.pages.parts import Part, View

Model = Mapping[str, Any]
#: Outcomes of records: words (singular and plural) and style.
KINDS = (
    ("counted", ("counted", "counted"), "s1"),
    ("duplicates", ("duplicate", "duplicates"), "s4"),
    ("dead", ("dead letter", "dead letters"), "o1"),
    ("null", ("null", "null"), "t"),
)


def context(model: Model) -> dict[str, Any]:
    """The identity of the records as a bar, and the known outcomes."""
    balance = model["balance"]
    whole = sum(balance[name] or 0 for name, _, _ in KINDS)
    pieces, x = [], 0.0
    for name, words, style in KINDS:
        width = (balance[name] or 0) * 100 / whole if whole else 0.0
        said = words[balance[name] != 1]
        pieces.append(
            {"words": said, "value": balance[name], "x": round(x, 3), "width": round(width, 3), "style": style}
        )
        x += width
    return {"pieces": pieces, "known": balance["records"] is not None}


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The verdict, the identity, the groups, the closings."""
    return [
        Part(
            "verdict",
            "operations/verdict.html",
            (model["verdict"], model["level"], model["broker_error"], model["loading"]),
        ),
        Part(
            "balance",
            "operations/balance.html",
            (model["balance"], model["records_lost"], model["verify"], len(model["workers"])),
        ),
        Part("groups", "operations/groups.html", model["groups"]),
        Part("workers", "operations/workers.html", model["workers"]),
        Part("closings", "operations/closings.html", (model["closings"], model["set_aside"])),
    ]


VIEW = View("operations/page.html", "operations", context, parts, csv=True)
