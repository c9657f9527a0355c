"""What a day's end does to orders: a meter whose midnight comes while it runs, with plans of one day."""

import time
from pathlib import Path

import pytest

from schemas.catalog import load_catalog
from tests import records, revisions
from tests.end_to_end.account_stories import PACKAGES, Story
from tests.end_to_end.judged import judge
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, start_of
from tests.records import Message, pay
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

PLANS_OF_ONE_DAY = """
currency = "CNY"
validity_days = 1

[[versions]]
from = 2020-01-01

[versions.items.datakit]
aggregation = "max"
unit = 1
price = "3"

[versions.traffic.datakit]
capacity = 5
price = "2"
"""
#: Before midnight a meter has to start, and the first day's orders have to be sent.
BEFORE_MIDNIGHT_SECONDS = 120
ENOUGH_SECONDS = 30
CARD = {"method": "prepaid_card", "instrument": "card-1"}


def now_us() -> int:
    return time.time_ns() // 1000


def before_midnight(new_meter: StartMeter, catalog: Path) -> tuple[Meter, int]:
    """A meter that is ready some time before its midnight, and when that is."""
    book = of_product(load_catalog(catalog))
    for _ in range(3):
        zone = midnight_zone(now_us(), BEFORE_MIDNIGHT_SECONDS)
        midnight = start_of(billing_day(now_us(), zone) + 1, zone)
        meter = new_meter(Settings(zone, book), METER_CATALOG=str(catalog))
        worker = meter.start().wait_ready()
        if midnight - now_us() > ENOUGH_SECONDS * 1_000_000:
            return meter, midnight
        worker.stop()
    raise AssertionError(f"no worker is ready in {BEFORE_MIDNIGHT_SECONDS} s")


def first_day(today: int) -> Story:
    """The day before midnight: plans of this day and of the next, and a card that expires."""
    story = Story("midnight", today, commercial="A", free="F")
    story.money("cash", "1000.00")
    story.money("card", "10.00", **CARD, expires_on=story.on(0))
    story.buy("1.00", "p", "ten", "A", [pay("1.00", **CARD)])
    story.buy("1.00", "q", "ten", "A", [pay("1.00")], first_day=story.on(1))
    story.buy("workspace_not_commercial", "too-early", "ten", "F", [pay("1.00")])
    story.change("10.00", "hosts", "add_traffic", "p", traffic=[records.traffic("datakit", 5)], payments=[pay("10.00")])
    return story


def second_day(story: Story) -> None:
    """After midnight: p and the card are over, q is in force, F became commercial."""
    payment = [pay("2.00")]
    story.change("plan_expired", "late", "add_traffic", "p", traffic=[records.traffic("datakit", 1)], payments=payment)
    story.change("plan_expired", "late-list", "change_workspaces", "p", workspaces="A")
    story.buy("instrument_expired", "by-card", "ten", "A", [pay("1.00", **CARD)])
    story.money("more", "5.00", "expires_on_in_the_past", **CARD, expires_on=story.on(0))
    story.money("prolonged", "5.00", "instrument_exists_with_different_terms", **CARD, expires_on=story.on(9))
    story.change("372.00", "up", "upgrade", "q", plan="twenty", payments=[pay("372.00")])
    story.buy("first_day_out_of_range", "backdated", "ten", "A", [pay("1.00")], first_day=story.on(0))
    story.buy("1.00", "f", "ten", "F", [pay("1.00")], first_day=story.on(1))


def test_plans_and_cards_end_with_their_day(new_meter: StartMeter, tmp_path: Path) -> None:
    catalog = tmp_path / "catalog.toml"
    catalog.write_text(PLANS_OF_ONE_DAY + PACKAGES)
    meter, midnight = before_midnight(new_meter, catalog)
    story = first_day(billing_day(midnight - 1, meter.settings.zone))

    def used(workspace: str, quantity: int, at_us: int) -> Message:
        name = story.name(workspace)
        return records.usage_message(records.usage(name, "datakit", quantity, at_us, id=f"{at_us}"))

    meter.kafka.send(story.bindings())
    meter.kafka.send([records.order_message(order) for order in story.first])
    assert now_us() < midnight, "the first day was over before its orders were sent"
    time.sleep((midnight - now_us()) / 1e6 + 1)
    story.use = [("A", 40)]
    second_day(story)
    meter.kafka.send([records.binding_message(records.binding(story.name("F"), story.account))])
    meter.kafka.send([records.order_message(order) for order in story.then])
    meter.settle()  # topics do not wait for each other
    meter.kafka.send([used("A", 40, midnight - 1), used("F", 9, midnight - 2)])
    meter.kafka.send([used("A", 40, midnight), used("F", 9, midnight + 1)])
    meter.settle()
    judge(meter)
    outcomes = revisions.latest(meter.kafka.published("order-outcomes")).values()
    came_to = {each["order_id"]: each.get("reason") or each.get("price") or each["outcome"] for each in outcomes}
    assert came_to == story.outcomes
    over = revisions.latest(meter.kafka.published("overages"))
    found = {key.removeprefix("midnight/midnight-"): (each["overage"], each["plans"]) for key, each in over.items()}
    assert found == {
        f"A/datakit/{story.on(0)}": (5, ["p"]),  # ten, and five packages of five
        f"A/datakit/{story.on(1)}": (20, ["q"]),  # twenty; F's ten cover its nine
    }
