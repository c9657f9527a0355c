"""What accepted orders change: plans bought, two changes of one day, catalog versions."""

from decimal import Decimal

import pytest
from msgspec.structs import replace

from meter.rules.plans import listed_on, package_on, quota_on
from schemas.catalog import Catalog, PlanPackage, TrafficPackage, Version
from schemas.reasons import Refusal
from schemas.rows import Traffic
from tests.rules.order_world import (
    BOUGHT_ON,
    DEFAULT_CATALOG,
    LAST_DAY,
    TODAY,
    a_world,
    day,
    on,
    order_of,
    paid,
    traffic,
    unpaid,
)


def test_a_purchase_makes_a_plan_of_372_days_named_after_its_order() -> None:
    decision = a_world().decide(order_of("purchase", first_day="2026-02-12"))
    plan = decision.plan
    assert plan is not None
    assert (plan.plan_id, decision.plan_id) == ("o-2", "o-2")
    assert (decision.first_day, decision.last_day) == (day("2026-02-12"), day("2027-02-18"))
    assert (plan.first_day, plan.last_day) == (day("2026-02-12"), day("2027-02-18"))
    assert plan.last_day - plan.first_day + 1 == 372
    assert decision.effective_day == plan.first_day
    assert [(each.since, each.plan, each.price) for each in plan.packages] == [
        (plan.first_day, "startup", Decimal(42000))
    ]
    assert plan.packages[0].quotas["logs"] == 40_000_000
    assert [(each.since, each.workspaces) for each in plan.lists] == [(plan.first_day, ("wksp_a", "wksp_b"))]
    assert plan.traffic == (Traffic("logs", 30, Decimal("0.8"), plan.first_day, plan.last_day, 1_000_000),)


def test_without_first_day_a_plan_begins_on_the_day_of_its_order() -> None:
    assert a_world().decide(order_of("purchase")).first_day == TODAY


@pytest.mark.parametrize(
    ("first_day", "refusal"),
    [
        ("2026-02-09", Refusal.FIRST_DAY_OUT_OF_RANGE),
        ("2026-02-10", None),
        ("2026-03-13", None),
        ("2026-03-14", Refusal.FIRST_DAY_OUT_OF_RANGE),
    ],
)
def test_a_plan_begins_on_the_orders_day_or_at_most_31_days_after(first_day: str, refusal: Refusal | None) -> None:
    assert a_world().decide(order_of("purchase", first_day=first_day)).refusal == refusal


@pytest.mark.parametrize(("unexpired", "accepted"), [(49, True), (50, False)])
def test_an_account_has_at_most_50_plans_that_have_not_expired(unexpired: int, accepted: bool) -> None:
    world = a_world()
    plan = world.account.plans.pop("o-1")
    for number in range(unexpired):
        ends_today = replace(plan, plan_id=f"p-{number}", last_day=TODAY)
        world.account.plans[ends_today.plan_id] = ends_today
    for number in range(60):
        ended = replace(plan, plan_id=f"e-{number}", last_day=TODAY - 1)
        world.account.plans[ended.plan_id] = ended
    assert world.decide(order_of("purchase")).accepted is accepted


def test_an_item_may_come_twice_with_different_discounts_and_capacities_add_up() -> None:
    world = a_world()
    lines = [traffic(10, discount=None), traffic(20, discount="0.5")]
    assert unpaid(world, order_of("purchase", traffic=lines)) == 42_000 + 372 * (15 + 15)
    decision = world.accept(order_of("purchase", traffic=lines, payments=paid("53160.00")))
    assert decision.plan is not None
    assert [line.discount for line in decision.plan.traffic] == [Decimal(1), Decimal("0.5")]
    assert quota_on(decision.plan, "logs", TODAY) == 40_000_000 + 30_000_000


@pytest.mark.parametrize("workspace", ["wksp_other", "wksp_nobody", "wksp_free"])
def test_a_plan_lists_commercial_workspaces_of_its_account_only(workspace: str) -> None:
    refusal = a_world().decide(order_of("purchase", workspaces=["wksp_a", workspace])).refusal
    wanted = Refusal.WORKSPACE_NOT_COMMERCIAL if workspace == "wksp_free" else Refusal.WORKSPACE_NOT_IN_ACCOUNT
    assert refusal == wanted


def test_a_workspace_may_be_listed_from_the_day_it_is_commercial_on() -> None:
    world = a_world()
    world.bind("acct_1", TODAY, "wksp_new")
    assert world.decide(order_of("change_workspaces", workspaces=["wksp_new"])).accepted
    world.bind("acct_1", TODAY + 1, "wksp_new")
    refused = world.decide(order_of("purchase", workspaces=["wksp_new"], first_day="2026-02-11"))
    assert refused.refusal == Refusal.WORKSPACE_NOT_COMMERCIAL, "the order's day counts, not the plan's first"


def test_a_change_counts_from_its_day_and_the_days_before_stay_as_they_were() -> None:
    world = a_world()
    for kind in ("upgrade", "add_traffic", "change_workspaces"):
        assert world.accept(order_of(kind, order_id=kind)).effective_day == TODAY
    plan = world.account.plans["o-1"]
    assert (plan.first_day, plan.last_day) == (BOUGHT_ON, LAST_DAY)
    assert quota_on(plan, "logs", TODAY - 1) == 40_000_000 + 30_000_000
    assert quota_on(plan, "logs", TODAY) == quota_on(plan, "logs", LAST_DAY) == 400_000_000 + 60_000_000
    assert listed_on(plan, TODAY - 1) == ("wksp_a", "wksp_b")
    assert listed_on(plan, TODAY) == ("wksp_b", "wksp_c", "wksp_a")
    assert [line.through for line in plan.traffic] == [LAST_DAY, LAST_DAY]


@pytest.mark.parametrize("kind", ["upgrade", "add_traffic", "change_workspaces"])
def test_a_change_before_a_plans_first_day_counts_from_that_day(kind: str) -> None:
    world = a_world(first_day="2026-02-20")
    first_day = day("2026-02-20")
    price = {"upgrade": "238000.00", "add_traffic": "13392.00"}.get(kind)
    decision = world.accept(order_of(kind, payments=paid(price) if price else []))
    plan = decision.plan
    assert plan is not None
    assert decision.effective_day == first_day
    assert (decision.first_day, decision.last_day) == (first_day, first_day + 371)
    assert [each.since for each in plan.packages] == [each.since for each in plan.lists] == [first_day]
    assert {line.since for line in plan.traffic} == {first_day}


def test_of_two_lists_of_one_day_the_later_holds_for_the_whole_day() -> None:
    world = a_world()
    world.accept(order_of("change_workspaces", order_id="c-1"))
    world.accept(order_of("change_workspaces", order_id="c-2", workspaces=["wksp_c"]))
    plan = world.account.plans["o-1"]
    assert [(each.since, each.workspaces) for each in plan.lists] == [
        (BOUGHT_ON, ("wksp_a", "wksp_b")),
        (TODAY, ("wksp_c",)),
    ]


def test_of_two_upgrades_of_one_day_the_later_holds_and_costs_the_rest() -> None:
    world = a_world()
    world.accept(order_of("upgrade", order_id="u-1"))
    assert unpaid(world, order_of("upgrade", plan="enterprise")) == Decimal("223817.20")
    world.accept(order_of("upgrade", order_id="u-2", plan="enterprise", payments=paid("223817.20")))
    plan = world.account.plans["o-1"]
    assert [(each.since, each.plan) for each in plan.packages] == [(BOUGHT_ON, "startup"), (TODAY, "enterprise")]


def test_an_upgrade_before_the_first_day_replaces_the_package_bought() -> None:
    world = a_world(first_day="2026-02-20")
    world.accept(order_of("upgrade", order_id="u-1", payments=paid("238000.00")))
    world.day += 1
    world.accept(order_of("upgrade", order_id="u-2", plan="enterprise", payments=paid("230000.00")))
    assert [each.plan for each in world.account.plans["o-1"].packages] == ["enterprise"]


@pytest.mark.parametrize("plan", ["startup", "growth"])
def test_an_upgrade_goes_up_from_the_present_package(plan: str) -> None:
    world = a_world()
    world.accept(order_of("upgrade", order_id="u-1"))
    assert world.decide(order_of("upgrade", plan=plan)).refusal == Refusal.UPGRADE_MUST_GO_UP


def with_new_prices(since: int) -> Catalog:
    """From `since` on Growth costs 300,000 and has 500 M logs; a logs traffic package 2 a day for 2 M."""
    old = DEFAULT_CATALOG.version(since)
    plans = {
        "startup": PlanPackage("startup", "Startup", {"logs": 1}, Decimal(300_000), None),
        "growth": PlanPackage("growth", "Growth", {"logs": 500_000_000}, Decimal(300_000), None),
    }
    traffic_packages = {"logs": TrafficPackage("logs", 2_000_000, Decimal(2))}
    return DEFAULT_CATALOG.with_version(Version(since, old.items, plans, traffic_packages))


def test_an_order_takes_prices_and_quotas_of_the_version_of_its_day_and_keeps_them() -> None:
    world = on(LAST_DAY - 185)
    world.catalog = with_new_prices(world.day)
    assert unpaid(world, order_of("upgrade")) == 129_000, "the present package keeps the price it was bought at"
    assert unpaid(world, order_of("add_traffic")) == 30 * 2 * Decimal("0.8") * 186
    world.accept(order_of("add_traffic", order_id="a-1", payments=paid("8928.00")))
    plan = world.account.plans["o-1"]
    assert [line.capacity for line in plan.traffic] == [1_000_000, 2_000_000]
    assert quota_on(plan, "logs", world.day) == 40_000_000 + 30_000_000 + 60_000_000
    upgraded = world.accept(order_of("upgrade", order_id="u-1", payments=paid("129000.00"))).plan
    assert upgraded is not None
    assert quota_on(upgraded, "logs", world.day) == 500_000_000 + 90_000_000
    present = package_on(upgraded, world.day)
    assert present is not None
    assert present.price == 300_000


def test_the_version_of_the_orders_day_counts_also_for_a_later_first_day() -> None:
    world = a_world()
    world.catalog = with_new_prices(TODAY + 1)
    assert unpaid(world, order_of("purchase", first_day="2026-02-20", traffic=[])) == 42_000
    world.day = TODAY + 1
    assert unpaid(world, order_of("purchase", first_day="2026-02-20", traffic=[])) == 300_000
    assert world.decide(order_of("purchase", plan="enterprise")).refusal == Refusal.UNKNOWN_PLAN
    assert world.decide(order_of("add_traffic", traffic=[traffic(1, "pv")])).refusal == Refusal.UNKNOWN_ITEM


def test_the_same_package_at_a_higher_price_is_an_upgrade() -> None:
    world = a_world()
    world.catalog = with_new_prices(TODAY)
    assert unpaid(world, order_of("upgrade", plan="startup")) == Decimal("251064.52")
