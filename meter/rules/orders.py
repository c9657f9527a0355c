"""Decides an order: refused by the first law that it breaks, or accepted and carried out.

Pure: it returns new rows and does not change the old ones. Refusals come first (`refusals.LAWS`, one precedence for all
kinds); after them nothing can fail. A change counts from a whole day: it replaces an entry of the plan's history that
has the same first day, so of two changes on one day the later applies.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from meter.rules.order_case import OrderContext
from meter.rules.refusals import first_broken
from meter.rules.wallets import WalletKey, drawn, topped_up
from schemas.catalog import Catalog
from schemas.orders import ChangeWorkspaces, Order, Purchase, TopUp, Upgrade
from schemas.reasons import Refusal
from schemas.rows import Account, Binding, Package, Plan, Traffic, Wallet, WorkspaceList

#: The laws about paying: their refusals include the price.
ABOUT_PAYING = frozenset(
    {
        Refusal.INSTRUMENT_NOT_FOUND,
        Refusal.INSTRUMENT_EXPIRED,
        Refusal.BALANCE_EXCEEDED,
        Refusal.PAYMENTS_MUST_EQUAL_PRICE,
    }
)


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on an order; fields that do not apply are None or empty.

    `price`: set if accepted (except for a top-up), or refused by a law about paying. `payments`: the order's, if
    accepted. `plan_id`: the plan made or changed, also if refused. `plan`, `wallets`: the rows to write.
    `effective_day`: the first day on which the plan's quotas or list change.
    """

    order_id: str
    account: str
    kind: str
    accepted: bool
    currency: str
    refusal: Refusal | None = None
    error: str | None = None
    price: Decimal | None = None
    payments: tuple[tuple[str, str | None, Decimal], ...] = ()
    plan_id: str | None = None
    first_day: int | None = None
    last_day: int | None = None
    plan: Plan | None = None
    wallets: tuple[Wallet, ...] = ()
    effective_day: int | None = None


def decide(
    order: Order,
    day: int,
    account: Account,
    wallets: Mapping[WalletKey, Wallet],
    bindings: Mapping[str, Binding],
    catalog: Catalog,
    expired: Plan | None = None,
) -> Decision:
    """Decide `order` on its billing day `day`, which is not before that of the account's previous order.

    `wallets`: the account's, by (method, instrument); at least those that the order names and that exist. `bindings`:
    at least those of the workspaces that it lists. `expired`: the plan that it changes, if all its days are final.
    """
    assert account.last_order_day <= day, f"billing days of orders never go back: {day} after {account.last_order_day}"
    assert account.account == order.account, f"an order of {order.account} cannot be decided for {account.account}"
    case = OrderContext(order, day, account, wallets, bindings, catalog, expired)
    broken = first_broken(case)
    if broken is not None:
        return _refused(case, *broken)
    # From here on it must succeed: the order breaks no law.
    return _topped_up(case, order) if isinstance(order, TopUp) else _carried_out(case)


def _refused(case: OrderContext, refusal: Refusal, error: str) -> Decision:
    order = case.order
    return Decision(
        order.order_id,
        order.account,
        order.kind,
        accepted=False,
        currency=case.catalog.currency,
        refusal=refusal,
        error=error,
        price=case.price if refusal in ABOUT_PAYING else None,
        plan_id=case.plan_id,
    )


def _topped_up(case: OrderContext, order: TopUp) -> Decision:
    expires_on = None if order.expires_on is None else order.expires_on.toordinal()
    wallet = topped_up(case.wallets, (order.method, order.instrument), order.amount, expires_on)
    return Decision(
        order.order_id,
        order.account,
        order.kind,
        accepted=True,
        currency=case.catalog.currency,
        wallets=(wallet,),
    )


def _carried_out(case: OrderContext) -> Decision:
    order = case.order
    plan = _bought(case, order) if isinstance(order, Purchase) else _changed(case)
    return Decision(
        order.order_id,
        order.account,
        order.kind,
        accepted=True,
        currency=case.catalog.currency,
        price=case.price,
        payments=tuple((payment.method, payment.instrument, payment.amount) for payment in case.payments),
        plan_id=plan.plan_id,
        first_day=plan.first_day,
        last_day=plan.last_day,
        plan=plan,
        wallets=drawn(case.wallets, case.payments),
        effective_day=case.counts_from,
    )


def _bought(case: OrderContext, order: Purchase) -> Plan:
    """The plan that a purchase makes; its id is the order's."""
    assert order.order_id not in case.account.plans, f"order id {order.order_id} was decided before"
    first_day = case.counts_from
    last_day = first_day + case.catalog.validity_days - 1
    packages = (_package(case, order.plan),)
    lists = (WorkspaceList(first_day, order.workspaces),)
    return Plan(order.order_id, first_day, last_day, packages, lists, _traffic(case, last_day))


def _changed(case: OrderContext) -> Plan:
    """The plan after an order that changes it; fields that the order does not change stay."""
    plan, since = case.known_plan, case.counts_from
    packages, lists = plan.packages, plan.lists
    match case.order:
        case Upgrade(plan=name):
            packages = (*(entry for entry in packages if entry.since < since), _package(case, name))
        case ChangeWorkspaces(workspaces=workspaces):
            lists = (*(entry for entry in lists if entry.since < since), WorkspaceList(since, workspaces))
    traffic = plan.traffic + _traffic(case, plan.last_day)
    return Plan(plan.plan_id, plan.first_day, plan.last_day, packages, lists, traffic)


def _package(case: OrderContext, name: str) -> Package:
    """The package from the catalog version of the order's day; its quotas and price stay for the plan's life."""
    package = case.version.plans[name]
    return Package(case.counts_from, name, package.price, dict(package.quotas))


def _traffic(case: OrderContext, through: int) -> tuple[Traffic, ...]:
    """A row for each line of traffic packages, with the capacity from the catalog version of the order's day."""
    capacities = case.version.traffic
    return tuple(
        Traffic(line.item, line.units, line.discount, case.counts_from, through, capacities[line.item].capacity)
        for line in case.traffic
    )
