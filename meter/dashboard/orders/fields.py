"""The fields of an order form: the text entered so far, and the address that holds it.

A form's whole state is in its address, so that a reload, the back button and a bookmark show the same order under the
same id. A list is one value in the address (`workspaces=a,b`); a submitted form has a field for each workspace.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

#: By the word in the address (the command's word): the kind of order.
WORDS = {
    "top-up": "top_up",
    "buy": "purchase",
    "add-traffic": "add_traffic",
    "upgrade": "upgrade",
    "change-workspaces": "change_workspaces",
}
KINDS = {kind: word for word, kind in WORDS.items()}
#: Most characters of a value: no valid one is longer, and a truncated one stays invalid.
VALUE_LIMIT = 256
#: Most workspaces and lines to parse; the order's model refuses such a number.
NAMES_LIMIT, LINES_LIMIT = 1_001, 200
#: No redirect to a longer address: the answer to the POST shows the form.
ADDRESS_LIMIT = 3_500
#: In an address: a list that was emptied, as opposed to one never filled in. No id looks like this.
NOBODY = "-"
UNITS, DISCOUNT, PAY = "units.", "discount.", "pay."
CASH, SPLIT = "cash", "split"
SIMPLE = ("order_id", "plan_id", "plan", "first_day", "method", "instrument", "amount", "expires_on")

Given = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class TrafficField:
    """Traffic packages of an item."""

    item: str
    units: str
    discount: str


@dataclass(frozen=True)
class PaymentField:
    """The amount that an instrument pays."""

    method: str
    instrument: str
    amount: str


@dataclass(frozen=True)
class Fields:
    """An order form; an empty string is a field not filled in."""

    kind: str
    account: str
    order_id: str = ""
    plan_id: str = ""
    plan: str = ""
    first_day: str = ""
    method: str = ""
    instrument: str = ""
    amount: str = ""
    expires_on: str = ""
    #: None: never filled in.
    workspaces: tuple[str, ...] | None = None
    traffic: tuple[TrafficField, ...] = ()
    #: `cash`: the whole price from cash; `split`: as in `payments`.
    paying: str = CASH
    payments: tuple[PaymentField, ...] = ()

    def query(self) -> dict[str, str]:
        """The query of the address: the fields filled in."""
        found = {name: getattr(self, name) for name in SIMPLE}
        if self.workspaces is not None:
            found["workspaces"] = ",".join(self.workspaces) or NOBODY
        for line in self.traffic:
            found |= {UNITS + line.item: line.units, DISCOUNT + line.item: line.discount}
        if self.paying == SPLIT:
            found["paying"] = SPLIT
            found |= {pay_name(each.method, each.instrument): each.amount for each in self.payments}
        return {name: value for name, value in found.items() if value}

    def moved(self, move: str, added: str = "") -> "Fields":
        """The same form with its list changed: `up:W`, `down:W`, `out:W`, `in:W`, or `add` for `added`."""
        what, _, name = move.partition(":")
        names = list(self.workspaces or ())
        if what in ("in", "add"):
            names += [one for one in [added if what == "add" else name] if one and one not in names]
        elif name in names:
            at = names.index(name)
            to = {"up": at - 1, "down": at + 1}.get(what)
            names.remove(name)
            if to is not None:
                names.insert(max(0, to), name)
        return replace(self, workspaces=tuple(names))


def fields_of(kind: str, account: str, given: Given) -> Fields:
    """Parse the fields of a query or a submitted form, with every value of a name."""
    simple = {name: _last(given, name) for name in SIMPLE}
    return Fields(
        kind,
        account,
        **simple,
        workspaces=_workspaces(given),
        traffic=tuple(_traffic(given)),
        paying=SPLIT if _last(given, "paying") == SPLIT else CASH,
        payments=tuple(_payments(given)),
    )


def pay_name(method: str, instrument: str) -> str:
    """The name of the field for an instrument's amount: `pay.cash`, `pay.coupon.cpn-3`."""
    return PAY + (f"{method}.{instrument}" if instrument else method)


def _last(given: Given, name: str) -> str:
    values = given.get(name) or ("",)
    return values[-1].strip()[:VALUE_LIMIT]


def _workspaces(given: Given) -> tuple[str, ...] | None:
    """The names of the list: separated by commas or spaces in one value, or one value each."""
    texts = [*given.get("workspaces", ()), *given.get("workspace", ())]
    if not texts:
        return None
    words = (word for text in texts for word in text.replace(",", " ").split())
    return tuple(_cut(words, NAMES_LIMIT)) if texts != [NOBODY] else ()


def _cut(words: Iterable[str], most: int) -> list[str]:
    return [word[:VALUE_LIMIT] for word, _ in zip(words, range(most), strict=False) if word != NOBODY]


def _traffic(given: Given) -> Iterable[TrafficField]:
    items = list(dict.fromkeys(name.partition(".")[2] for name in given if name.startswith((UNITS, DISCOUNT))))
    for item in items[:LINES_LIMIT]:
        units, discount = _last(given, UNITS + item), _last(given, DISCOUNT + item)
        if units or discount:
            yield TrafficField(item[:VALUE_LIMIT], units, discount)


def _payments(given: Given) -> Iterable[PaymentField]:
    names = [name for name in given if name.startswith(PAY)]
    for name in names[:LINES_LIMIT]:
        method, _, instrument = name.removeprefix(PAY).partition(".")
        if amount := _last(given, name):
            yield PaymentField(method[:VALUE_LIMIT], instrument[:VALUE_LIMIT], amount)
