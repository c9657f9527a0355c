"""The oracle held to SPEC's worked cases and to small cases computed by hand: who judges must be judged first."""

from decimal import Decimal
from typing import Any

import pytest

from tests import records
from tests.oracle import Prediction, Settings, predict
from tests.oracle_figures import allocate
from tests.oracle_statements import statement
from tests.oracle_time import day_text, ordinal, start_of
from tests.records import Log, Message, pay, traffic

ZONE = "+08:00"
MILLION = 1_000_000
TODAY = ordinal("2026-01-31") or 0
MORNING = start_of(TODAY, ZONE)
NOON = MORNING + 12 * 3600 * 1_000_000


class World:
    """One account `a` and its workspaces on one day, told as a billing person would."""

    def __init__(self, *workspaces: str, now_us: int = NOON) -> None:
        self.log = Log()
        self.now_us = now_us
        self.count = 0
        self.send(*(records.binding_message(records.binding(name, "a")) for name in workspaces))
        self.order(records.top_up("a", "t", "100000000"))

    def send(self, *messages: Message) -> None:
        self.log.send(self.now_us, messages)

    def order(self, order: dict[str, Any]) -> None:
        self.send(records.order_message(order))

    def buy(self, order_id: str, plan: str, price: object, *workspaces: str, **optional: Any) -> None:
        self.order(records.purchase("a", order_id, plan, list(workspaces), [pay(price)], **optional))

    def use(self, workspace: str, item: str, quantity: int, retention: int | None = None, **rest: Any) -> None:
        self.count += 1
        rest.setdefault("id", f"e{self.count}")
        event = records.usage(workspace, item, quantity, rest.pop("time_us", NOON), retention=retention, **rest)
        self.send(records.usage_message(event))

    def predict(self) -> Prediction:
        return predict(Settings(ZONE), self.log.sent)

    def figures(self, item: str = "logs") -> dict[str, tuple[int, int]]:
        """Coverage and overage by workspace."""
        found = self.predict().figures
        return {who: (f.covered, f.overage) for (_, who, name, _), f in found.items() if name == item}

    def due(self) -> Decimal:
        return statement(self.predict(), "a", TODAY).amount_due

    def reasons(self) -> dict[str, str | None]:
        return {order: outcome.reason for (_, order), outcome in self.predict().outcomes.items()}


def startup_150(*workspaces: str) -> World:
    """Quota 150 M of logs: Startup and 110 traffic packages of a million."""
    world = World(*workspaces)
    price = 42_000 + 110 * Decimal("1.5") * 372
    world.buy("o-1", "startup", price, *workspaces, traffic=[traffic("logs", 110)])
    assert world.reasons()["o-1"] is None
    return world


def test_w1_w2_the_first_workspace_is_covered_first_whoever_reports_first() -> None:
    for order in ("AB", "BA"):
        world = startup_150("A", "B")
        for workspace in order:
            world.use(workspace, "logs", 100 * MILLION)
        assert world.figures() == {"A": (100 * MILLION, 0), "B": (50 * MILLION, 50 * MILLION)}


def test_w2_alone_the_second_workspace_is_covered() -> None:
    world = startup_150("A", "B")
    world.use("B", "logs", 100 * MILLION)
    assert world.figures() == {"B": (100 * MILLION, 0)}


def test_w3_a_correction_of_the_first_gives_quota_to_the_second() -> None:
    world = startup_150("A", "B")
    world.use("A", "logs", 100 * MILLION)
    world.use("B", "logs", 100 * MILLION)
    world.use("A", "logs", -40 * MILLION, corrected=True)
    assert world.figures() == {"A": (60 * MILLION, 0), "B": (90 * MILLION, 10 * MILLION)}


def test_w4_three_workspaces() -> None:
    world = startup_150("A", "B", "C")
    for workspace in "CBA":
        world.use(workspace, "logs", 100 * MILLION)
    assert {who: over // MILLION for who, (_, over) in world.figures().items()} == {"A": 0, "B": 50, "C": 100}


def w5(world: World) -> World:
    world.use("w", "datakit", 25)
    world.use("w", "logs", 40 * MILLION, 30)
    world.use("w", "traces", 5 * MILLION, 14)
    world.use("w", "pv", 400_000, 14)
    world.use("w", "triggers", 210_000)
    return world


def test_w5_charges_of_a_workspace_on_startup() -> None:
    world = World("w")
    world.buy("o-1", "startup", 42_000, "w")
    found = w5(world).predict().figures
    overage = {item: figure.overage for (_, _, item, _), figure in found.items()}
    assert overage == {
        "datakit": 5, "logs": 40 * MILLION, "traces": 5 * MILLION, "pv": 400_000, "triggers": 20_000
    }  # fmt: skip
    assert [figure.amount for figure in found.values()] == [15, 60, 15, 40, 2]
    assert world.due() == 132


@pytest.mark.parametrize(("units", "over", "due"), [(30, 10, 87), (20, 20, 102)])
def test_w6_traffic_packages_at_a_discount(units: int, over: int, due: int) -> None:
    world = World("w")
    price = 42_000 + units * Decimal("1.5") * Decimal("0.8") * 372
    world.buy("o-1", "startup", price, "w", traffic=[traffic("logs", units, "0.8")])
    assert w5(world).figures()["w"][1] == over * MILLION
    assert world.due() == due
    assert price == 42_000 + (36 if units == 30 else 24) * 372


def test_w7_a_plan_of_one_workspace_is_drawn_before_one_it_shares() -> None:
    world = World("A", "B")
    world.buy("P1", "startup", 42_000, "A", "B")
    world.buy("P2", "startup", 42_000, "A")
    world.use("A", "datakit", 20)
    world.use("B", "datakit", 20)
    found = world.predict().figures
    assert found["a", "A", "datakit", TODAY].by_plan == {"P2": 20}
    assert found["a", "B", "datakit", TODAY].by_plan == {"P1": 20}
    assert found["a", "A", "datakit", TODAY].plans == ("P2", "P1")


def test_w8_the_least_total_is_not_promised() -> None:
    world = World("A", "B", "C")
    world.buy("p-2", "startup", 42_000, "A", "B")
    world.buy("p-1", "startup", 42_000, "B", "C")
    world.use("B", "datakit", 20)
    world.use("C", "datakit", 20)
    assert world.figures("datakit") == {"B": (20, 0), "C": (0, 20)}
    assert allocate([("P2", 10, "BC"), ("P1", 10, "AB")], {"A": 0, "B": 10, "C": 10}) == {("P2", "B"): 10}


def test_pay_as_you_go_charges_each_retention_unconverted() -> None:
    world = World("w")
    world.use("w", "logs", 1_999_999, 60)
    world.use("w", "logs", 1_000_000, 3)
    world.use("w", "logs", -5, 14, corrected=True)
    figure = world.predict().figures["a", "w", "logs", TODAY]
    assert (figure.usage, figure.overage, figure.basis) == (3 * 1_999_999 + 1_000_000, 6_999_997, "pay_as_you_go")
    assert [(line.retention, str(line.units), str(line.amount)) for line in figure.lines] == [
        (3, "1.00", "1.00"),
        (60, "1.99", "4.975"),
    ]
    assert world.due() == Decimal("5.98")


def test_a_max_items_latest_correction_counts_for_its_day() -> None:
    world = World("w")
    world.use("w", "datakit", 30)
    world.use("w", "datakit", 5, corrected=True, time_us=NOON + 1, source="a")
    world.use("w", "datakit", 7, corrected=True, time_us=NOON, source="z")
    assert world.figures("datakit") == {"w": (0, 5)}


def test_days_before_the_first_commercial_record_are_free() -> None:
    world = World(now_us=NOON)
    world.send(records.binding_message(records.binding("w", "a", "free")))
    world.now_us += 24 * 3600 * 1_000_000
    world.send(records.binding_message(records.binding("w", "a", "commercial")))
    world.use("w", "sms", 3)
    world.use("w", "sms", 3, time_us=world.now_us)
    bases = {day_text(day): (f.basis, f.overage) for (_, _, _, day), f in world.predict().figures.items()}
    assert bases == {"2026-01-31": ("free", 0), "2026-02-01": ("pay_as_you_go", 3)}


def test_orders_are_refused_for_the_first_reason_that_applies() -> None:
    world = World("A", "B")
    world.buy("usd", "nothing", 1, currency="USD")
    world.buy("zero", "startup", 0, "A")
    world.buy("plan", "nothing", 1, "Z")
    world.buy("item", "startup", 1, "Z", traffic=[traffic("nothing", 1)])
    world.buy("empty", "startup", 1)
    world.buy("repeat", "startup", 1, "A", "A", "Z")
    world.buy("foreign", "startup", 1, "A", "Z")
    world.buy("early", "startup", 1, "A", first_day="2026-01-30")
    world.buy("last", "startup", 42_000, "A", first_day="2026-03-03")
    world.buy("late", "startup", 42_000, "A", first_day="2026-03-04")
    world.buy("cheap", "startup", "41999.99", "A")
    world.order(records.purchase("a", "card", "startup", ["A"], [pay(42_000, "prepaid_card", "c")]))
    world.order(records.purchase("poor", "cash", "startup", ["A"], [pay(42_000)]))
    world.order(records.management("a", "none", "upgrade", "p-0", plan="growth"))
    world.order(records.management("a", "down", "upgrade", "last", plan="startup"))
    world.order(records.top_up("a", "past", "1", "coupon", instrument="c", expires_on="2026-01-30"))
    world.order(records.top_up("a", "first", "1", "coupon", instrument="c", expires_on="2026-01-31"))
    world.order(records.top_up("a", "terms", "1", "coupon", instrument="c"))
    assert world.reasons() == {
        "t": None,
        "usd": "currency_must_match",
        "zero": "amount_must_be_positive",
        "plan": "unknown_plan",
        "item": "unknown_item",
        "empty": "workspaces_must_not_be_empty",
        "repeat": "workspaces_must_not_repeat",
        "foreign": "workspace_not_in_account",
        "early": "first_day_out_of_range",
        "last": None,
        "late": "first_day_out_of_range",
        "cheap": "payments_must_equal_price",
        "card": "instrument_not_found",
        "cash": "workspace_not_in_account",
        "none": "plan_not_found",
        "down": "upgrade_must_go_up",
        "past": "expires_on_in_the_past",
        "first": None,
        "terms": "instrument_exists_with_different_terms",
    }


def test_prices_count_the_days_left_and_changes_count_for_the_whole_day() -> None:
    world = World("A", "B")
    world.buy("p", "startup", 42_000, "A")
    world.now_us += 24 * 3600 * 1_000_000
    upgrade = (Decimal(238_000) * 371 / 372).quantize(Decimal("0.01"))
    world.order(records.management("a", "up", "upgrade", "p", plan="growth", payments=[pay(upgrade)]))
    lines = [traffic("sms", 2, "0.5"), traffic("sms", 1)]
    world.order(records.management("a", "add", "add_traffic", "p", traffic=lines, payments=[pay(20 * 371)]))
    world.order(records.management("a", "list", "change_workspaces", "p", workspaces=["B"]))
    world.use("B", "sms", 301, time_us=world.now_us)
    world.use("A", "sms", 1)
    found = world.predict()
    assert set(world.reasons().values()) == {None}
    assert found.figures["a", "B", "sms", TODAY + 1].overage == 1
    assert (found.figures["a", "A", "sms", TODAY].basis, found.figures["a", "A", "sms", TODAY].overage) == (
        "package",
        1,
    )
    assert found.outcomes["a", "up"].price == upgrade


def test_the_example_of_spec_costs_what_it_says() -> None:
    world = World("wksp_a", "wksp_b")
    world.order(records.top_up("a", "t-1", "5000.00", "prepaid_card", instrument="card-9", expires_on="2026-12-31"))
    world.order(records.top_up("a", "t-2", "500.00", "coupon", instrument="cpn-3"))
    payments = [pay("53392.00"), pay("1500.00", "prepaid_card", "card-9"), pay("500.00", "coupon", "cpn-3")]
    order = records.purchase(
        "a", "o-1", "startup", ["wksp_a", "wksp_b"], payments, traffic=[traffic("logs", 30, "0.8")]
    )
    world.order(order | {"first_day": "2026-01-31"})
    found = world.predict()
    assert found.outcomes["a", "o-1"].price == Decimal("55392.00")
    assert found.accounts["a"].wallets["prepaid_card", "card-9"].balance == 3500
    assert found.accounts["a"].wallets["coupon", "cpn-3"].balance == 0


def test_repeats_change_nothing_and_other_contents_are_conflicts() -> None:
    world = World("w")
    for order in ({"amount": "5.0"}, {"amount": "5.00", "currency": None, "note": 1}, {"amount": "6"}):
        world.order(records.top_up("a", "t-2", "5") | order)
    for quantity in (1, 1, 2):
        world.use("w", "sms", quantity, id="same")
    found = world.predict()
    assert found.accounts["a"].wallets["cash", None].balance == 100_000_005
    assert found.figures["a", "w", "sms", TODAY].usage == 1
    assert found.dead == {
        ("plan-purchases", 0, 3): ("conflicting_duplicate",),
        ("usage", 0, 2): ("conflicting_duplicate",),
    }
    assert found.counts["usage"] == {"counted": 1, "duplicate": 1, "dead": 1, "null": 0}
