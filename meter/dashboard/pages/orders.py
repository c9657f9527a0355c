"""The order forms and the page of an order: makes their templates' input from their models."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from meter.dashboard.orders.fields import ADDRESS_LIMIT, CASH, KINDS, NOBODY, SPLIT, pay_name
from meter.dashboard.orders.reading import SHOWN
from meter.dashboard.pages import waterline
from meter.dashboard.pages.environment import slug
from meter.dashboard.pages.figures import money, short
from meter.dashboard.pages.parts import Part, View
from meter.dashboard.pages.plans import KINDS as KIND_WORDS
from meter.dashboard.pages.plans import METHODS

Model = Mapping[str, Any]
TITLES = {
    "top_up": "Top up",
    "purchase": "Buy a plan",
    "add_traffic": "Add traffic packages",
    "upgrade": "Upgrade a plan",
    "change_workspaces": "Change a plan’s workspaces",
}
LEADS = {
    "top_up": "Money that plans and traffic packages are paid with.",
    "purchase": "A daily quota of several items, for workspaces in the order in which they draw from it.",
    "add_traffic": "More quota a day of an item, from today through the plan’s last day.",
    "upgrade": "A dearer package instead of this one; its workspaces, traffic packages and last day stay.",
    "change_workspaces": "The first workspace draws first; what is left covers the next. It costs nothing.",
}
SENDS = {
    "top_up": "Top up",
    "purchase": "Buy",
    "add_traffic": "Add",
    "upgrade": "Upgrade",
    "change_workspaces": "Change the list",
}
STATES = {
    "unknown": ("Nothing is known of this order", "late"),
    "sending": ("On its way to Kafka", "late"),
    "failed": ("Not sent", "bad"),
    "waiting": ("Sent, to be decided", "late"),
    "accepted": ("Accepted", "good"),
    "refused": ("Refused", "bad"),
    "dead": ("Dead letter", "bad"),
}
#: Most workspaces shown per item of an effect; the CSV has all.
EFFECT_ROWS = 8
SCRIPTS = ("htmx-4.0.1.min.js", "orders.js")


def context(model: Model) -> dict[str, Any]:
    """A form's data beyond the model."""
    fields = model["fields"]
    choices = {each["workspace"]: each for each in model["choices"]["workspaces"]}
    names = [name for name in str(fields.get("workspaces", "")).split(",") if name and name != NOBODY]
    return {
        "title": TITLES[model["kind"]],
        "lead": LEADS[model["kind"]],
        "word": KINDS[model["kind"]],
        "words": KINDS,
        "problems_at": {name: _problems(model, name) for name in SHOWN[model["kind"]]},
        "listed": [_choice(choices, name) for name in names],
        "others": [each for name, each in choices.items() if name not in names],
        "split": fields.get("paying", CASH) == SPLIT,
        "purses": _purses(model),
        "instruments": [each for each in model["choices"]["wallets"] if each["method"] != "cash"],
        "methods": METHODS,
        "send": _send(model),
        "effects": [_effect(each) for each in (model["effect"] or {"items": []})["items"]],
        "holds": _holds(model),
        "present": _present(model),
        "address_limit": ADDRESS_LIMIT,
    }


def parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The parts that change while a form is filled in: the quote, the command, and the fields' problems."""
    at = made["problems_at"]
    return [
        Part("quote", "orders/quote.html", model),
        Part("order-command", "orders/command.html", model["command"]),
        *(Part(f"problem-{name}", "orders/problem.html", at[name], {"name": name, "found": at[name]}) for name in at),
    ]


def sent_context(model: Model) -> dict[str, Any]:
    """An order page's data beyond the model."""
    words, level = STATES[model["state"]]
    kind = KIND_WORDS.get(model["kind"] or "", "order")
    again = model["again"]
    word = KINDS.get((again or model)["kind"] or "", "")
    return {
        "words": words,
        "level": level,
        "kind_words": kind,
        "methods": METHODS,
        "steps": _steps(model),
        "again_word": word,
        "again_query": (again or {"query": {}})["query"],
    }


def sent_parts(model: Model, made: dict[str, Any]) -> list[Part]:
    """The state of the order."""
    without_time = {name: value for name, value in model.items() if name != "as_of"}
    return [Part("outcome", "orders/outcome.html", without_time)]


def _steps(model: Model) -> list[dict[str, Any]]:
    """An order's progress: steps done, in progress and to come."""
    state = model["state"]
    sent = "now" if state == "sending" else "failed" if state == "failed" else "done"
    ends = {"accepted": "done", "refused": "failed", "dead": "failed", "waiting": "now"}
    decided = ends.get(state, "todo")
    words = {"accepted": "Accepted", "refused": "Refused", "dead": "Dead letter"}.get(state, "Decided by the meter")
    found = [{"words": "Sent to plan-purchases", "state": sent}, {"words": words, "state": decided}]
    return [] if state == "unknown" else found


def _problems(model: Model, name: str) -> list[Model]:
    return [each for each in model["problems"] if each["field"] == name]


def _choice(choices: Mapping[str, Model], name: str) -> Model:
    return choices.get(name) or {"workspace": name, "commercial": False, "charge": "0.00"}


def _purses(model: Model) -> list[dict[str, Any]]:
    """The payment instruments, cash first, then cards and coupons, with the amount that the form pays from each."""
    fields = model["fields"]
    found = []
    wallets = sorted(model["choices"]["wallets"], key=lambda each: (each["method"] != "cash", each["method"]))
    if not wallets or wallets[0]["method"] != "cash":
        wallets = [{"method": "cash", "balance": "0.00", "currency": model["currency"]}, *wallets]
    for each in wallets:
        name = pay_name(each["method"], each.get("instrument") or "")
        over = each.get("expires_on")
        usable = not over or over >= model["day"]
        found.append({**each, "name": name, "amount": fields.get(name, ""), "usable": usable, "id": slug(name)})
    return found


def _holds(model: Model) -> str:
    """The cash balance."""
    cash = [each for each in model["choices"]["wallets"] if each["method"] == "cash"]
    return str(cash[0]["balance"]) if cash else "0.00"


def _present(model: Model) -> str:
    """The package of the plan that the order changes."""
    return str(model["plan"]["packages"][-1]["plan"]) if model["plan"] else ""


def _send(model: Model) -> str:
    """The label of the send button."""
    quote = model["quote"]
    words = SENDS[model["kind"]]
    amount = model["fields"].get("amount") if model["kind"] == "top_up" else (quote or {}).get("price")
    if quote is None or quote["seen"] is None or not amount or not Decimal(amount):
        return words
    return f"{words} {'for ' if model['kind'] != 'top_up' else ''}{money(amount)} {model['currency']}"


def _effect(item: Model) -> dict[str, Any]:
    """An item before and after as two bars, and the workspaces whose figures change."""
    places = {each["workspace"]: place for place, each in enumerate(item["workspaces"])}
    by_name = {each["workspace"]: each for each in item["workspaces"]}
    orders = (
        ("before", "_before", [by_name[name] for name in item["order_before"]]),
        ("after", "", item["workspaces"]),
    )
    bars = {}
    for side, suffix, workspaces in orders:
        one = {
            "quota": item[f"quota{suffix}"],
            "covered": sum(each[f"covered{suffix}"] for each in workspaces),
            "overage": sum(each[f"overage{suffix}"] for each in workspaces),
            "workspaces": [
                {
                    "workspace": each["workspace"],
                    "covered": each[f"covered{suffix}"],
                    "overage": each[f"overage{suffix}"],
                }
                for each in workspaces
            ],
        }
        one["left"] = max(0, one["quota"] - one["covered"])
        spoken = waterline.spoken(f"{item['item']} {side}", one, short)
        bars[side] = {**one, "bar": waterline.bar(one, places), "spoken": spoken}
    changed = [
        {**each, "shade": waterline.shade(places[each["workspace"]])} for each in item["workspaces"] if _moved(each)
    ]
    return {**item, **bars, "changed": changed[:EFFECT_ROWS], "left_out": len(changed[EFFECT_ROWS:])}


def _moved(each: Model) -> bool:
    pairs = (("covered_before", "covered"), ("charge_before", "charge"), ("basis_before", "basis"))
    return any(each[before] != each[after] for before, after in pairs)


FORM = View("orders/form.html", "", context, parts, live=False, current="true", csv=True, scripts=SCRIPTS)
SENT_ORDER = View("orders/order.html", "", sent_context, sent_parts, current="true", csv=True)
