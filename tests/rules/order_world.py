"""A small world in which each kind of order would be accepted, to be broken one law at a time.

Orders are written as SPEC writes them (JSON); the account has the plan o-1 (SPEC's example, bought on 2026-01-31)
and money on three instruments. Every test gets a new one.
"""

import json
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from meter.rules import orders
from meter.rules.orders import Decision
from meter.rules.wallets import WalletKey, key_of
from schemas.catalog import Catalog, load_catalog
from schemas.orders import Order, order_from_json
from schemas.rows import NEVER, Account, Binding, Wallet

Json = dict[str, Any]
DEFAULT_CATALOG = load_catalog()
KINDS = ("top_up", "purchase", "add_traffic", "upgrade", "change_workspaces")
CASH: WalletKey = ("cash", None)
CARD: WalletKey = ("prepaid_card", "card-9")
COUPON: WalletKey = ("coupon", "cpn-3")


def day(text: str) -> int:
    """A billing day."""
    return date.fromisoformat(text).toordinal()


BOUGHT_ON = day("2026-01-31")
#: The day on which the orders of `ORDERS` come: the eleventh of plan o-1, so 362 of its 372 days are left.
TODAY = day("2026-02-10")
LAST_DAY = BOUGHT_ON + 371


def paid(cash: str, card: str | None = None, coupon: str | None = None) -> list[Json]:
    """Payments of these amounts."""
    payments: list[Json] = [{"method": "cash", "amount": cash}]
    if card is not None:
        payments.append({"method": "prepaid_card", "instrument": "card-9", "amount": card})
    if coupon is not None:
        payments.append({"method": "coupon", "instrument": "cpn-3", "amount": coupon})
    return payments


def traffic(units: int = 30, item: str = "logs", discount: str | None = "0.8") -> Json:
    """A traffic line; 30 `logs` packages at 0.8 cost 36 a day."""
    return {"item": item, "units": units, "discount": discount}


#: An acceptable order of each kind, for `World`.
ORDERS: dict[str, Json] = {
    "top_up": {"method": "prepaid_card", "instrument": "card-9", "amount": "100.00", "expires_on": "2026-12-31"},
    "purchase": {
        "plan": "startup",
        "workspaces": ["wksp_a", "wksp_b"],
        "traffic": [traffic()],
        "payments": paid("53392.00", "1500.00", "500.00"),
    },
    "add_traffic": {"plan_id": "o-1", "traffic": [traffic()], "payments": paid("12532.00", "500.00")},
    "upgrade": {"plan_id": "o-1", "plan": "growth", "payments": paid("231102.15", "500.00")},
    "change_workspaces": {"plan_id": "o-1", "workspaces": ["wksp_b", "wksp_c", "wksp_a"], "payments": []},
}


def order_of(kind: str, **changes: Any) -> Json:
    """The acceptable order of a kind, with changes; order id o-2."""
    order = {"order_id": "o-2", "account": "acct_1", "kind": kind, **ORDERS[kind], **changes}
    copy: Json = json.loads(json.dumps(order))
    return copy


def read(order: Json) -> Order:
    """The order as the intake reads it."""
    return order_from_json(json.dumps(order).encode())


@dataclass
class World:
    """One account and what surrounds it; `decide` and `accept` read it, only `accept` changes it."""

    day: int = TODAY
    catalog: Catalog = DEFAULT_CATALOG
    account: Account = field(default_factory=lambda: Account("acct_1", {}))
    wallets: dict[WalletKey, Wallet] = field(default_factory=dict)
    bindings: dict[str, Binding] = field(default_factory=dict)

    def decide(self, order: Json) -> Decision:
        """What would become of the order today."""
        return orders.decide(read(order), self.day, self.account, self.wallets, self.bindings, self.catalog)

    def apply(self, decision: Decision) -> None:
        """Write what was decided, as the fold does."""
        if decision.plan is not None:
            self.account.plans[decision.plan.plan_id] = decision.plan
        self.wallets.update({key_of(wallet): wallet for wallet in decision.wallets})
        self.account.last_order_day = self.day

    def copy(self) -> "World":
        """The world as it is now (rows are frozen)."""
        account = Account(self.account.account, dict(self.account.plans), self.account.last_order_day)
        return World(self.day, self.catalog, account, dict(self.wallets), dict(self.bindings))

    def accept(self, order: Json) -> Decision:
        """Decide an order that must be accepted, and write it."""
        decision = self.decide(order)
        assert decision.accepted, decision.error
        self.apply(decision)
        return decision

    def bind(self, account: str, commercial: int, *workspaces: str) -> None:
        """These workspaces are the account's, commercial from a day."""
        self.bindings.update({workspace: Binding(account, commercial) for workspace in workspaces})

    def fill(self, key: WalletKey, balance: str, expires_on: int | None = None) -> None:
        """This is the balance of an instrument."""
        self.wallets[key] = Wallet(key[0], key[1], Decimal(balance), expires_on)


def a_world(first_day: str = "2026-01-31") -> World:
    """The world of `ORDERS`: plan o-1 was bought on 2026-01-31."""
    world = World(day=BOUGHT_ON)
    world.bind("acct_1", BOUGHT_ON, "wksp_a", "wksp_b", "wksp_c")
    world.bind("acct_1", NEVER, "wksp_free")
    world.bind("acct_2", BOUGHT_ON, "wksp_other")
    world.fill(CASH, "60000.00")
    world.fill(CARD, "5000.00", day("2026-12-31"))
    world.fill(COUPON, "500.00")
    world.accept(order_of("purchase", order_id="o-1", first_day=first_day))
    world.fill(CASH, "1000000.00")
    world.fill(COUPON, "500.00")
    world.day = TODAY
    return world


def on(today: int) -> World:
    """The same world on another day."""
    world = a_world()
    world.day = today
    return world


def unpaid(world: World, order: Json) -> Decimal | None:
    """The price of an order, as told to somebody who pays nothing."""
    return world.decide({**order, "payments": []}).price
