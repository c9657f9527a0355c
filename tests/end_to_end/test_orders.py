"""Everything an account can order, on a real Kafka: once undisturbed, and once with workers killed in the middle."""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from schemas.catalog import load_catalog
from tests import records, revisions
from tests.end_to_end.account_stories import ACCEPTED, PACKAGES, STORIES, Story
from tests.end_to_end.judged import judge
from tests.end_to_end.sending import Sending
from tests.end_to_end.workers import Meter, Worker
from tests.meters import StartMeter
from tests.oracle_catalog import of_product
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

CATALOG = Path(__file__).parents[2] / "meter" / "catalog.toml"
Json = dict[str, Any]


def now_us() -> int:
    return time.time_ns() // 1000


@dataclass
class Played:
    """All stories after a meter handled them: the stories, and what the meter published last of each key."""

    stories: dict[str, Story]
    outcomes: dict[str, Json]
    plans: dict[str, Json]
    wallets: dict[str, Json]
    overages: dict[str, Json]
    today: str

    def balances(self, account: str) -> dict[str, str]:
        mine = {key: value["balance"] for key, value in self.wallets.items() if key.startswith(f"{account}/")}
        return {key.removeprefix(f"{account}/"): balance for key, balance in mine.items()}

    def over(self, account: str, workspace: str) -> Json:
        return self.overages[f"{account}/{account}-{workspace}/datakit/{self.today}"]


class Disturbed:
    """Sends to a meter; with `kills`, a worker is killed (kill -9) in the middle of each sending, and comes back."""

    def __init__(self, meter: Meter, kills: bool) -> None:
        self.meter = meter
        self.kills = kills
        self.workers = {name: meter.start(name).wait_ready() for name in ("ab" if kills else "a")}
        self.turns = itertools.cycle(self.workers)

    def send(self, messages: Sequence[Message]) -> None:
        if not self.kills:
            self.meter.kafka.send(messages)
            return
        half = len(messages) // 2
        self.meter.kafka.send(messages[:half])
        sending = Sending(self.meter.kafka, messages[half:], batch=5)
        name = next(self.turns)
        self.workers[name].kill()
        sending.join()
        self.workers[name] = self.meter.start(name)

    def stop(self) -> list[Worker]:
        return [worker for worker in self.workers.values() if worker.stop() != 0]


def woven(stories: Sequence[Story], orders: Callable[[Story], Sequence[Json]]) -> list[Message]:
    """The orders of all stories, each in its order, in turns."""
    turns = itertools.zip_longest(*(orders(story) for story in stories))
    return [records.order_message(order) for turn in turns for order in turn if order is not None]


def usages(stories: Sequence[Story], at_us: int) -> list[Message]:
    events = [
        records.usage(story.name(workspace), "datakit", quantity, at_us, id=f"{story.account}-{workspace}")
        for story in stories
        for workspace, quantity in story.use
    ]
    return [records.usage_message(event) for event in events]


@pytest.fixture(scope="module", params=[False, True], ids=["undisturbed", "killed in the middle"])
def played(request: pytest.FixtureRequest, module_meter: StartMeter, catalog: Path) -> Iterator[Played]:
    zone = midnight_zone(now_us(), 12 * 3600)  # midnight is far off, so that everything is on one day
    today = billing_day(now_us(), zone)
    meter = module_meter(Settings(zone, of_product(load_catalog(catalog))), METER_CATALOG=str(catalog))
    stories = [tell(today) for tell in STORIES]
    disturbed = Disturbed(meter, request.param)
    meter.kafka.send([binding for story in stories for binding in story.bindings()])
    for step in (
        woven(stories, lambda story: story.first),
        usages(stories, now_us()),
        woven(stories, lambda story: story.then),
    ):
        disturbed.send(step)
        meter.settle()
    judge(meter, crashed=request.param)
    topics = {"outcomes": "order-outcomes", "plans": "plans", "wallets": "wallets", "overages": "overages"}
    latest = {name: revisions.latest(meter.kafka.published(topic)) for name, topic in topics.items()}
    yield Played({story.account: story for story in stories}, today=day_text(today), **latest)
    assert disturbed.stop() == []


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("catalog") / "catalog.toml"
    path.write_text(CATALOG.read_text() + PACKAGES)
    return path


@pytest.mark.parametrize("account", [tell.__name__.replace("_", "-") for tell in STORIES])
def test_every_order_comes_to_what_its_story_says(played: Played, account: str) -> None:
    story = played.stories[account]
    outcomes = {key.split("/")[1]: value for key, value in played.outcomes.items() if value["account"] == account}
    came_to = {
        order_id: value.get("reason") or value.get("price") or value["outcome"] for order_id, value in outcomes.items()
    }
    assert {order_id: came_to.get(order_id) for order_id in story.outcomes} == story.outcomes
    assert set(came_to) == set(story.outcomes)


def test_an_outcome_gives_price_payments_and_plan(played: Played) -> None:
    outcome = played.outcomes["every-kind/p"]
    del outcome["revision"]
    assert outcome == {
        "order_id": "p",
        "account": "every-kind",
        "kind": "purchase",
        "outcome": ACCEPTED,
        "price": "55392.00",
        "currency": "CNY",
        "payments": [
            {"method": "cash", "amount": "53392.00"},
            {"method": "prepaid_card", "instrument": "card-9", "amount": "1500.00"},
            {"method": "coupon", "instrument": "cpn-3", "amount": "500.00"},
        ],
        "plan_id": "p",
        "first_day": played.today,
        "last_day": played.stories["every-kind"].on(371),
    }


def test_a_refusal_gives_the_law_then_the_numbers(played: Played) -> None:
    assert played.outcomes["refusals/short"]["error"] == (
        "payments must make exactly the price: they make 0.99, the price is 1.00"
    )
    assert played.outcomes["many-plans/p-50"]["error"] == (
        "an account must have at most 50 unexpired plans: it has 50, the order would add 1"
    )


def test_a_plan_has_its_last_package_and_list_of_the_day_and_all_its_traffic(played: Played) -> None:
    plan = played.plans["every-kind/p"]
    assert [package["plan"] for package in plan["packages"]] == ["enterprise"]
    assert [each["workspaces"] for each in plan["lists"]] == [["every-kind-C", "every-kind-A"]]
    assert [(line["item"], line["units"], line["discount"]) for line in plan["traffic"]] == [("logs", 30, "0.8")] * 2


def test_a_plan_that_is_still_to_begin_changes_from_its_first_day(played: Played) -> None:
    plan, begins = played.plans["first-day-ahead/p"], played.stories["first-day-ahead"].on(31)
    assert [(each["from"], each["plan"]) for each in plan["packages"]] == [(begins, "twenty")]
    assert [(line["from"], line["through"]) for line in plan["traffic"]] == [(begins, plan["last_day"])]
    assert played.over("first-day-ahead", "A")["plans"] == ["today"]
    assert played.over("first-day-ahead", "A")["overage"] == 2
    assert played.over("first-day-ahead", "B")["basis"] == "pay_as_you_go"


def test_plans_are_drawn_on_in_their_total_order(played: Played) -> None:
    one, other = played.over("several-plans", "A"), played.over("several-plans", "B")
    assert (one["plans"], one["overage"]) == (["z-narrow", "a-narrow", "wide"], 9)
    assert (other["plans"], other["overage"]) == (["a-narrow", "wide"], 0)


def test_the_money_is_what_was_put_in_less_what_was_accepted(played: Played) -> None:
    assert played.balances("every-kind") == {
        "cash": "465608.00",  # 1,000,000 − 53,392 − 13,000 − 238,000 − 230,000
        "prepaid_card/card-9": "3108.00",
        "coupon/cpn-3": "0.00",
    }
    assert played.balances("first-day-ahead") == {"cash": "77306.00"}
    assert played.balances("refusals") == {"cash": "58000.00", "prepaid_card/card-1": "9.00"}
    assert played.balances("many-plans") == {"cash": "578.00"}  # 1,000 − 50 × 1 − 20 × 18.60
    assert played.balances("orders-again") == {"cash": "9.00"}
