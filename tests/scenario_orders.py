"""The orders of one account in a random scenario: money, plans, changes, every refusal that a day can show, repeats.

The prices are the oracle's: the buyer keeps an account of its own, as if all its orders came on the scenario's day.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from tests import records
from tests.oracle_catalog import DEFAULT, PLANS, TRAFFIC
from tests.oracle_orders import Account, Market, decide, price_of
from tests.oracle_orders_reading import Order, read_order
from tests.oracle_reading import Dead, Sent
from tests.oracle_time import day_text
from tests.records import Message, json_bytes, pay

CARD, COUPON = ("prepaid_card", "card-1"), ("coupon", "cpn-1")


@dataclass
class Buyer:
    """An account that orders."""

    rng: Random
    account: str
    day: int
    commercial: list[str]
    free: list[str]
    foreign: str
    upgrades: bool
    count: int = 0
    book: Account = field(default_factory=lambda: Account("shadow"))
    sent: list[dict[str, Any]] = field(default_factory=list)

    def first_orders(self) -> list[Message]:
        """Money on three instruments, and up to four plans."""
        many = self.account.endswith("001")
        cash = 90_000_000 if many else self.rng.randint(1_000_000, 9_000_000)
        orders = [
            records.top_up(self.account, self._id("t"), f"{cash}.50"),
            records.top_up(
                self.account, self._id("t"), "20000", CARD[0], instrument=CARD[1], expires_on=day_text(self.day + 40)
            ),
            records.top_up(self.account, self._id("t"), "3000.5", COUPON[0], instrument=COUPON[1]),
        ]
        messages = [self._sent(order, "top-up") for order in orders]
        plans = self.rng.choice((0, 1, 1, 2, 2, 3, 4)) if self.commercial else 0
        messages += [self._sent(self._purchase(), "purchase") for _ in range(plans)]
        if many and self.commercial:
            messages += [self._sent(self._purchase(), "one of too many plans") for _ in range(52)]
        return messages + [self._sent(order, f"refused: {reason}") for reason, order in self._some(self._refusals())]

    def changes(self) -> list[Message]:
        """Changes of plans there are, and one more plan (of workspaces upgraded since, too)."""
        messages = []
        for plan_id in list(self.book.plans)[:4]:
            kinds = self.rng.sample(("add_traffic", "change_workspaces", "upgrade"), self.rng.randint(0, 2))
            messages += [
                self._sent(self._change(kind, plan_id), kind) for kind in kinds if kind != "upgrade" or self.upgrades
            ]
        if self.commercial:
            messages.append(self._sent(self._purchase(), "purchase"))
        messages += [self._sent(order, f"refused: {reason}") for reason, order in self._some(self._refusals_of_plans())]
        return messages

    def repeats(self) -> list[Message]:
        """Orders again: written otherwise, or with other content."""
        messages = []
        for order in self._some([("", order) for order in self.sent]):
            again = dict(reversed(list(order[1].items())))
            if self.rng.random() < 0.3:
                again["account" if self.rng.random() < 0.1 else "currency"] = "XXX"
                messages.append(records.order_message(again, "order id with other content"))
                continue
            if "currency" in again:
                again["currency"] = self.rng.choice(("CNY", None))
            if "amount" in again:
                again["amount"] = f"{Decimal(again['amount']):.2f}"
            messages.append(records.order_message({**again, "remark": ["ignored"]}, "order again"))
        return messages

    def _some(self, those: list[tuple[str, dict[str, Any]]]) -> list[tuple[str, dict[str, Any]]]:
        return self.rng.sample(those, min(len(those), self.rng.randint(1, 3)))

    def _id(self, letter: str) -> str:
        self.count += 1
        return f"{letter}-{self.count}"

    def _sent(self, order: dict[str, Any], note: str) -> Message:
        """Tells the order into the shadow account."""
        read = self._read(order)
        market = Market(DEFAULT, dict.fromkeys(self.commercial, self.account), dict.fromkeys(self.commercial, self.day))
        if read.order_id not in self.book.outcomes:
            decide(read, self.day, self.book, market)
        self.sent.append(order)
        return records.order_message(order, note)

    def _read(self, order: dict[str, Any]) -> Order:
        read = read_order(Sent("plan-purchases", 0, 0, 0, json_bytes(order)), DEFAULT.currency)
        assert not isinstance(read, Dead), f"{order} is dead for {read}"
        return read

    def _listed(self) -> list[str]:
        return self.rng.sample(self.commercial, self.rng.randint(1, len(self.commercial)))

    def _traffic(self) -> list[dict[str, Any]]:
        lines = []
        for _ in range(self.rng.choice((0, 1, 2, 3))):
            discount = self.rng.choice((None, "1", "0.8", "0.5000", "0.1234"))
            lines.append(records.traffic(self.rng.choice(list(TRAFFIC)), self.rng.randint(1, 12), discount))
        return lines

    def _paid(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order with payments that make its price, from up to three instruments."""
        read = self._read(order)
        plan = None if read.plan_id is None else self.book.plans[read.plan_id]
        since = max(self.day, plan.first_day) if plan else (read.first_day or self.day)
        left = price_of(read, plan, since, DEFAULT, self.day)
        payments = []
        for method, instrument in self.rng.sample((CARD, COUPON), self.rng.randint(0, 2)):
            part = min(left, self.book.wallets[(method, instrument)].balance, Decimal(self.rng.randint(1, 900)))
            if part > 0:
                payments.append(pay(part, method, instrument))
                left -= part
        if left > 1 and self.rng.random() < 0.3:
            payments.append(pay("0.5"))
            left -= Decimal("0.5")
        if left > 0:
            payments.append(pay(left))
        return {**order, "payments": payments} if payments else order

    def _purchase(self) -> dict[str, Any]:
        order = records.purchase(
            self.account,
            self._id("o"),
            self.rng.choice(("startup", "startup", "startup", "growth")),
            self._listed(),
            [],
            traffic=self._traffic(),
        )
        first_day = self.rng.choice((None, None, self.day, self.day + 1, self.day + 5))
        return self._paid(order if first_day is None else {**order, "first_day": day_text(first_day)})

    def _change(self, kind: str, plan_id: str) -> dict[str, Any]:
        order = records.management(self.account, self._id("c"), kind, plan_id)
        if kind == "change_workspaces":
            return {**order, "workspaces": self._listed()}
        if kind == "add_traffic":
            return self._paid({**order, "traffic": [records.traffic("logs", 2), *self._traffic()]})
        present = self.book.plans[plan_id].packages[-1][1]
        dearer = [name for name, plan in PLANS.items() if plan.price > PLANS[present].price]
        return self._paid({**order, "plan": dearer[0] if dearer else present})

    def _refusals(self) -> list[tuple[str, dict[str, Any]]]:
        """Orders that are refused whatever the account has."""

        def bad(**fields: Any) -> dict[str, Any]:
            order = records.purchase(self.account, self._id("r"), "startup", self.commercial[:1], [pay(42_000)])
            return {**order, **fields}

        def top_up(**fields: Any) -> dict[str, Any]:
            return {**records.top_up(self.account, self._id("r"), "5"), **fields}

        def no_plan() -> dict[str, Any]:
            return records.management(self.account, self._id("r"), "change_workspaces", "none", workspaces=[])

        card = {"method": CARD[0], "instrument": CARD[1]}
        far, past = day_text(self.day + 40), day_text(self.day - 3)
        return [
            ("currency_must_match", top_up(currency="USD")),
            ("amount_must_be_positive", top_up(amount="0.00")),
            ("amount_must_be_positive", bad(payments=[pay(42_001), pay("-1")])),
            ("expires_on_in_the_past", top_up(**card, expires_on=past)),
            ("instrument_exists_with_different_terms", top_up(**card, expires_on=day_text(self.day + 41))),
            ("unknown_plan", bad(plan="platinum")),
            ("unknown_item", bad(traffic=[records.traffic("coffee", 1)])),
            ("plan_not_found", no_plan()),
            ("workspaces_must_not_be_empty", bad(workspaces=[])),
            ("workspaces_must_not_repeat", bad(workspaces=[self.foreign, self.foreign])),
            ("workspace_not_in_account", bad(workspaces=[f"no-{self.foreign}"])),
            *[("workspace_not_commercial", bad(workspaces=[name])) for name in self.free[:1]],
        ] + ([] if not self.commercial else [
            ("first_day_out_of_range", bad(first_day=past)),
            ("first_day_out_of_range", bad(first_day=far)),
            ("instrument_not_found", bad(payments=[pay(42_000, "coupon", "cpn-none")])),
            ("balance_exceeded", bad(payments=[pay(42_000, *COUPON)])),
            ("payments_must_equal_price", bad(payments=[pay("41999.99")])),
            ("payments_must_equal_price", bad(payments=None)),
        ])  # fmt: skip

    def _refusals_of_plans(self) -> list[tuple[str, dict[str, Any]]]:
        """Changes that are refused of a plan that exists."""
        orders = []
        for plan_id, plan in list(self.book.plans.items())[:1]:
            present = plan.packages[-1][1]
            for kind, reason, fields in (
                ("upgrade", "upgrade_must_go_up", {"plan": present}),
                ("change_workspaces", "workspaces_must_not_be_empty", {"workspaces": []}),
                ("change_workspaces", "workspace_not_in_account", {"workspaces": ["nobody"]}),
                ("add_traffic", "payments_must_equal_price", {"traffic": [records.traffic("sms", 1)]}),
                ("add_traffic", "unknown_item", {"traffic": [records.traffic("coffee", 1)]}),
            ):
                if kind != "upgrade" or self.upgrades:
                    order = records.management(self.account, self._id("r"), kind, plan_id, **fields)
                    orders.append((reason, order))
        return orders
