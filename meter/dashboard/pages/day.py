"""The day page: makes its templates' input from the day's model (SPEC2 §12)."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from meter.dashboard.pages import estimates, waterline
from meter.dashboard.pages.environment import slug
from meter.dashboard.pages.figures import DaySpan, clock, day_words, short
from meter.dashboard.pages.parts import Part, View
from meter.dashboard.views.feed import SHOWN

Model = Mapping[str, Any]
#: Items are open at first until their workspaces have this many rows in total.
OPEN_ROWS = 16
#: Least height of a column above zero in the strip of days, in percent of the tallest.
LEAST_HEIGHT = 5.0
#: Changes shown without a click; figures shown per change.
SHOWN_ENTRIES, EFFECTS = 12, 4
#: Ids named in the sentence of a change.
NAMED = 3
BASIS = {"package": "in a plan", "pay_as_you_go": "by usage", "free": "free day"}


def context(model: Model) -> dict[str, Any]:
    """The day page's data beyond the model."""
    items = {name: {"name": name, **item} for name, item in model["items"].items()}
    places = waterline.ranks(items.values())
    opened = _opened(items.values())
    span = DaySpan(model["begins"], model["ends"], model["time_zone"])
    forecasts = model["forecast"]["items"] if model["forecast"] else {}
    return {
        "parts_of_items": {
            name: {
                **item,
                "bar": waterline.bar(item, places),
                "spoken": waterline.spoken(name, item, short),
                "open": name in opened,
                "curve": estimates.curve(item, model["samples"].get(name, []), span, forecasts.get(name)),
            }
            for name, item in items.items()
        },
        "shades": {name: waterline.shade(place) for name, place in places.items()},
        "bases": BASIS,
        "bill": bill(items.values(), places),
        "estimate": estimates.charges(model),
        "shown_budgets": estimates.budgets(model),
        "span": span,
        "columns": columns(model),
        "neighbours": neighbours(model),
        "promise": promise(model),
        "entries": entries(model, span),
        "shown_entries": SHOWN_ENTRIES,
        "reached": span.place(model["as_of"]["time"]) if model["state"] == "open" else 100.0,
    }


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The page's parts; every item is a separate part, so that its change resends no other item."""
    items, shades, entries = made["parts_of_items"], made["shades"], made["entries"]
    return [
        Part(
            "head",
            "day/head.html",
            (model["state"], model["amount"], model["statement"], made["promise"], made["estimate"]),
        ),
        Part("strip", "day/strip.html", tuple(each["day"] for each in made["columns"])),
        *(
            Part(f"strip-{each['day']}", "day/strip_day.html", each, {"each": each}, within="strip")
            for each in made["columns"]
        ),
        Part("waterline", "day/waterline.html", tuple(items)),
        *(
            Part(f"item-{slug(name)}", "day/item.html", (item, shades), {"item": item}, within="waterline")
            for name, item in items.items()
        ),
        Part("bill", "day/bill.html", (made["bill"], model["amount"])),
        Part("budgets", "day/budgets.html", made["shown_budgets"]),
        Part("clock", "day/clock.html", ([(each["place"], each["rose"]) for each in entries], round(made["reached"]))),
        Part("feed", "day/feed.html", tuple(each["id"] for each in entries)),
        *(
            Part(each["id"], "day/entry.html", _lasting(model, each), {"each": each}, "feed", _lasting(model, each))
            for each in entries
        ),
    ]


def promise(model: Model) -> str:
    """Whether the figures can still change, and until when."""
    until = day_words(model["changes_until"][:10])
    if model["state"] == "final":
        return f"These figures are final: usage for this day was taken until {until}."
    if model["state"] == "closed":
        return f"Closed. Late usage may still change it until {until}; each version is kept."
    closes = f"{day_words(model['closes_at'][:10])} at {clock(model['closes_at'], seconds=False)}"
    now = "has ended" if model["day"] < model["today"] else "is running"
    return f"The day {now}. It closes on {closes}; late usage may change it until {until}."


def _over(part: Model) -> bool:
    return bool(part["overage"]) and part["basis"] == "package"


def _opened(items: Iterable[Model]) -> set[str]:
    """The items open at first: those with a charge, the largest first, up to the limit of rows."""
    found: set[str] = set()
    rows = 0
    for item in sorted(items, key=lambda each: (-Decimal(each["charge"]), each["name"])):
        rows += len(item["workspaces"])
        if not Decimal(item["charge"]) or (found and rows > OPEN_ROWS):
            break
        found.add(item["name"])
    return found


def bill(items: Iterable[Model], places: Mapping[str, int]) -> list[dict[str, Any]]:
    """Charges by workspace, in priority order: its charged items, the largest first, and their sum."""
    rows: dict[str, dict[str, Any]] = {
        name: {"workspace": name, "lines": [], "charge": Decimal(0), "basis": "free"} for name in places
    }
    for item in items:
        for each in item["workspaces"]:
            row = rows[each["workspace"]]
            row["basis"] = each["basis"]
            charge = Decimal(each["charge"])
            row["charge"] += charge
            if charge or each["overage"]:
                row["lines"].append({"item": item["name"], "overage": each["overage"], "charge": charge})
    most = max((row["charge"] for row in rows.values()), default=Decimal(0))
    for row in rows.values():
        row["lines"].sort(key=lambda line: (-line["charge"], line["item"]))
        row["share"] = float(row["charge"] * 100 / most) if most > 0 else 0.0
    return list(rows.values())


def columns(model: Model) -> list[dict[str, Any]]:
    """The days of the horizon, oldest first, each with its column's height (percent of the highest charge)."""
    days = sorted(model["strip"], key=lambda each: str(each["day"]))
    most = max((Decimal(each["amount"]) for each in days if each["amount"]), default=Decimal(0))
    return [
        {
            **each,
            "height": _height(Decimal(each["amount"] or 0), most),
            "number": int(each["day"][8:]),
            "month": f"{date.fromisoformat(each['day']):%b}" if place == 0 or each["day"].endswith("-01") else "",
            "here": each["day"] == model["day"],
        }
        for place, each in enumerate(days)
    ]


def _height(amount: Decimal, most: Decimal) -> float:
    """Percent of the tallest column; a value above zero is always visible."""
    return max(round(float(amount * 100 / most), 2), LEAST_HEIGHT) if amount > 0 else 0.0


def neighbours(model: Model) -> dict[str, str | None]:
    """The previous and the next day, if the strip has them."""
    names = sorted(each["day"] for each in model["strip"])
    return {
        "before": max((name for name in names if name < model["day"]), default=None),
        "after": min((name for name in names if name > model["day"]), default=None),
    }


def entries(model: Model, span: DaySpan) -> list[dict[str, Any]]:
    """The feed, newest first: the event in words, the changed figures, the time of day."""
    return [
        {
            **each,
            "id": f"change-{each['revision']}-{slug(each['item'])}",
            "words": cause_words(each["cause"]),
            "place": span.place(each["time"]),
            "rose": sum(change["delta"] for change in each["changes"]) > 0,
            "effects": _greatest(each["changes"]),
            "more": each["more"] + max(len(each["changes"]) - EFFECTS, 0),
        }
        for each in model["feed"][:SHOWN]
    ]


def _lasting(model: Model, each: Model) -> tuple[str, ...]:
    """The key of a change: it is constant, unless more figures of the same record arrive later."""
    return model["account"], model["day"], each["id"], each["time"], f"{len(each['changes'])}+{each['more']}"


def _greatest(changes: list[Model]) -> list[Model]:
    """The changes with the largest amounts, in the record's order."""
    most = sorted(changes, key=lambda each: -abs(Decimal(each["charge_delta"] or 0)))[:EFFECTS]
    return [each for each in changes if each in most]


def cause_words(cause: Model) -> dict[str, Any]:
    """A published cause in words: the actors (at most three ids and the number of others) and their action."""
    names = list(cause["orders"] if cause.get("orders") else cause["workspaces"])
    more = max(len(names) - NAMED, 0) + (cause.get("more") or 0)
    one = len(names) + more == 1
    what = {
        "usage": "reported",
        "order": "was ordered" if one else "were ordered",
        "workspace": "changed its tier" if one else "changed their tier",
    }.get(cause["kind"], "a new catalog version counts")
    return {"names": names[:NAMED], "more": more, "what": what}


VIEW = View("day/page.html", "", context, parts, csv=True, current="true")
