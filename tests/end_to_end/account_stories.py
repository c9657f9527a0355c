"""Stories of accounts that order, for a billing person to check: what each order must come to, and why.

Every story is of an account of its own and of one day; `first` is ordered before the usage, `then` after it.
A word as outcome is the reason of a refusal, a number the price of an accepted order; a top-up has none.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests import records
from tests.oracle_time import day_text
from tests.records import Message, pay

#: Besides the default catalog: packages of ten and of twenty hosts.
PACKAGES = """
[versions.plans.ten]
title = "Ten"
price = "1"
quotas = { datakit = 10 }

[versions.plans.twenty]
title = "Twenty"
price = "373"
quotas = { datakit = 20 }
"""
Order = dict[str, Any]
ACCEPTED = "accepted"


@dataclass
class Story:
    """An account, its workspaces by tier, its orders, its usage of `datakit`, and what each order must come to."""

    account: str
    today: int
    commercial: str = "AB"
    free: str = ""
    first: list[Order] = field(default_factory=list)
    use: list[tuple[str, int]] = field(default_factory=list)
    then: list[Order] = field(default_factory=list)
    outcomes: dict[str, str] = field(default_factory=dict)

    def bindings(self) -> list[Message]:
        tiers = [("commercial", self.commercial), ("free", self.free)]
        return [
            records.binding_message(records.binding(self.name(each), self.account, tier))
            for tier, those in tiers
            for each in those
        ]

    def name(self, workspace: str) -> str:
        """The whole name of a workspace; a name of its own for one that belongs to nobody."""
        return f"{self.account}-{workspace}"

    def on(self, days: int) -> str:
        """A day so many days from today."""
        return day_text(self.today + days)

    def order(self, outcome: str, order: Order) -> None:
        """The next order, and what it must come to."""
        assert order["order_id"] not in self.outcomes, "told twice"
        self.outcomes[order["order_id"]] = outcome
        (self.then if self.use else self.first).append(order)

    def again(self, order_id: str, **changes: Any) -> None:
        """An order once more, or other content under its id."""
        order = next(each for each in self.first + self.then if each["order_id"] == order_id)
        (self.then if self.use else self.first).append({**order, **changes})

    def money(self, order_id: str, amount: str, outcome: str = ACCEPTED, **instrument: Any) -> None:
        self.order(outcome, records.top_up(self.account, order_id, amount, **instrument))

    def buy(
        self, outcome: str, order_id: str, plan: str, workspaces: str, payments: Sequence[Any], **optional: Any
    ) -> None:
        names = [self.name(each) for each in workspaces]
        self.order(outcome, records.purchase(self.account, order_id, plan, names, list(payments), **optional))

    def change(self, outcome: str, order_id: str, kind: str, plan_id: str, **rest: Any) -> None:
        if "workspaces" in rest:
            rest["workspaces"] = [self.name(each) for each in rest["workspaces"]]
        self.order(outcome, records.management(self.account, order_id, kind, plan_id, **rest))


def every_kind(today: int) -> Story:
    """SPEC's own example, paid by three instruments, then each kind of change of it, with its price."""
    story = Story("every-kind", today, commercial="ABC")
    story.money("cash", "1000000.00")
    story.money("card", "5000.00", method="prepaid_card", instrument="card-9", expires_on=story.on(30))
    story.money("coupon", "500.00", method="coupon", instrument="cpn-3")
    logs = [records.traffic("logs", 30, "0.8")]
    mixed = [pay("53392.00"), pay("1500.00", "prepaid_card", "card-9"), pay("500.00", "coupon", "cpn-3")]
    story.buy("55392.00", "p", "startup", "AB", mixed, traffic=logs)
    parts = [pay("13000.00"), pay("100.00", "prepaid_card", "card-9"), pay("292.00", "prepaid_card", "card-9")]
    story.change("13392.00", "more-logs", "add_traffic", "p", traffic=logs, payments=parts)
    story.use = [("A", 25), ("B", 5), ("C", 3)]
    # startup covers 20 hosts: 5 of A's and all of B's are over, until growth covers 100.
    story.change("238000.00", "growth", "upgrade", "p", plan="growth", payments=[pay("238000.00")])
    story.change("230000.00", "enterprise", "upgrade", "p", plan="enterprise", payments=[pay("230000.00")])
    story.change("0.00", "turned", "change_workspaces", "p", workspaces="CBA")
    story.change("0.00", "without-b", "change_workspaces", "p", workspaces="CA")
    story.change("upgrade_must_go_up", "down", "upgrade", "p", plan="startup", payments=[pay("1.00")])
    story.again("more-logs")
    return story


def first_day_ahead(today: int) -> Story:
    """A plan that begins in 31 days: changes count from its first day, and today is as if it were not there."""
    story = Story("first-day-ahead", today)
    story.money("cash", "100000.00")
    story.buy("first_day_out_of_range", "yesterday", "ten", "A", [pay("1.00")], first_day=story.on(-1))
    story.buy("first_day_out_of_range", "too-far", "ten", "A", [pay("1.00")], first_day=story.on(32))
    story.buy("1.00", "p", "ten", "A", [pay("1.00")], first_day=story.on(31))
    story.use = [("A", 12), ("B", 1)]
    story.change("372.00", "up", "upgrade", "p", plan="twenty", payments=[pay("372.00")])
    story.change(
        "22320.00", "hosts", "add_traffic", "p", traffic=[records.traffic("datakit", 1)], payments=[pay(22320)]
    )
    story.change("0.00", "both", "change_workspaces", "p", workspaces="BA")
    story.buy("1.00", "today", "ten", "A", [pay("1.00")], first_day=story.on(0))
    return story


def several_plans(today: int) -> Story:
    """The narrowest plan is drawn first; then last day, first day, id; a new list changes the order of the same day."""
    story = Story("several-plans", today, commercial="ABC")
    story.money("cash", "100.00")
    story.buy("1.00", "wide", "ten", "ABC", [pay("1.00")])
    story.buy("1.00", "z-narrow", "ten", "A", [pay("1.00")])
    story.buy("1.00", "a-narrow", "ten", "A", [pay("1.00")])
    story.buy("1.00", "ahead", "ten", "A", [pay("1.00")], first_day=story.on(3))
    story.use = [("A", 35), ("B", 4)]
    # A draws 10 of a-narrow, 10 of z-narrow and 10 of wide; 5 of A's and all of B's are over.
    story.change("0.00", "widened", "change_workspaces", "a-narrow", workspaces="BA")
    # Now A draws 10 of z-narrow, 6 of a-narrow (B has 4 of it) and 10 of wide: 9 over, and B none.
    return story


def refusals(today: int) -> Story:
    """Every reason that a day can show, the first that applies."""
    story = Story("refusals", today, commercial="AB", free="F")
    story.money("cash", "100000.00")
    story.money("card", "10.00", method="prepaid_card", instrument="card-1", expires_on=story.on(0))
    story.buy("42000.00", "p", "startup", "AB", [pay("42000.00")])
    card = {"method": "prepaid_card", "instrument": "card-1"}
    story.money("dollars", "5.00", "currency_must_match", currency="USD")
    story.money("nothing", "0.00", "amount_must_be_positive")
    story.buy("amount_must_be_positive", "minus", "ten", "A", [pay("2.00"), pay("-1.00")])
    story.money("past", "5.00", "expires_on_in_the_past", method="coupon", instrument="new", expires_on=story.on(-1))
    story.money("terms", "5.00", "instrument_exists_with_different_terms", **card)
    story.buy("unknown_plan", "platinum", "platinum", "A", [pay("1.00")])
    story.buy("unknown_item", "coffee", "ten", "A", [pay("1.00")], traffic=[records.traffic("coffee", 1)])
    story.change("plan_not_found", "nowhere", "upgrade", "q", plan="growth", payments=[pay("1.00")])
    story.change("upgrade_must_go_up", "same", "upgrade", "p", plan="startup", payments=[pay("1.00")])
    story.change("workspaces_must_not_be_empty", "empty", "change_workspaces", "p", workspaces="")
    story.change("workspaces_must_not_repeat", "twice", "change_workspaces", "p", workspaces="ABA")
    story.change("workspace_not_in_account", "nobody", "change_workspaces", "p", workspaces="AZ")
    story.change("workspace_not_commercial", "free", "change_workspaces", "p", workspaces="AF")
    story.buy("first_day_out_of_range", "late", "ten", "A", [pay("1.00")], first_day=story.on(40))
    story.use = [("A", 21)]
    story.buy("instrument_not_found", "no-card", "ten", "A", [pay("1.00", "prepaid_card", "card-2")])
    story.buy("balance_exceeded", "drawn", "startup", "A", [pay("11.00", **card), pay("41989.00")])
    story.buy("payments_must_equal_price", "short", "ten", "A", [pay("0.99")])
    story.buy("payments_must_equal_price", "unpaid", "ten", "A", [])
    story.buy("1.00", "by-card", "ten", "A", [pay("0.50", **card), pay("0.50", **card)])
    return story


def many_plans(today: int) -> Story:
    """Fifty plans and not one more, those that are still to begin included; a thousand traffic lines in one of them."""
    story = Story("many-plans", today, commercial="A")
    story.money("cash", "1000.00")
    for number in range(50):
        story.buy("1.00", f"p-{number}", "ten", "A", [pay("1.00")], first_day=story.on(number % 3))
    story.use = [("A", 175)]
    story.buy("too_many_plans", "p-50", "ten", "A", [pay("1.00")])
    lines = [records.traffic("sms", 1, "0.0001")]
    for number in range(20):
        story.change("18.60", f"t-{number}", "add_traffic", "p-0", traffic=lines * 50, payments=[pay("18.60")])
    story.change("too_many_traffic_lines", "t-20", "add_traffic", "p-0", traffic=lines, payments=[])
    return story


def orders_again(today: int) -> Story:
    """The same order again changes nothing; another one under its id is a dead letter; a refused id stays refused."""
    story = Story("orders-again", today)
    story.buy("balance_exceeded", "too-early", "ten", "A", [pay("1.00")])
    story.money("cash", "10.00")
    story.again("cash", amount="10")
    story.again("cash", amount="11.00")
    story.again("too-early")
    story.use = [("A", 3)]
    story.buy("1.00", "p", "ten", "A", [pay("1.00")])
    story.again("p", currency=None, remark="the same by value")
    story.again("p", first_day=story.on(0))
    return story


STORIES = (every_kind, first_day_ahead, several_plans, refusals, many_plans, orders_again)
