"""What orders cost, how they are paid, how wallets are topped up: SPEC's example, first, middle and last days."""

from decimal import Decimal

import pytest

from schemas.catalog import Catalog, TrafficPackage, Version
from schemas.reasons import Refusal
from schemas.rows import Account
from tests.rules.order_world import (
    BOUGHT_ON,
    CARD,
    CASH,
    DEFAULT_CATALOG,
    LAST_DAY,
    TODAY,
    Json,
    a_world,
    day,
    on,
    order_of,
    paid,
    traffic,
    unpaid,
)


def test_the_example_of_the_specification_costs_55392_and_is_paid_from_three_instruments() -> None:
    world = a_world()
    world.account, world.day = Account("acct_1", {}), BOUGHT_ON
    world.fill(CASH, "53392.00")
    decision = world.decide(order_of("purchase", order_id="o-1", first_day="2026-01-31", currency="CNY"))
    assert decision.price == Decimal("55392.00")
    assert str(decision.price) == "55392.00"
    assert decision.payments == (
        ("cash", None, Decimal("53392.00")),
        ("prepaid_card", "card-9", Decimal("1500.00")),
        ("coupon", "cpn-3", Decimal("500.00")),
    )
    assert [(wallet.method, str(wallet.balance)) for wallet in decision.wallets] == [
        ("cash", "0.00"),
        ("prepaid_card", "2000.00"),
        ("coupon", "0.00"),
    ]
    assert decision.wallets[1].expires_on == day("2026-12-31")


@pytest.mark.parametrize(
    ("ordered_on", "added", "upgraded"),
    [
        (BOUGHT_ON, "13392.00", "238000.00"),
        (BOUGHT_ON + 1, "13356.00", "237360.22"),
        (BOUGHT_ON + 186, "6696.00", "119000.00"),
        (LAST_DAY - 99, "3600.00", "63978.49"),
        (LAST_DAY - 1, "72.00", "1279.57"),
        (LAST_DAY, "36.00", "639.78"),
    ],
)
def test_a_change_costs_its_share_of_the_days_left(ordered_on: int, added: str, upgraded: str) -> None:
    world = on(ordered_on)
    assert str(unpaid(world, order_of("add_traffic"))) == added
    assert str(unpaid(world, order_of("upgrade"))) == upgraded
    assert world.decide(order_of("add_traffic", payments=paid(added))).accepted
    assert world.decide(order_of("upgrade", payments=paid(upgraded))).accepted
    assert world.decide(order_of("change_workspaces")).price == 0


def test_a_plan_cannot_be_changed_after_its_last_day() -> None:
    world = on(LAST_DAY + 1)
    for kind in ("add_traffic", "upgrade", "change_workspaces"):
        assert world.decide(order_of(kind)).refusal == Refusal.PLAN_EXPIRED


def test_only_the_price_of_an_order_is_rounded_half_up_and_once() -> None:
    world = on(LAST_DAY)
    half_a_cent = traffic(1, "pv", "0.0005")
    assert unpaid(world, order_of("add_traffic", traffic=[half_a_cent])) == Decimal("0.01")
    assert world.decide(order_of("add_traffic", traffic=[half_a_cent] * 2, payments=paid("0.01"))).accepted
    assert unpaid(world, order_of("add_traffic", traffic=[half_a_cent] * 3)) == Decimal("0.02")
    assert unpaid(world, order_of("add_traffic", traffic=[traffic(1, "pv", "0.0004")] * 2)) == Decimal("0.01")
    assert world.decide(order_of("add_traffic", traffic=[traffic(1, "pv", "0.0004")], payments=[])).accepted


def test_prices_stay_exact_beyond_the_28_digits_of_the_default_context() -> None:
    dear = Decimal("9999999999999999999999999999.9999999999")
    version = DEFAULT_CATALOG.version(TODAY)
    world = on(LAST_DAY)
    world.catalog = Catalog(
        "CNY",
        372,
        (Version(1, version.items, version.plans, {"logs": TrafficPackage("logs", 1, dear)}),),
    )
    price = unpaid(world, order_of("add_traffic", traffic=[traffic(1_000_000, "logs", "0.0001")]))
    assert price == Decimal("1000000000000000000000000000000.00")


def test_payments_of_one_instrument_are_added_up_before_its_balance_is_looked_at() -> None:
    world = a_world()
    world.fill(CASH, "53000.00")
    twice = paid("26000.00", "1000.00", "392.00") + paid("27000.00", "1000.00")
    decision = world.accept(order_of("purchase", payments=twice))
    assert len(decision.payments) == 5
    assert [str(wallet.balance) for wallet in decision.wallets] == ["0.00", "1500.00", "108.00"]
    world = a_world()
    world.fill(CASH, "52999.99")
    assert world.decide(order_of("purchase", payments=twice)).refusal == Refusal.BALANCE_EXCEEDED


def test_a_negative_payment_is_refused_even_if_its_instrument_pays_more_elsewhere() -> None:
    payments = [*paid("55393.00"), {"method": "cash", "amount": "-1.00"}]
    assert a_world().decide(order_of("purchase", payments=payments)).refusal == Refusal.AMOUNT_MUST_BE_POSITIVE


def test_a_card_and_a_coupon_of_one_name_are_two_instruments() -> None:
    world = a_world()
    world.fill(("coupon", "card-9"), "1.00")
    assert world.decide(order_of("purchase", payments=paid("53392.00", "2000.00"))).accepted


@pytest.mark.parametrize(
    ("expires_on", "refusal"),
    [("2026-02-09", Refusal.INSTRUMENT_EXPIRED), ("2026-02-10", None), ("2026-02-11", None)],
)
def test_an_instrument_pays_through_the_day_it_expires(expires_on: str, refusal: Refusal | None) -> None:
    world = a_world()
    world.fill(CARD, "5000.00", day(expires_on))
    assert world.decide(order_of("purchase", first_day="2026-02-20")).refusal == refusal


def test_cash_is_never_an_unknown_instrument() -> None:
    world = a_world()
    del world.wallets[CASH]
    refused = world.decide(order_of("purchase"))
    assert refused.refusal == Refusal.BALANCE_EXCEEDED
    assert refused.error == "an instrument must not be drawn below 0: cash pays 53392.00, its balance is 0.00"


@pytest.mark.parametrize("payments", [paid("55391.99"), paid("55392.01"), [], paid("4000.00")])
def test_payments_make_exactly_the_price(payments: list[Json]) -> None:
    decision = a_world().decide(order_of("purchase", payments=payments))
    assert decision.refusal == Refusal.PAYMENTS_MUST_EQUAL_PRICE
    made = payments[0]["amount"] if payments else "0.00"
    assert decision.error == f"payments must make exactly the price: they make {made}, the price is 55392.00"


def test_an_order_without_a_price_takes_no_payments() -> None:
    world = a_world()
    assert world.decide(order_of("add_traffic", traffic=[], payments=[])).accepted
    assert world.decide(order_of("change_workspaces", payments=None)).accepted
    for amount, refusal in (("0.00", Refusal.AMOUNT_MUST_BE_POSITIVE), ("0.01", Refusal.PAYMENTS_MUST_EQUAL_PRICE)):
        assert world.decide(order_of("change_workspaces", payments=paid(amount))).refusal == refusal
        assert world.decide(order_of("add_traffic", traffic=[], payments=paid(amount))).refusal == refusal


def test_a_top_up_raises_one_balance_and_nothing_else() -> None:
    decision = a_world().decide(order_of("top_up"))
    (card,) = decision.wallets
    assert (card.method, card.instrument, str(card.balance)) == ("prepaid_card", "card-9", "3600.00")
    assert card.expires_on == day("2026-12-31")
    assert (decision.price, decision.payments, decision.plan_id, decision.plan) == (None, (), None, None)
    assert decision.effective_day is None


@pytest.mark.parametrize("expires_on", [None, "2026-02-10"])
def test_the_first_top_up_of_an_instrument_sets_its_terms(expires_on: str | None) -> None:
    world = a_world()
    order = order_of("top_up", instrument="card-1", expires_on=expires_on)
    (card,) = world.accept(order).wallets
    assert (str(card.balance), card.expires_on) == ("100.00", None if expires_on is None else TODAY)
    assert world.accept({**order, "order_id": "t-2"}).wallets[0].balance == 200


@pytest.mark.parametrize("expires_on", [None, "2026-12-30", "2027-01-01"])
def test_a_later_top_up_states_the_same_terms(expires_on: str | None) -> None:
    decision = a_world().decide(order_of("top_up", expires_on=expires_on))
    assert decision.refusal == Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS


def test_money_without_an_end_cannot_be_given_one() -> None:
    order = order_of("top_up", method="coupon", instrument="cpn-3")
    assert a_world().decide(order).refusal == Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS


def test_an_expired_instrument_cannot_be_topped_up() -> None:
    world = a_world()
    world.day = day("2027-01-01")
    assert world.decide(order_of("top_up")).refusal == Refusal.EXPIRES_ON_IN_THE_PAST


@pytest.mark.parametrize("wallets", [True, False])
def test_cash_is_topped_up_without_terms(wallets: bool) -> None:
    world = a_world()
    if not wallets:
        world.wallets.clear()
    order = order_of("top_up", method="cash", instrument=None, expires_on=None, amount="0.01")
    (cash,) = world.accept(order).wallets
    assert (cash.method, cash.instrument, cash.expires_on) == ("cash", None, None)
    assert str(cash.balance) == ("1000000.01" if wallets else "0.01")


def test_a_coupon_that_ends_today_can_still_pay_today() -> None:
    world = a_world()
    world.accept(order_of("top_up", order_id="t-1", method="coupon", instrument="c", expires_on="2026-02-10"))
    by_coupon = [{"method": "coupon", "instrument": "c", "amount": "100.00"}, *paid("55292.00")]
    assert world.decide(order_of("purchase", payments=by_coupon)).accepted
    world.day += 1
    assert world.decide(order_of("purchase", payments=by_coupon)).refusal == Refusal.INSTRUMENT_EXPIRED
