"""Advice and simulations beside a running meter, from closed days as they are published on a real Kafka."""

import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.dashboards import DashboardProcess
from tests.end_to_end.published_days import folded, publish
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

#: Midnight is far off: the days that were published stay the last ones.
ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
DAYS = 20
MILLION = 1_000_000
#: So many times what a page takes without advice it takes now and then on a busy machine.
BUSY = 3.0


def used(day: int) -> Mapping[str, tuple[str, int, int | None]]:
    return {"prod": ("logs", (60 + day % 7) * MILLION, None), "staging": ("logs", 30 * MILLION, None)}


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Meter:
    """An account with 20 closed days, the last 16 of them with a plan that lists production only."""
    meter = module_meter(Settings(ZONE))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding(name, "acct_1")) for name in ("prod", "staging")])
    meter.settle()
    today = billing_day(time.time_ns() // 1000, ZONE)
    publish(meter, "acct_1", folded("acct_1", ["prod", "staging"], today, DAYS, used, ["prod"], ZONE))
    return meter


def test_advice_rests_on_a_replay_that_equals_the_bill(meter: Meter) -> None:
    code, found = run(meter, "advise", "acct_1", "--json")
    assert code == 0, found
    advice = json.loads(found)
    due = sum(Decimal("1.5") * (60 + day % 7 - (40 if day >= 4 else 0) + 30) for day in range(DAYS))
    assert advice["days"]["count"] == DAYS
    replayed = f"{due:.2f}"
    assert advice["check"] == {
        "equal": True,
        "sentence": f"{DAYS} days replayed as they were: {replayed}, published: {replayed}, equal",
        "replayed": replayed,
        "published": replayed,
    }
    discounted = json.loads(run(meter, "advise", "acct_1", "--discount", "0.8", "--json")[1])
    best = discounted["from_today"]["alternatives"][0]  # 85 % of days fill the 51st of them, 70 % the 52nd
    assert best["orders"][-1] == "meter add-traffic acct_1 o-0 --traffic logs=51@0.8 --pay auto"


def test_advice_is_told_to_a_person(meter: Meter) -> None:
    code, found = run(meter, "advise", "acct_1")
    assert code == 0, found
    assert "acct_1: 20 closed days" in found
    assert "Staying costs least" in found


def test_a_simulation_replays_the_same_days(meter: Meter) -> None:
    code, found = run(meter, "simulate", "acct_1", "--days", "7", "--workspaces", "o-0=staging,prod")
    assert code == 0, found
    assert "acct_1: 7 closed days" in found
    assert "meter change-workspaces acct_1 o-0 staging prod" in found


def test_too_little_is_said_in_a_sentence(meter: Meter) -> None:
    code, found = run(meter, "advise", "nobody")
    assert code == 1
    assert "too little to advise: nobody has 0 closed days" in found


@pytest.fixture(scope="module")
def dashboard(meter: Meter, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DashboardProcess]:
    with DashboardProcess(meter, tmp_path_factory.mktemp("dashboard")) as found:
        yield found.wait_ready()


@pytest.mark.parametrize(
    ("page", "command"),
    [
        ("advise.json?discount=0.8", ("advise", "acct_1", "--discount", "0.8")),
        (
            "simulate.json?days=7&buy=startup=prod,staging&add_traffic=new-1:logs=3@0.8&without=o-0",
            ("simulate", "acct_1", "--days", "7", "--buy", "startup=prod,staging", "--without", "o-0"),
        ),
    ],
)
def test_a_page_answers_what_the_command_prints(
    meter: Meter, dashboard: DashboardProcess, page: str, command: tuple[str, ...]
) -> None:
    more = ("--add-traffic", "new-1:logs=3@0.8") if command[0] == "simulate" else ()
    code, found = run(meter, *command, *more, "--json")
    assert code == 0, found
    assert dashboard.json(f"/accounts/acct_1/{page}") == json.loads(found)


def test_pages_answer_while_advice_is_worked_out(dashboard: DashboardProcess) -> None:
    dashboard.patience = 120.0
    quiet = [seconds_of_a_page(dashboard) for _ in range(5)]
    with ThreadPoolExecutor(8) as readers:
        advice = [readers.submit(dashboard.ask, f"/accounts/acct_1/advise?days={20 + each}") for each in range(8)]
        waits = [seconds_of_a_page(dashboard)]
        while not all(each.done() for each in advice):
            waits.append(seconds_of_a_page(dashboard))
    quiet += [seconds_of_a_page(dashboard) for _ in range(5)]
    answers = [each.result() for each in advice]
    assert sorted({status for status, _ in answers}) == [200, 503]
    assert all("one question at a time" in text for status, text in answers if status == 503)
    within = 1.0 + BUSY * sorted(quiet)[len(quiet) // 2]
    assert sorted(waits)[len(waits) // 2] < within, "half of the pages come within a second, beside what is busy anyway"


def seconds_of_a_page(dashboard: DashboardProcess) -> float:
    """After how many seconds a page comes."""
    begun = time.monotonic()
    assert dashboard.ask("/accounts/acct_1/plans")[0] == 200
    return time.monotonic() - begun


def test_what_cannot_be_answered_is_said_on_the_page(dashboard: DashboardProcess) -> None:
    status, text = dashboard.ask("/accounts/acct_1/simulate?upgrade=o-0%3Dgold")
    assert status == 409
    assert "Unknown plan package" in text and "Replay" in text
    assert dashboard.ask("/accounts/nobody/advise")[0] == 404
