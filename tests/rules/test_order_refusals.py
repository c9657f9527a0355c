"""Every refusal, its sentence, the kinds of orders it is for, and its place before all later ones."""

from collections.abc import Callable
from itertools import combinations
from typing import Any

import pytest
from msgspec.structs import replace

from meter.rules.refusals import LAWS
from schemas.reasons import LAW, Refusal
from schemas.rows import Binding
from tests.rules.order_world import CARD, CASH, KINDS, TODAY, Json, World, a_world, order_of, traffic

Break = Callable[[World, Json], None]
TOP_UP = ("top_up",)
PAID = ("purchase", "add_traffic", "upgrade", "change_workspaces")
CHANGES = ("add_traffic", "upgrade", "change_workspaces")
LISTS = ("purchase", "change_workspaces")

#: SPEC §8, "Refusal reasons, the first that applies".
PRECEDENCE = [
    "currency_must_match",
    "amount_must_be_positive",
    "expires_on_in_the_past",
    "instrument_exists_with_different_terms",
    "unknown_plan",
    "unknown_item",
    "plan_not_found",
    "plan_expired",
    "upgrade_must_go_up",
    "workspaces_must_not_be_empty",
    "workspaces_must_not_repeat",
    "workspace_not_in_account",
    "workspace_not_commercial",
    "first_day_out_of_range",
    "too_many_plans",
    "too_many_traffic_lines",
    "instrument_not_found",
    "instrument_expired",
    "balance_exceeded",
    "payments_must_equal_price",
]


def another_currency(world: World, order: Json) -> None:
    order["currency"] = "USD"


def a_top_up_of_nothing(world: World, order: Json) -> None:
    order["amount"] = "0.00"


def a_payment_of_nothing(world: World, order: Json) -> None:
    order["payments"].append({"method": "cash", "amount": "0.00"})


def money_that_expired_yesterday(world: World, order: Json) -> None:
    order["expires_on"] = "2026-02-09"


def a_card_with_other_terms(world: World, order: Json) -> None:
    world.wallets[CARD] = replace(world.wallets[CARD], expires_on=None)


def a_plan_nobody_sells(world: World, order: Json) -> None:
    order["plan"] = "nosuch"


def an_item_nobody_sells(world: World, order: Json) -> None:
    order["traffic"].append(traffic(1, "gpu"))


def a_plan_nobody_bought(world: World, order: Json) -> None:
    order["plan_id"] = "o-404"


def a_plan_that_ended_yesterday(world: World, order: Json) -> None:
    world.account.plans["o-1"] = replace(world.account.plans["o-1"], last_day=TODAY - 1)


def a_package_as_dear(world: World, order: Json) -> None:
    plan, dear = world.account.plans["o-1"], world.catalog.version(TODAY).plans["growth"].price
    world.account.plans["o-1"] = replace(plan, packages=(replace(plan.packages[0], price=dear),))


def a_list_of_none(world: World, order: Json) -> None:
    order["workspaces"] = []


def a_list_with_one_twice(world: World, order: Json) -> None:
    order["workspaces"].append("wksp_b")


def a_list_with_a_strangers(world: World, order: Json) -> None:
    order["workspaces"].append("wksp_other")


def a_list_with_one_commercial_tomorrow(world: World, order: Json) -> None:
    world.bindings["wksp_a"] = Binding("acct_1", TODAY + 1)


def a_first_day_too_far(world: World, order: Json) -> None:
    order["first_day"] = "2026-03-14"


def fifty_plans(world: World, order: Json) -> None:
    plan = world.account.plans["o-1"]
    world.account.plans.update({f"p-{number}": replace(plan, plan_id=f"p-{number}") for number in range(50)})


def a_thousand_traffic_lines(world: World, order: Json) -> None:
    plan = world.account.plans["o-1"]
    world.account.plans["o-1"] = replace(plan, traffic=plan.traffic * 1_000)


def a_card_nobody_filled(world: World, order: Json) -> None:
    order["payments"].append({"method": "coupon", "instrument": "card-9", "amount": "1.00"})


def a_card_that_expired_yesterday(world: World, order: Json) -> None:
    order["payments"].append({"method": "prepaid_card", "instrument": "card-9", "amount": "1.00"})
    world.wallets[CARD] = replace(world.wallets[CARD], expires_on=TODAY - 1)


def more_cash_than_there_is(world: World, order: Json) -> None:
    order["payments"].append({"method": "cash", "amount": "1.00"})
    world.fill(CASH, "0.50")


def a_cent_too_much(world: World, order: Json) -> None:
    order["payments"].append({"method": "cash", "amount": "0.01"})


#: Refusal, kinds of orders, how one comes to break its law, the numbers its sentence gives (of the last kind).
TABLE: list[tuple[Refusal, tuple[str, ...], Break, str]] = [
    (Refusal.CURRENCY_MUST_MATCH, KINDS, another_currency, "the order has 'USD', the catalog CNY"),
    (Refusal.AMOUNT_MUST_BE_POSITIVE, TOP_UP, a_top_up_of_nothing, "one is 0.00"),
    (Refusal.AMOUNT_MUST_BE_POSITIVE, PAID, a_payment_of_nothing, "one is 0.00"),
    (
        Refusal.EXPIRES_ON_IN_THE_PAST,
        TOP_UP,
        money_that_expired_yesterday,
        "it expires on 2026-02-09, the order's day is 2026-02-10",
    ),
    (
        Refusal.INSTRUMENT_EXISTS_WITH_DIFFERENT_TERMS,
        TOP_UP,
        a_card_with_other_terms,
        "prepaid_card 'card-9' never expires, the top-up expires on 2026-12-31",
    ),
    (
        Refusal.UNKNOWN_PLAN,
        ("purchase", "upgrade"),
        a_plan_nobody_sells,
        "'nosuch' is not; it has enterprise, growth, startup",
    ),
    (
        Refusal.UNKNOWN_ITEM,
        ("purchase", "add_traffic"),
        an_item_nobody_sells,
        "'gpu' is not in it; it has api_calls, backup_logs, datakit, logs, pv, sms, traces, triggers",
    ),
    (Refusal.PLAN_NOT_FOUND, CHANGES, a_plan_nobody_bought, "'o-404' is not; it has o-1"),
    (
        Refusal.PLAN_EXPIRED,
        CHANGES,
        a_plan_that_ended_yesterday,
        "the last day was 2026-02-09, the order's day is 2026-02-10",
    ),
    (
        Refusal.UPGRADE_MUST_GO_UP,
        ("upgrade",),
        a_package_as_dear,
        "its price is 280000.00, the present one's 280000.00",
    ),
    (Refusal.WORKSPACES_MUST_NOT_BE_EMPTY, LISTS, a_list_of_none, "the list has 0"),
    (Refusal.WORKSPACES_MUST_NOT_REPEAT, LISTS, a_list_with_one_twice, "'wksp_b' is listed 2 times"),
    (
        Refusal.WORKSPACE_NOT_IN_ACCOUNT,
        LISTS,
        a_list_with_a_strangers,
        "'wksp_other' does not belong to 'acct_1' (1 of 4 listed)",
    ),
    (
        Refusal.WORKSPACE_NOT_COMMERCIAL,
        LISTS,
        a_list_with_one_commercial_tomorrow,
        "'wksp_a' is on it from 2026-02-11, the order's day is 2026-02-10 (1 of 3 listed)",
    ),
    (
        Refusal.FIRST_DAY_OUT_OF_RANGE,
        ("purchase",),
        a_first_day_too_far,
        "it is 2026-03-14, the order's day is 2026-02-10",
    ),
    (Refusal.TOO_MANY_PLANS, ("purchase",), fifty_plans, "it has 51, the order would add 1"),
    (Refusal.TOO_MANY_TRAFFIC_LINES, ("add_traffic",), a_thousand_traffic_lines, "it has 1000, the order would add 1"),
    (Refusal.INSTRUMENT_NOT_FOUND, PAID, a_card_nobody_filled, "coupon 'card-9' never was; it would pay 1.00"),
    (
        Refusal.INSTRUMENT_EXPIRED,
        PAID,
        a_card_that_expired_yesterday,
        "prepaid_card 'card-9' expires on 2026-02-09, the order's day is 2026-02-10",
    ),
    (Refusal.BALANCE_EXCEEDED, PAID, more_cash_than_there_is, "cash pays 1.00, its balance is 0.50"),
    (Refusal.PAYMENTS_MUST_EQUAL_PRICE, PAID, a_cent_too_much, "they make 0.01, the price is 0.00"),
]
ONE_LAW = [pytest.param(*row, kind, id=f"{row[0]}-{kind}") for row in TABLE for kind in row[1]]


def can_both_be_broken(first: Break, second: Break) -> bool:
    """An empty list has nothing else wrong with it."""
    return first is not a_list_of_none or second not in {
        a_list_with_one_twice,
        a_list_with_a_strangers,
        a_list_with_one_commercial_tomorrow,
    }


TWO_LAWS = [
    pytest.param(earlier, later, kind, id=f"{earlier[0]}-before-{later[0]}-{kind}")
    for earlier, later in combinations(TABLE, 2)
    for kind in KINDS
    if kind in earlier[1] and kind in later[1] and can_both_be_broken(earlier[2], later[2])
]


def test_laws_enum_and_specification_have_one_precedence() -> None:
    assert [refusal.value for refusal in Refusal] == PRECEDENCE
    assert [refusal.value for refusal in LAWS] == PRECEDENCE
    assert list(dict.fromkeys(refusal.value for refusal, *_ in TABLE)) == PRECEDENCE


@pytest.mark.parametrize("kind", KINDS)
def test_an_order_that_keeps_every_law_is_accepted(kind: str) -> None:
    decision = a_world().decide(order_of(kind))
    assert decision.accepted, decision.error
    assert (decision.refusal, decision.error) == (None, None)


@pytest.mark.parametrize(("refusal", "kinds", "how", "numbers", "kind"), ONE_LAW)
def test_an_order_that_breaks_one_law_is_refused_by_it(
    refusal: Refusal, kinds: tuple[str, ...], how: Break, numbers: str, kind: str
) -> None:
    world, order = a_world(), order_of(kind)
    how(world, order)
    decision = world.decide(order)
    assert (decision.accepted, decision.refusal) == (False, refusal)
    assert (decision.plan, decision.wallets, decision.payments, decision.effective_day) == (None, (), (), None)
    assert (decision.first_day, decision.last_day) == (None, None)
    if kind == kinds[-1]:
        assert decision.error == f"{LAW[refusal]}: {numbers}"


@pytest.mark.parametrize(("earlier", "later", "kind"), TWO_LAWS)
def test_of_two_broken_laws_the_earlier_is_the_reason(earlier: Any, later: Any, kind: str) -> None:
    world, order = a_world(), order_of(kind)
    later[2](world, order)
    earlier[2](world, order)
    assert world.decide(order).refusal == earlier[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_law_is_silent_about_the_kinds_it_is_not_for(kind: str) -> None:
    """What belongs to another kind of order is an unknown field of this one, and ignored."""
    wrong: Json = {
        "amount": "-1.00",
        "expires_on": "2026-02-09",
        "plan": "nosuch",
        "traffic": [traffic(1, "gpu")],
        "plan_id": "o-404",
        "workspaces": [],
        "first_day": None if kind == "purchase" else "2026-02-09",
        "payments": [{"method": "coupon", "instrument": "cpn-404", "amount": "-1.00"}],
    }
    decision = a_world().decide({**wrong, **order_of(kind)})
    assert decision.accepted, decision.error


def test_the_price_is_reported_to_those_who_paid_wrong_and_to_no_other_refused() -> None:
    for refusal, kinds, how, _ in TABLE:
        world, order = a_world(), order_of(kinds[0])
        how(world, order)
        about_paying = refusal in list(Refusal)[-4:]
        assert (world.decide(order).price is not None) == about_paying, refusal


def test_text_from_outside_is_escaped_and_short() -> None:
    decision = a_world().decide(order_of("purchase", currency="\n\u0085€\U0001f4b0\x00"))
    assert decision.error == f"{LAW[Refusal.CURRENCY_MUST_MATCH]}: " + (
        r"the order has '\n\x85\u20ac\U0001f4b0\x00', the catalog CNY"
    )
    longest = a_world().decide(order_of("change_workspaces", workspaces=["w" * 64]))
    assert longest.error is not None
    assert len(longest.error) < 200 + len(LAW[Refusal.WORKSPACE_NOT_IN_ACCOUNT])
