"""Stories of orders: one account, a small market with a plan of four days, a few days of orders in a row.

Dense on purpose: most orders name plans there are and are paid to the cent from instruments that hold enough, so
that acceptance is common; each law is broken now and then. A payment is told as shares of the price, which the
teller (`told`) works out by itself, in fractions.
"""

from collections.abc import Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple

from hypothesis import strategies as st

from meter.rules.orders import Decision
from schemas.catalog import Catalog, Item, PlanPackage, TrafficPackage, Version
from schemas.rows import NEVER
from tests.rules.order_world import BOUGHT_ON, CARD, CASH, COUPON, Json, World, read

VALIDITY = 4
PAYABLE: dict[str, Json] = {
    "cash": {"method": "cash"},
    "card": {"method": "prepaid_card", "instrument": "card-9"},
    "coupon": {"method": "coupon", "instrument": "cpn-3"},
    "none": {"method": "coupon", "instrument": "cpn-404"},
}


def _version(since: int, plans: dict[str, tuple[int, int]], logs: str, capacity: int) -> Version:
    return Version(
        since,
        {name: Item(name, "sum", 1, Decimal(1), None, {}) for name in ("logs", "pv")},
        {
            name: PlanPackage(name, name, {"logs": quota}, Decimal(price), None)
            for name, (price, quota) in plans.items()
        },
        {
            "logs": TrafficPackage("logs", capacity, Decimal(logs)),
            "pv": TrafficPackage("pv", 1, Decimal("0.005")),
        },
    )


#: On the third day prices change: `s` costs as much as `m` did, `m` less than `s`.
MARKET = Catalog(
    "CNY",
    VALIDITY,
    (
        _version(1, {"s": (10, 1), "m": (17, 2), "l": (25, 3), "free": (0, 1)}, "1.5", 1),
        _version(BOUGHT_ON + 2, {"s": (17, 1), "m": (16, 4), "l": (25, 3)}, "2", 2),
    ),
)


class Step(NamedTuple):
    """One order without its payments, and how it comes to be paid."""

    days: int  # since the previous order
    order: Json
    parts: tuple[str, ...]  # of PAYABLE, each an equal share of the price, the last the rest
    cents: int  # too many (or too few) in the last part


class DecidedStep(NamedTuple):
    """What a step did: the world before it, the order as sent, its price by SPEC's formula, the decision."""

    before: World
    order: Json
    fair: Fraction | None
    decision: Decision


def _often(good: list[Any], bad: list[Any]) -> st.SearchStrategy[Any]:
    return st.sampled_from([*good * 6, *bad])


_KINDS = ["purchase", "top_up", *["add_traffic", "upgrade", "change_workspaces"] * 2]
_LISTS = _often([["a"], ["b", "a"], ["a", "b"]], [[], ["a", "a"], ["a", "x"], ["a", "f"], ["free"], ["nobody"]])
_LINES = st.lists(
    st.fixed_dictionaries(
        {
            "item": _often(["logs", "pv"], ["gpu"]),
            "units": st.integers(1, 3),
            "discount": st.sampled_from([None, "0.5", "0.3333"]),
        }
    ),
    max_size=2,
)
_BOUGHT = _often(["s", "s", "m"], ["l", "free", "nosuch"])
_UPGRADES = _often(["m", "l", "l"], ["s", "free", "nosuch"])
_FIRST_DAYS = _often([None, 0, 1, 2], [-1, 31, 32])
_EXPIRIES = st.sampled_from([None, None, 0, 1, -1])


@st.composite
def _orders(draw: st.DrawFn, number: int, bought: list[int]) -> Json:
    kind = draw(st.sampled_from(_KINDS))
    order: Json = {"order_id": f"o-{number}", "account": "acct_1", "kind": kind}
    if draw(st.integers(0, 30)) == 30:
        order["currency"] = "USD"
    if kind == "top_up":
        instrument = draw(st.sampled_from([CASH, CARD, COUPON, ("coupon", "cpn-1")]))
        order.update(method=instrument[0], instrument=instrument[1], amount=draw(_often(["3.00", "0.01"], ["0.00"])))
        return order if instrument == CASH else {**order, "expires_on": draw(_EXPIRIES)}
    if kind == "purchase":
        order["first_day"] = draw(_FIRST_DAYS)
        bought.append(number)
    else:
        order["plan_id"] = f"o-{draw(_often(bought, [404]))}"
    if kind in ("purchase", "upgrade"):
        order["plan"] = draw(_BOUGHT if kind == "purchase" else _UPGRADES)
    if kind in ("purchase", "change_workspaces"):
        order["workspaces"] = draw(_LISTS)
    if kind in ("purchase", "add_traffic"):
        order["traffic"] = draw(_LINES)
    return order


@st.composite
def stories(draw: st.DrawFn) -> list[Step]:
    """A purchase that is accepted, then two to six orders within a few days; days in them count from their own."""
    first: Json = {"order_id": "o-0", "account": "acct_1", "kind": "purchase", "plan": "s", "workspaces": ["a", "b"]}
    first["first_day"] = draw(st.sampled_from([None, 2]))
    steps, bought = [Step(0, first, ("cash",), 0)], [0]
    for number in range(1, draw(st.integers(3, 7))):
        parts = draw(_often([("cash",), ("cash", "card"), ("card", "coupon", "cash", "card")], [("none", "cash")]))
        cents = draw(_often([0], [1, -1]))
        steps.append(Step(draw(_often([0, 0, 1], [3])), draw(_orders(number, bought)), parts, cents))
    return steps


def played(rules: Any, story: list[Step]) -> Iterator[DecidedStep]:
    """Tell a story to the rules, step by step; what is accepted is written before the next step."""
    world = World(day=BOUGHT_ON, catalog=MARKET)
    world.bind("acct_1", BOUGHT_ON, "a", "b")
    world.bind("acct_1", BOUGHT_ON + 2, "f")
    world.bind("acct_1", NEVER, "free")
    world.bind("acct_2", BOUGHT_ON, "x")
    world.fill(CASH, "70.00")
    world.fill(CARD, "30.00", BOUGHT_ON + 2)
    world.fill(COUPON, "5.00")
    for step in story:
        world.day += step.days
        order = _dated(step.order, world.day)
        price = fair_price(world, order)
        if order["kind"] != "top_up":
            order["payments"] = _payments(price, step)
        before = world.copy()
        decision = rules.decide(read(order), world.day, world.account, world.wallets, world.bindings, MARKET)
        yield DecidedStep(before, order, price, decision)
        world.apply(decision)


def fair_price(world: World, order: Json) -> Fraction | None:
    """SPEC's formula in fractions, rounded half up to the cent; None if what it needs is not there."""
    version, plan = MARKET.version(world.day), world.account.plans.get(order.get("plan_id", ""))
    lines = order.get("traffic", [])
    if any(line["item"] not in version.traffic for line in lines) or order.get("plan", "s") not in version.plans:
        return None
    daily = sum(
        (Fraction(version.traffic[line["item"]].price) * line["units"] * Fraction(line["discount"] or 1))
        for line in lines
    )
    if order["kind"] == "purchase":
        return _half_up(Fraction(version.plans[order["plan"]].price) + daily * VALIDITY)
    if plan is None:
        return None
    left = plan.last_day - max(world.day, plan.first_day) + 1
    if order["kind"] == "upgrade":
        more = Fraction(version.plans[order["plan"]].price) - Fraction(plan.packages[-1].price)
        return _half_up(more * left / VALIDITY)
    return _half_up(daily * left)


def _half_up(price: Fraction) -> Fraction:
    return Fraction((price * 100 + Fraction(1, 2)) // 1, 100)


def _dated(order: Json, today: int) -> Json:
    """Days of the story as days of the calendar."""
    names = {"first_day", "expires_on"} & order.keys()
    days = {name: None if order[name] is None else str(date.fromordinal(today + order[name])) for name in names}
    return {**deepcopy(order), **days}


def _payments(price: Fraction | None, step: Step) -> list[Json]:
    """Equal shares of the price, the last one with what is left of it and the cents of the step."""
    cents = max(0, int((price or 0) * 100))
    shares = [cents // len(step.parts)] * len(step.parts)
    shares[-1] += cents - sum(shares) + step.cents
    pairs = zip(step.parts, shares, strict=True)
    return [{**PAYABLE[part], "amount": str(Decimal(share).scaleb(-2))} for part, share in pairs if share]
