"""The advice pages: recommended changes from today, cheaper past alternatives, and the result of a simulated change."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from meter.dashboard.pages.environment import capitalize_first
from meter.dashboard.pages.parts import Part, View
from meter.dashboard.pages.plots import curves, line, ranges

Model = Mapping[str, Any]
#: Alternatives explained below the table.
EXPLAINED = 3
#: Rows of a table that costs more than staying, shown beside those that save.
FOR_COMPARISON = 2
#: Most workspaces of a list that the form can change; a longer list does not fit into an address.
LISTED = 40
#: Changed charges shown, by workspace and item.
SHIFTED = 12
#: Most characters of a simulation in a link.
LINKED = 2_000
ZERO = Decimal(0)
#: How a sentence begins that says no more than that days have to close first: nothing is wrong.
EARLY = ("too little to advise", "nothing to advise", "no closed day of")


def advise_context(model: Model) -> dict[str, Any]:
    """The tables with their ranges, the curve and the days of the best."""
    answer = model["answer"]
    if answer is None:
        return {"found": None, **problem_of(model)}
    table = answer["from_today"]
    better = [each for each in table["alternatives"] if _saves(each) or answer["target"] != "cost"]
    others = [each for each in table["alternatives"] if each not in better][:FOR_COMPARISON]
    shown = [*better, *others]
    best = better[0] if better else None
    return {
        **problem_of(model),
        "found": answer,
        "stay": table["stay"],
        "rows": _rows(shown),
        "hindsight": _rows(answer["hindsight"]["alternatives"]),
        "as_it_was": answer["hindsight"]["stay"],
        "best": best,
        "explained": [{**each, "linked": _linked(model, each)} for each in better[:EXPLAINED]],
        "curves": curves(answer),
        "days_drawn": _days_of(answer, table["stay"], best or (shown[0] if shown else None)),
        "drawn_title": (best or (shown[0] if shown else {"title": ""}))["title"],
    }


def problem_of(model: Model) -> dict[str, Any]:
    """Why there is no answer, with a capital letter unless it begins with an id, and whether it is only too early."""
    sentence, offer = model["problem"], model["offer"]
    ids = {model["account"], *offer["workspaces"], *(plan["plan_id"] for plan in offer["plans"])}
    begins_with_id = re.split(r"[\s:,;']", sentence, maxsplit=1)[0] in ids
    return {
        "problem_sentence": sentence if begins_with_id else capitalize_first(sentence),
        "early": sentence.startswith(EARLY),
    }


def _saves(each: Model) -> bool:
    return Decimal(each["saves_a_day"]["mean"]) > 0


def _rows(alternatives: Sequence[Model]) -> list[dict[str, Any]]:
    return [
        {**each, "number": number, "range": drawn, "saves": _saves(each)}
        for number, (each, drawn) in enumerate(zip(alternatives, ranges(alternatives), strict=True), 1)
    ]


def _linked(model: Model, each: Model) -> dict[str, str] | None:
    """The query that simulates the same changes; None if it does not fit into an address."""
    words = {option: " ".join(found) for option, found in each["simulate"].items()}
    if not words or sum(map(len, words.values())) > LINKED:
        return None
    return {"days": str(model["days"]), **words}


def _days_of(answer: Model, stay: Model, other: Model | None) -> dict[str, Any]:
    if other is None:
        return {}
    before, after = (
        [Decimal(over) + Decimal(each["packages_a_day"]) for over in each["overage_by_day"]] for each in (stay, other)
    )
    return line(answer["days"]["days"], before, after, answer["days"]["may_change"])


def simulate_context(model: Model) -> dict[str, Any]:
    """The submitted form, and its result."""
    answer = model["answer"]
    made = {"found": answer, "fields": fields(model), "listed": LISTED, **problem_of(model)}
    if answer is None:
        return made
    was, then = answer["as_it_was"], answer["changed"]
    days = answer["days"]
    before, after = ([Decimal(day[side]) for day in days] for side in ("as_it_was", "changed"))
    names = ("packages_a_day", "overage_a_day", "cost_a_day", "unused_quota_a_day")
    words = ("packages", "over, and by usage", "together", "quota unused")
    return {
        **made,
        "is_changed": bool(model["words"]),
        "sums": [
            {"words": each, "was": was[name], "then": then[name], "difference": _less(then[name], was[name])}
            for each, name in zip(words, names, strict=True)
        ],
        "was": was,
        "then": then,
        "days_drawn": line([day["day"] for day in days], before, after, answer["window"]["may_change"]),
        "shifts": [
            {"of": kind, **_shift(was[f"charges_by_{kind}"], then[f"charges_by_{kind}"], len(days))}
            for kind in ("workspace", "item")
        ],
    }


def _less(then: str, was: str) -> str:
    return f"{Decimal(then) - Decimal(was):.2f}"


def _shift(was: Mapping[str, str], then: Mapping[str, str], days: int) -> dict[str, Any]:
    """The largest changes of daily charges, by workspace and item."""
    moved = {name: Decimal(then.get(name, "0")) - Decimal(was.get(name, "0")) for name in {*was, *then}}
    order = sorted((name for name in moved if round(moved[name] / days, 2)), key=lambda each: (-abs(moved[each]), each))
    rows = [
        {
            "name": name,
            "was": f"{Decimal(was.get(name, '0')) / days:.2f}",
            "then": f"{Decimal(then.get(name, '0')) / days:.2f}",
            "difference": f"{moved[name] / days:.2f}",
        }
        for name in order[:SHIFTED]
    ]
    return {"rows": rows, "more": max(0, len(order) - SHIFTED)}


def fields(model: Model) -> dict[str, Any]:
    """The form's content: the fields of each plan, then the bought plans, one of them empty."""
    words, offer = model["words"], model["offer"]
    upgrades, lists = (dict(_pairs(words.get(name, ()), "=")) for name in ("upgrade", "workspaces"))
    traffic: dict[str, list[str]] = {}
    for plan_id, each in _pairs(words.get("add_traffic", ()), ":"):
        traffic.setdefault(plan_id, []).append(each)
    plans = [
        {
            **plan,
            "upgrade": upgrades.get(plan["plan_id"], ""),
            "list": lists.get(plan["plan_id"], ",".join(plan["workspaces"])).replace(",", ", "),
            "traffic": " ".join(traffic.get(plan["plan_id"], ())),
            "without": plan["plan_id"] in words.get("without", ()),
        }
        for plan in offer["plans"]
    ]
    bought = [
        {"package": package, "list": names.replace(",", ", "), "traffic": " ".join(traffic.get(f"new-{number}", ()))}
        for number, (package, names) in enumerate(_pairs(words.get("buy", ()), "="), 1)
    ]
    return {"plans": plans, "buys": [*bought, {"package": "", "list": "", "traffic": ""}][:3]}


def _pairs(words: Sequence[str], mark: str) -> list[tuple[str, str]]:
    return [(first, second) for first, _, second in (word.partition(mark) for word in words)]


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """No part changes by itself: the page is about closed days."""
    return []


ADVISE = View("advice/advise.html", "", advise_context, parts, live=False, csv=True, current="true")
SIMULATE = View("advice/simulate.html", "", simulate_context, parts, live=False, csv=True, current="true")
