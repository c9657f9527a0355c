"""The order commands where no broker is needed: what is told of an outcome, quotes, plans and wallets."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from agents.quote import AccountState, Quote, quote
from meter.cli.order_sentences import outcome_lines, quote_json, quote_lines
from meter.cli.orders import NotSent, with_price_paid
from meter.cli.plans import NAMED, in_order, names, state_of
from meter.commands.account_state import plan_row, wallet_row
from meter.errors import UserError
from meter.rules.outputs.order_outcomes import publish_outcome
from meter.rules.outputs.plans import publish_plan
from meter.rules.outputs.wallets import publish_wallet
from meter.rules.wallets import key_of
from schemas.outcomes import OrderOutcome
from schemas.plans import Plan as PlanRecord
from schemas.wallets import Wallet as WalletRecord
from tests.rules.order_world import BOUGHT_ON, CASH, LAST_DAY, TODAY, Json, World, a_world, order_of, read


class OutputCollector:
    """A fold that only listens: the outputs of `meter.rules.outputs.order_outcomes`, by topic."""

    revision = 7

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}

    def publish(self, topic: str, key: str, value: bytes) -> None:
        self.values[topic] = value

    def known(self) -> Any:
        return self

    @property
    def opening(self) -> Any:
        return self

    currency = "CNY"


def quoted(order: Json, world: World | None = None) -> Quote:
    """The quote of an order in a world."""
    world = world or a_world()
    known = AccountState(world.account, world.wallets, world.bindings, world.catalog)
    return quote(read(order), world.day, known)


def published(world: World, plan_id: str = "o-1") -> PlanRecord:
    """A plan of a world as it is published."""
    found: Any = OutputCollector()
    publish_plan(found, "acct_1", world.account.plans[plan_id])
    return PlanRecord.model_validate_json(found.values["plans"])


# What is told of an outcome


def outcome(order: Json) -> list[str]:
    found: Any = OutputCollector()
    publish_outcome(found, a_world().decide(order))
    return outcome_lines(read(order), OrderOutcome.model_validate_json(found.values["order-outcomes"]))


def test_an_accepted_purchase_gives_price_payments_and_plan() -> None:
    assert outcome(order_of("purchase")) == [
        "accepted: purchase o-2 of acct_1",
        "  price        55392.00 CNY",
        "  paid         cash 53392.00, prepaid_card card-9 1500.00, coupon cpn-3 500.00",
        "  plan         o-2, 2026-02-10 to 2027-02-16",
    ]


def test_an_accepted_top_up_gives_what_it_credits() -> None:
    assert outcome(order_of("top_up")) == [
        "accepted: top_up o-2 of acct_1",
        "  credited     prepaid_card card-9 100.00, usable through 2026-12-31",
    ]


def test_an_accepted_change_gives_the_new_list() -> None:
    order = order_of("change_workspaces")
    *_, last = outcome(order)
    assert last == f"  workspaces   {', '.join(order['workspaces'])}"
    assert len(order["workspaces"]) > 1
    assert "workspaces  " not in "".join(outcome({**order, "plan_id": "none"}))


def test_a_refusal_gives_the_law_then_the_numbers() -> None:
    assert outcome(order_of("purchase", payments=[])) == [
        "refused: purchase o-2 of acct_1: payments_must_equal_price",
        "  payments must make exactly the price: they make 0.00, the price is 55392.00",
        "  price        55392.00 CNY",
    ]


# Quotes


def test_a_quote_without_payments_assumes_exact_payment() -> None:
    found = quoted(order_of("purchase", payments=[], traffic=[]))
    assert found.assumed
    assert found.decision.accepted
    assert quote_lines(read(order_of("purchase")), found) == [
        "would be accepted on 2026-02-10: purchase for acct_1",
        "  price        42000.00 CNY",
        "  paid         in full, as no payment was named; cash holds 1000000.00, 958000.00 would be left",
        "  plan         2026-02-10 to 2027-02-16; counts from 2026-02-10, 372 days left",
        "  workspaces   wksp_a, wksp_b",
        "  quota a day  datakit 20",
        "  quota a day  logs 40,000,000",
        "  quota a day  pv 400,000",
        "  quota a day  traces 5,000,000",
        "  quota a day  triggers 190,000",
    ]


def test_a_quote_with_payments_judges_them() -> None:
    found = quoted(order_of("add_traffic", payments=[{"method": "cash", "amount": "1.00"}]))
    assert not found.assumed
    assert quote_lines(read(order_of("add_traffic")), found) == [
        "would be refused on 2026-02-10: add_traffic for acct_1: payments_must_equal_price",
        "  payments must make exactly the price: they make 1.00, the price is 13032.00",
        "  price        13032.00 CNY",
    ]


def test_a_quote_of_an_upgrade_gives_what_the_quotas_become() -> None:
    lines = quote_lines(read(order_of("upgrade")), quoted(order_of("upgrade", payments=[])))
    assert "  plan         o-1, 2026-01-31 to 2027-02-06; counts from 2026-02-10, 362 days left" in lines
    assert "  quota a day  logs 70,000,000 → 430,000,000" in lines


def test_what_is_refused_for_another_reason_is_refused_unpaid_too() -> None:
    found = quoted(order_of("purchase", payments=[], workspaces=["wksp_free"]))
    assert (found.decision.accepted, found.assumed) == (False, False)
    assert json.loads(quote_json(found))["reason"] == "workspace_not_commercial"


def test_a_quote_as_json_leaves_out_what_does_not_apply() -> None:
    assert json.loads(quote_json(quoted(order_of("change_workspaces")))) == {
        "account": "acct_1",
        "kind": "change_workspaces",
        "day": "2026-02-10",
        "outcome": "accepted",
        "price": "0.00",
        "currency": "CNY",
        "cash": "1000000.00",
        "plan_id": "o-1",
        "first_day": "2026-01-31",
        "last_day": "2027-02-06",
        "counts_from": "2026-02-10",
        "quotas": {"datakit": 20, "logs": 70_000_000, "pv": 400_000, "traces": 5_000_000, "triggers": 190_000},
    }


def test_the_quoted_price_is_what_the_meter_takes() -> None:
    for kind in ("purchase", "add_traffic", "upgrade", "change_workspaces"):
        world = a_world()
        order = read(order_of(kind, payments=[]))
        paying = with_price_paid(order, quoted(order_of(kind, payments=[])))
        decision = world.decide(json.loads(paying.model_dump_json(exclude_none=True)))
        assert decision.accepted, decision.error


def test_auto_sends_nothing_that_would_be_refused() -> None:
    order = order_of("purchase", payments=[], plan="platinum")
    with pytest.raises(UserError, match="nothing was sent: it would be refused: unknown_plan"):
        with_price_paid(read(order), quoted(order))


def test_json_of_an_order_that_was_not_sent_is_the_outcome_it_would_have() -> None:
    order = read(order_of("purchase", payments=[], plan="platinum"))
    with pytest.raises(NotSent) as refused:
        with_price_paid(order, quoted(order_of("purchase", payments=[], plan="platinum")))
    content = json.loads(refused.value.json_bytes(order))
    assert content["error"].startswith("nothing was sent: it would be refused: unknown_plan")
    assert {**content, "error": ""} == {
        "order_id": order.order_id,
        "account": order.account,
        "kind": "purchase",
        "outcome": "refused",
        "reason": "unknown_plan",
        "error": "",
        "sent": False,
    }


def test_auto_draws_no_more_than_cash_holds() -> None:
    world = a_world()
    world.fill(CASH, "100.00")
    order = order_of("purchase", payments=[])
    with pytest.raises(UserError, match=r"cash holds 100\.00, the price is 55392\.00; `meter top-up acct_1 55292\.00`"):
        with_price_paid(read(order), quoted(order, world))


# Plans and wallets


def test_a_published_plan_is_all_of_its_row() -> None:
    world = a_world()
    for kind in ("add_traffic", "upgrade", "change_workspaces"):
        world.accept(order_of(kind, order_id=kind))
    assert plan_row(published(world)) == world.account.plans["o-1"]


def test_a_published_wallet_is_all_of_its_row() -> None:
    for wallet in a_world().wallets.values():
        found: Any = OutputCollector()
        publish_wallet(found, "acct_1", wallet)
        record = WalletRecord.model_validate_json(found.values["wallets"])
        assert wallet_row(record) == wallet
        assert key_of(wallet_row(record)) == key_of(wallet)


def test_plans_in_force_come_in_the_order_they_are_drawn_on() -> None:
    world = a_world()
    for order_id, workspaces, first_day in (
        ("narrow", ["wksp_a"], "2026-02-10"),
        ("later", ["wksp_b"], "2026-02-20"),
        ("sooner", ["wksp_b"], "2026-02-15"),
    ):
        price = [{"method": "cash", "amount": "42000.00"}]
        order = order_of("purchase", order_id=order_id, workspaces=workspaces, first_day=first_day, traffic=[])
        world.accept({**order, "payments": price})
    plans = [published(world, plan_id) for plan_id in sorted(world.account.plans)]
    assert [plan.plan_id for plan in in_order(plans, TODAY)] == ["narrow", "o-1", "sooner", "later"]
    assert [plan.plan_id for plan in in_order(plans, LAST_DAY + 1)] == ["narrow", "sooner", "later", "o-1"]


def test_a_plan_is_to_come_in_force_or_expired() -> None:
    plan = published(a_world())
    found = {day: state_of(plan, day) for day in (BOUGHT_ON - 1, BOUGHT_ON, LAST_DAY, LAST_DAY + 1)}
    assert list(found.values()) == ["begins in 1 day", "in force, 372 days left", "in force, 1 day left", "expired"]
    assert date.fromordinal(BOUGHT_ON).isoformat() == plan.first_day


def test_a_long_list_of_workspaces_is_cut() -> None:
    assert names(["a", "b"]) == "a, b"
    assert names([str(number) for number in range(1000)]).endswith(f"{NAMED - 1} and {1000 - NAMED:,} more")


def test_a_quote_as_json_has_the_payments_it_judged() -> None:
    payments = json.loads(quote_json(quoted(order_of("add_traffic"))))["payments"]
    assert payments == [
        {"method": "cash", "amount": "12532.00"},
        {"method": "prepaid_card", "instrument": "card-9", "amount": "500.00"},
    ]


def test_prices_are_not_touched_by_quoting() -> None:
    world = a_world()
    before = world.copy()
    quoted(order_of("upgrade", payments=[]), world)
    assert (world.account, world.wallets) == (before.account, before.wallets)
    assert world.wallets[CASH].balance == Decimal("1000000.00")
