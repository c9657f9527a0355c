"""The oracle's own reading of orders (SPEC section 8, `plan-purchases`): their form, decisions, plans and wallets.

Orders are the one thing here that is told as a story, one after the other as the log has them: that is what
SPEC says they are.
"""

from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from tests import oracle_time
from tests.oracle_catalog import Book, PlanPackage
from tests.oracle_orders_reading import Order

CENT = Decimal("0.01")
PLANS_LIMIT = 50
PLAN_TRAFFIC_LINES = 1_000
FIRST_DAY_AHEAD = 31
WalletKey = tuple[str, str | None]


@dataclass
class Wallet:
    """Money on one instrument; `expires_on` None is for ever."""

    balance: Decimal
    expires_on: int | None


@dataclass(frozen=True)
class Traffic:
    """One traffic line of a plan, in force `since` to `through`, both included."""

    item: str
    units: int
    discount: Decimal
    since: int
    through: int
    capacity: int


@dataclass
class Plan:
    """One purchase; `packages` and `lists` in the order they were bought, each with its first day in force."""

    plan_id: str
    first_day: int
    last_day: int
    packages: list[tuple[int, str, PlanPackage]]
    lists: list[tuple[int, tuple[str, ...]]]
    traffic: list[Traffic] = field(default_factory=list)

    def in_force(self, day: int) -> bool:
        return self.first_day <= day <= self.last_day

    def listed(self, day: int) -> tuple[str, ...]:
        """The list of a day: of those in force the one that came last."""
        return [names for since, names in self.lists if since <= day][-1]

    def package(self, day: int) -> tuple[int, str, PlanPackage]:
        return [package for package in self.packages if package[0] <= day][-1]

    def quota(self, item: str, day: int) -> int:
        packs = [line.units * line.capacity for line in self.traffic if line.item == item if line.since <= day]
        assert all(line.through == self.last_day for line in self.traffic)
        return self.package(day)[2].quotas.get(item, 0) + sum(packs)


@dataclass(frozen=True)
class Outcome:
    """What became of an order: `reason` None is accepted; what does not apply is None."""

    order: Order
    reason: str | None
    price: Decimal | None = None
    plan_id: str | None = None
    first_day: int | None = None
    last_day: int | None = None


@dataclass
class Account:
    """An account's story so far."""

    name: str
    wallets: dict[WalletKey, Wallet] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    outcomes: dict[str, Outcome] = field(default_factory=dict)
    last_day: int = 0


class Refused(Exception):
    """The first refusal reason that applies."""


@dataclass(frozen=True)
class Market:
    """What an order is decided against besides its account: the catalog and who owns which workspace since when."""

    book: Book
    accounts: dict[str, str]
    commercial: dict[str, int]


def decide(order: Order, billing_day: int, account: Account, market: Market) -> Outcome:
    """Decides one new order and tells it into the account."""
    day = account.last_day = max(billing_day, account.last_day)
    try:
        if order.currency != market.book.currency:
            raise Refused("currency_must_match")
        amounts = [order.amount] if order.kind == "top_up" else [amount for _, _, amount in order.payments]
        if any(amount <= 0 for amount in amounts):
            raise Refused("amount_must_be_positive")
        if order.kind == "top_up":
            outcome = _top_up(order, day, account)
        else:
            outcome = _plan_order(order, day, account, market)
    except Refused as refusal:
        outcome = Outcome(order, str(refusal))
    account.outcomes[order.order_id] = outcome
    return outcome


def _top_up(order: Order, day: int, account: Account) -> Outcome:
    key = (order.method, order.instrument)
    if order.expires_on is not None and order.expires_on < day:
        raise Refused("expires_on_in_the_past")
    wallet = account.wallets.setdefault(key, Wallet(Decimal(0), order.expires_on))
    if wallet.expires_on != order.expires_on:
        raise Refused("instrument_exists_with_different_terms")
    wallet.balance += order.amount
    return Outcome(order, None)


def _plan_order(order: Order, day: int, account: Account, market: Market) -> Outcome:
    """Everything that has a price: refusals first, in SPEC's order, then the change."""
    version = market.book.on(day)
    if order.plan is not None and order.plan not in version.plans:
        raise Refused("unknown_plan")
    if any(item not in version.traffic for item, _, _ in order.traffic):
        raise Refused("unknown_item")
    plan = None
    if order.plan_id is not None:
        plan = account.plans.get(order.plan_id)
        if plan is None:
            raise Refused("plan_not_found")
        if plan.last_day < day:
            raise Refused("plan_expired")
        since = max(day, plan.first_day)
    else:
        since = order.first_day if order.first_day is not None else day
    if order.kind == "upgrade" and plan and version.plans[str(order.plan)].price <= plan.packages[-1][2].price:
        raise Refused("upgrade_must_go_up")
    _check_workspaces(order, day, market)
    _check_purchase(order, since, day, account)
    lines = [line for line in plan.traffic if line.through >= day] if plan else []
    if order.traffic and len(lines) + len(order.traffic) > PLAN_TRAFFIC_LINES:
        raise Refused("too_many_traffic_lines")
    price = price_of(order, plan, since, market.book, day)
    _check_payments(order, price, day, account)
    for method, instrument, amount in order.payments:
        account.wallets[(method, instrument)].balance -= amount
    changed = _changed(order, plan, since, market.book, day)
    account.plans[changed.plan_id] = changed
    return Outcome(order, None, price, changed.plan_id, changed.first_day, changed.last_day)


def _check_workspaces(order: Order, day: int, market: Market) -> None:
    if order.workspaces is None:
        return
    if not order.workspaces:
        raise Refused("workspaces_must_not_be_empty")
    if len(set(order.workspaces)) < len(order.workspaces):
        raise Refused("workspaces_must_not_repeat")
    if any(market.accounts.get(name) != order.account for name in order.workspaces):
        raise Refused("workspace_not_in_account")
    if any(name not in market.commercial or market.commercial[name] > day for name in order.workspaces):
        raise Refused("workspace_not_commercial")


def _check_purchase(order: Order, since: int, day: int, account: Account) -> None:
    if order.kind != "purchase":
        return
    if not day <= since <= day + FIRST_DAY_AHEAD:
        raise Refused("first_day_out_of_range")
    if sum(1 for plan in account.plans.values() if plan.last_day >= day) >= PLANS_LIMIT:
        raise Refused("too_many_plans")


def _check_payments(order: Order, price: Decimal, day: int, account: Account) -> None:
    drawn: dict[WalletKey, Decimal] = {}
    for method, instrument, amount in order.payments:
        drawn[(method, instrument)] = drawn.get((method, instrument), Decimal(0)) + amount
    wallets = {key: account.wallets.get(key) for key in drawn}
    if any(wallet is None and key != ("cash", None) for key, wallet in wallets.items()):
        raise Refused("instrument_not_found")
    if any(wallet and wallet.expires_on is not None and wallet.expires_on < day for wallet in wallets.values()):
        raise Refused("instrument_expired")
    if any(amount > (wallet.balance if (wallet := wallets[key]) else 0) for key, amount in drawn.items()):
        raise Refused("balance_exceeded")
    if sum(drawn.values(), Decimal(0)) != price:
        raise Refused("payments_must_equal_price")


def price_of(order: Order, plan: Plan | None, since: int, book: Book, day: int) -> Decimal:
    """SPEC's four prices, rounded once."""
    version = book.on(day)
    daily = sum((version.traffic[item].price * units * discount for item, units, discount in order.traffic), Decimal(0))
    if plan is None:
        exact = version.plans[str(order.plan)].price + daily * book.validity_days
    elif order.kind == "add_traffic":
        exact = daily * (plan.last_day - since + 1)
    elif order.kind == "upgrade":
        difference = version.plans[str(order.plan)].price - plan.packages[-1][2].price
        validity = plan.last_day - plan.first_day + 1
        exact = difference * (plan.last_day - since + 1) / validity
    else:
        exact = Decimal(0)
    return exact.quantize(CENT, ROUND_HALF_UP)


def _changed(order: Order, plan: Plan | None, since: int, book: Book, day: int) -> Plan:
    version = book.on(day)
    if plan is None:
        plan = Plan(order.order_id, since, since + book.validity_days - 1, [], [])
    if order.plan is not None:
        plan.packages.append((since, order.plan, version.plans[order.plan]))
    if order.workspaces is not None:
        plan.lists.append((since, order.workspaces))
    for item, units, discount in order.traffic:
        capacity = version.traffic[item].capacity
        plan.traffic.append(Traffic(item, units, discount, since, plan.last_day, capacity))
    return plan


def billing_day(kafka_ms: int, zone: str) -> int:
    return oracle_time.billing_day(kafka_ms * 1000, zone)
