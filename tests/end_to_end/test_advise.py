"""Advice and simulations beside a running meter, from closed days as they are published on a real Kafka."""

import json
import time
from collections.abc import Mapping
from decimal import Decimal

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.published_days import folded, publish
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day

pytestmark = pytest.mark.e2e

DAYS = 20
MILLION = 1_000_000


def used(day: int) -> Mapping[str, tuple[str, int, int | None]]:
    return {"prod": ("logs", (60 + day % 7) * MILLION, None), "staging": ("logs", 30 * MILLION, None)}


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Meter:
    """An account with 20 closed days, the last 16 of them with a plan that lists production only."""
    meter = module_meter(Settings("+00:00"))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding(name, "acct_1")) for name in ("prod", "staging")])
    meter.settle()
    today = billing_day(time.time_ns() // 1000, "+00:00")
    publish(meter, "acct_1", folded("acct_1", ["prod", "staging"], today, DAYS, used, ["prod"]))
    return meter


def test_advice_stands_on_a_replay_that_is_the_bill(meter: Meter) -> None:
    code, said = run(meter, "advise", "acct_1", "--json")
    assert code == 0, said
    advice = json.loads(said)
    due = sum(Decimal("1.5") * (60 + day % 7 - (40 if day >= 4 else 0) + 30) for day in range(DAYS))
    assert advice["days"]["count"] == DAYS
    assert advice["check"] == {"equal": True, "replayed": f"{due:.2f}", "published": f"{due:.2f}"}
    discounted = json.loads(run(meter, "advise", "acct_1", "--discount", "0.8", "--json")[1])
    best = discounted["from_today"]["alternatives"][0]  # 85 % of days fill the 51st of them, 70 % the 52nd
    assert best["orders"][-1] == "meter add-traffic acct_1 o-0 --traffic logs=51@0.8 --pay auto"


def test_advice_is_told_to_a_person(meter: Meter) -> None:
    code, said = run(meter, "advise", "acct_1")
    assert code == 0, said
    assert "acct_1: 20 closed days" in said
    assert "Staying is the best there is" in said


def test_a_simulation_replays_the_same_days(meter: Meter) -> None:
    code, said = run(meter, "simulate", "acct_1", "--days", "7", "--workspaces", "o-0=staging,prod")
    assert code == 0, said
    assert "acct_1: 7 closed days" in said
    assert "meter change-workspaces acct_1 o-0 staging prod" in said


def test_too_little_is_said_in_a_sentence(meter: Meter) -> None:
    code, said = run(meter, "advise", "nobody")
    assert code == 1
    assert "too little to advise: nobody has 0 closed days" in said
