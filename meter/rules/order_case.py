"""The context of one order: the order with everything that decides it.

It gives every kind of order the same fields (a kind without traffic packages has none of them), so the laws need not
tell kinds apart. Fields are calculated when first read.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property

from meter.rules import prices, wallets
from meter.rules.wallets import WalletKey
from schemas.catalog import Catalog, Version
from schemas.orders import AddTraffic, ChangeWorkspaces, Order, Payment, Purchase, TopUp, TrafficLine, Upgrade
from schemas.rows import Account, Binding, Package, Plan, Wallet


@dataclass(frozen=True)
class OrderContext:
    """One order with its account, wallets, bindings and catalog; `day` is the order's billing day."""

    order: Order
    day: int
    account: Account
    wallets: Mapping[WalletKey, Wallet]
    bindings: Mapping[str, Binding]
    catalog: Catalog
    #: The plan it changes, if all its days are final: the account's plans no longer include it.
    expired: Plan | None = None

    @cached_property
    def version(self) -> Version:
        """The catalog's version of the order's day."""
        return self.catalog.version(self.day)

    @cached_property
    def payments(self) -> tuple[Payment, ...]:
        """How the order is paid."""
        return () if isinstance(self.order, TopUp) else self.order.payments

    @cached_property
    def draws(self) -> dict[WalletKey, Decimal]:
        """What the payments draw from each instrument."""
        return wallets.draws(self.payments)

    @cached_property
    def traffic(self) -> tuple[TrafficLine, ...]:
        """The traffic packages it orders."""
        return self.order.traffic if isinstance(self.order, Purchase | AddTraffic) else ()

    @cached_property
    def package(self) -> str | None:
        """The name of the plan package it orders."""
        return self.order.plan if isinstance(self.order, Purchase | Upgrade) else None

    @cached_property
    def workspaces(self) -> tuple[str, ...] | None:
        """The list it orders."""
        return self.order.workspaces if isinstance(self.order, Purchase | ChangeWorkspaces) else None

    @cached_property
    def plan_id(self) -> str | None:
        """The id of the plan it changes."""
        return self.order.plan_id if isinstance(self.order, AddTraffic | Upgrade | ChangeWorkspaces) else None

    @cached_property
    def plan(self) -> Plan | None:
        """The plan it changes, as it was before the order; None if the account has no such plan."""
        return None if self.plan_id is None else self.account.plans.get(self.plan_id, self.expired)

    @cached_property
    def counts_from(self) -> int:
        """The day it counts from: a purchase from its first day, a change from its day or the plan's first day."""
        if isinstance(self.order, Purchase):
            return self.day if self.order.first_day is None else self.order.first_day.toordinal()
        return self.day if self.plan is None else max(self.day, self.plan.first_day)

    @property
    def known_plan(self) -> Plan:
        """The plan it changes, known to exist."""
        assert self.plan is not None, "plan_not_found comes before every law that reads the plan"
        return self.plan

    @property
    def present(self) -> Package:
        """The plan's package on the day the order counts from: the latest, as orders' days never fall."""
        return self.known_plan.packages[-1]

    @property
    def days_left(self) -> int:
        """Days of the plan from the day the order counts from, that day included."""
        return self.known_plan.last_day - self.counts_from + 1

    @cached_property
    def price(self) -> Decimal | None:
        """The price; valid once the laws before those on paying hold. A top-up has none."""
        match self.order:
            case TopUp():
                return None
            case Purchase(plan=name):
                package = self.version.plans[name].price
                return prices.purchase_price(package, self.traffic, self.version, self.catalog.validity_days)
            case AddTraffic():
                return prices.traffic_price(self.traffic, self.version, self.days_left)
            case Upgrade(plan=name):
                plan, new = self.known_plan, self.version.plans[name].price
                validity = plan.last_day - plan.first_day + 1
                return prices.upgrade_price(new, self.present.price, self.days_left, validity)
            case ChangeWorkspaces():
                return Decimal("0.00")
