"""Decides orders again (docs/spec.md §8), in journal order.

Money is in whole cents; a price is a fraction until it is rounded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

from meter.verify.catalog import PriceBook
from meter.verify.plans import Package, Plan, TrafficOf
from schemas.catalog import Version
from schemas.orders import Order, Purchase, TopUp, Upgrade

UNEXPIRED_PLANS = 50
UNEXPIRED_TRAFFIC_LINES = 1_000
DAYS_AHEAD = 31
WalletKey = tuple[str, str | None]
CASH: WalletKey = ("cash", None)
#: Refusals that include the price.
ABOUT_PAYING = ("instrument_not_found", "instrument_expired", "balance_exceeded", "payments_must_equal_price")


@dataclass
class Wallet:
    """Money on one instrument, in cents; `expires_on` None: never."""

    cents: int
    expires_on: int | None


@dataclass(frozen=True)
class Outcome:
    """The decision on an order; `reason` None: accepted; `cents`: its price."""

    order: Order
    reason: str | None = None
    cents: int | None = None
    plan: Plan | None = None


@dataclass
class Account:
    """An account's plans, wallets and orders so far."""

    wallets: dict[WalletKey, Wallet] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    last_day: int = 0


class Refused(Exception):
    """The first reason that applies, and the price if the refusal includes it."""

    def __init__(self, reason: str, price: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.price = reason, price


def decide(order: Order, day: int, account: Account, commercial: Mapping[str, int], book: PriceBook) -> None:
    """Decide one new order; `commercial`: workspace of the account -> its first commercial day."""
    day = account.last_day = max(day, account.last_day)
    try:
        outcome = _accepted(order, day, account, commercial, book)
    except Refused as refused:
        outcome = Outcome(order, refused.reason, refused.price)
    account.outcomes[order.order_id] = outcome


def cents_of(amount: object) -> int:
    """Money in cents; it has at most two decimals."""
    cents = Fraction(str(amount)) * 100
    assert cents.denominator == 1, f"{amount} has more than two decimals"
    return int(cents)


def _require(holds: bool, reason: str, price: int | None = None) -> None:
    if not holds:
        raise Refused(reason, price)


def _accepted(order: Order, day: int, account: Account, commercial: Mapping[str, int], book: PriceBook) -> Outcome:
    _require(order.currency in (None, book.currency), "currency_must_match")
    if isinstance(order, TopUp):
        return _topped_up(order, day, account)
    version = book.version(day)
    _require(all(payment.amount > 0 for payment in order.payments), "amount_must_be_positive")
    package, plan_id = getattr(order, "plan", None), getattr(order, "plan_id", None)
    traffic, names = getattr(order, "traffic", ()), getattr(order, "workspaces", None)
    _require(package is None or package in version.plans, "unknown_plan")
    _require(all(line.item in version.traffic for line in traffic), "unknown_item")
    plan = account.plans.get(plan_id) if plan_id is not None else None
    _require(plan_id is None or plan is not None, "plan_not_found")
    _require(plan is None or day <= plan.last_day, "plan_expired")
    if isinstance(order, Upgrade) and plan is not None:
        _require(version.plans[order.plan].price > plan.packages[-1][1].price, "upgrade_must_go_up")
    if names is not None:
        _require(len(names) > 0, "workspaces_must_not_be_empty")
        _require(len(set(names)) == len(names), "workspaces_must_not_repeat")
        _require(all(name in commercial for name in names), "workspace_not_in_account")
        _require(all(commercial[name] <= day for name in names), "workspace_not_commercial")
    since = day if plan is None else max(day, plan.first_day)
    if isinstance(order, Purchase):
        since = day if order.first_day is None else order.first_day.toordinal()
        _require(day <= since <= day + DAYS_AHEAD, "first_day_out_of_range")
        unexpired = [each for each in account.plans.values() if each.last_day >= day]
        _require(len(unexpired) < UNEXPIRED_PLANS, "too_many_plans")
    lines = len(traffic) + (len(plan.traffic) if plan is not None else 0)  # a plan's lines expire with it
    _require(not traffic or lines <= UNEXPIRED_TRAFFIC_LINES, "too_many_traffic_lines")
    cents = _price(order, plan, since, version, book)
    _pay(order, cents, day, account)
    return Outcome(order, None, cents, _changed(order, plan, since, version, account, book))


def _topped_up(order: TopUp, day: int, account: Account) -> Outcome:
    _require(order.amount > 0, "amount_must_be_positive")
    until = None if order.expires_on is None else order.expires_on.toordinal()
    _require(until is None or until >= day, "expires_on_in_the_past")
    wallet = account.wallets.get((order.method, order.instrument))
    _require(wallet is None or wallet.expires_on == until, "instrument_exists_with_different_terms")
    if wallet is None:
        wallet = account.wallets[(order.method, order.instrument)] = Wallet(0, until)
    wallet.cents += cents_of(order.amount)
    return Outcome(order)


def _price(order: Order, plan: Plan | None, since: int, version: Version, book: PriceBook) -> int:
    """SPEC's four prices in cents, rounded half up once."""
    a_day = Fraction(0)
    for line in getattr(order, "traffic", ()):
        a_day += Fraction(version.traffic[line.item].price) * line.units * Fraction(line.discount)
    if isinstance(order, Purchase):
        exact = Fraction(version.plans[order.plan].price) + a_day * book.validity_days
    else:
        assert plan is not None, "a change without a plan is refused before"
        left = plan.last_day - since + 1
        exact = a_day * left
        if isinstance(order, Upgrade):
            dearer = Fraction(version.plans[order.plan].price) - Fraction(plan.packages[-1][1].price)
            exact = dearer * left / (plan.last_day - plan.first_day + 1)
    return int(exact * 100 + Fraction(1, 2))


def _pay(order: Order, price: int, day: int, account: Account) -> None:
    """Draw the payments, or raise Refused if they cannot be drawn or do not make the price."""
    drawn: dict[WalletKey, int] = {}
    for payment in getattr(order, "payments", ()):
        key = (payment.method, payment.instrument)
        drawn[key] = drawn.get(key, 0) + cents_of(payment.amount)
    wallets = {**({CASH: Wallet(0, None)} if CASH in drawn else {}), **account.wallets}
    _require(all(key in wallets for key in drawn), "instrument_not_found", price)
    ends = [wallets[key].expires_on for key in drawn]
    _require(all(end is None or end >= day for end in ends), "instrument_expired", price)
    _require(all(wallets[key].cents >= cents for key, cents in drawn.items()), "balance_exceeded", price)
    _require(sum(drawn.values()) == price, "payments_must_equal_price", price)
    for key, cents in drawn.items():
        account.wallets[key].cents -= cents


def _changed(order: Order, plan: Plan | None, since: int, version: Version, account: Account, book: PriceBook) -> Plan:
    """The plan that the order makes or changes; it is put into the account."""
    if plan is None:
        plan = account.plans[order.order_id] = Plan(order.order_id, since, since + book.validity_days - 1)
    if isinstance(order, Purchase | Upgrade):
        package = version.plans[order.plan]
        plan.packages.append((since, Package(dict(package.quotas), package.price)))
    names = getattr(order, "workspaces", None)
    if names is not None:
        plan.lists.append((since, tuple(names)))
    for line in getattr(order, "traffic", ()):
        plan.traffic.append(TrafficOf(line.item, line.units * version.traffic[line.item].capacity, since))
    return plan
