"""The form of a simulation: its fields become the words of `meter simulate`, which are the page's address.

`upgrade:PLAN`, `list:PLAN`, `traffic:PLAN` and `without:PLAN` change a plan, `buy:N`, `buy-list:N` and `buy-traffic:N`
buy one. Commas, spaces or line breaks separate the names of a list. An unchanged field is no change.
"""

import re
from collections.abc import Mapping

from meter.advise.words import OPTIONS
from meter.dashboard.advice_models import OnOffer

#: Fields of the form have one of these names before a colon.
FIELDS = ("upgrade", "list", "traffic", "without", "buy", "buy-list", "buy-traffic")
BETWEEN = re.compile(r"[\s,;]+")
#: Plans that the form buys.
BUYS = 3


def is_filled(query: Mapping[str, str]) -> bool:
    """Whether a query is a submitted form."""
    return any(name.partition(":")[0] in FIELDS and ":" in name for name in query)


def query_of(query: Mapping[str, str], offer: OnOffer) -> dict[str, str]:
    """A form's address: `days`, and each option with its words separated by spaces."""
    words: dict[str, list[str]] = {option: [] for option in OPTIONS}
    for plan in offer.plans:
        _change(query, plan.plan_id, plan.workspaces, words)
    bought = 0
    for number in range(1, BUYS + 1):
        package = query.get(f"buy:{number}", "").strip()
        names = _names(query.get(f"buy-list:{number}", ""))
        if package:
            bought += 1
            words["buy"].append(f"{package}={','.join(names or offer.workspaces)}")
            words["add_traffic"] += [f"new-{bought}:{line}" for line in _names(query.get(f"buy-traffic:{number}", ""))]
    found = {option: " ".join(each) for option, each in words.items() if each}
    return {"days": query["days"].strip(), **found} if query.get("days", "").strip() else found


def _change(query: Mapping[str, str], plan_id: str, listed: list[str], words: dict[str, list[str]]) -> None:
    """The options that one plan's fields stand for."""
    if query.get(f"without:{plan_id}"):
        words["without"].append(plan_id)
        return
    if package := query.get(f"upgrade:{plan_id}", "").strip():
        words["upgrade"].append(f"{plan_id}={package}")
    names = _names(query.get(f"list:{plan_id}", ""))
    if names and names != listed:
        words["workspaces"].append(f"{plan_id}={','.join(names)}")
    words["add_traffic"] += [f"{plan_id}:{line}" for line in _names(query.get(f"traffic:{plan_id}", ""))]


def _names(text: str) -> list[str]:
    return [name for name in BETWEEN.split(text) if name]
