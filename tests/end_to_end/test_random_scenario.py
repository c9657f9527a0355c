"""The random scenario of the issue against the oracle, undisturbed and with workers killed in the middle of it."""

import asyncio
import itertools
import os
import time
from collections.abc import Sequence
from random import Random

import pytest

from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import Kafka
from tests.end_to_end.sending import Sending
from tests.end_to_end.workers import Meter, Worker
from tests.explain.kept_logs import every_figure_explained
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import Scenario, midnight_zone, scenario

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

#: Printed with a failure; METER_TEST_SEED repeats one.
SEED = int(os.environ.get("METER_TEST_SEED") or time.time_ns() % 1_000_000)
#: So far off is midnight when the first worker starts (see tests/scenarios.py).
MIDNIGHT_SECONDS = 240
KILLS = 5


def now_us() -> int:
    return time.time_ns() // 1000


def new_scenario(seed: int, zone: str) -> Scenario:
    print(f"scenario of seed {seed} in zone {zone}: METER_TEST_SEED={seed} repeats it")
    return scenario(seed, now_us=now_us(), zone=zone)


def test_every_cell_and_every_order_is_as_the_oracle_says(
    new_meter: StartMeter, monkeypatch: pytest.MonkeyPatch
) -> None:
    meter = new_meter(Settings(midnight_zone(now_us(), MIDNIGHT_SECONDS)))
    worker = meter.start().wait_ready()
    sent = 0
    for step in new_scenario(SEED, meter.settings.zone).steps:
        sent += meter.kafka.send(step)
    meter.settle()
    prediction = judge(meter)
    assert len(prediction.final_figures()) > 1_000
    counts = [count for outcomes in prediction.counts.values() for count in outcomes.values()]
    assert sum(counts) == sent
    worker.shows("meter_records_total", sent)  # records in = counted + duplicate + dead-lettered + null
    worker.shows("meter_dead_letters_total", len(prediction.dead))
    assert worker.stop() == 0
    figures, problems = asyncio.run(every_figure_explained(meter.kafka, monkeypatch, a_third))
    assert problems == []
    assert figures > 1_000


def a_third(keys: list[str]) -> list[str]:
    """Keys whose every revision is explained; others with another seed."""
    return Random(SEED).sample(sorted(keys), len(keys) // 3)


def test_and_so_it_is_with_five_workers_killed_in_the_middle(new_meter: StartMeter) -> None:
    rng = Random(SEED)
    meter = new_meter(Settings(midnight_zone(now_us(), MIDNIGHT_SECONDS)))
    workers = {name: meter.start(name).wait_ready() for name in "ab"}
    turns = itertools.cycle("ab")
    kills = 0
    for step in new_scenario(SEED, meter.settings.zone).steps:
        for part in parts(step, 2 if len(step) > 2_000 else 1):
            if len(part) > 2_000 and kills < KILLS:
                kills += 1
                name = next(turns)
                kill_while_sending(meter.kafka, part, workers[name], rng)
                workers[name] = meter.start(name)
            else:
                meter.kafka.send(part)
    assert kills == KILLS
    meter.settle(240)
    judge(meter, crashed=True)


def parts(step: Sequence[Message], count: int) -> list[Sequence[Message]]:
    """A step in so many parts of about one size."""
    size = -(-len(step) // count)
    return [step[start : start + size] for start in range(0, len(step), size)]


def kill_while_sending(kafka: Kafka, messages: Sequence[Message], worker: Worker, rng: Random) -> None:
    """Kills a worker (kill -9) when some of the messages are acknowledged, and others not sent yet."""
    sending = Sending(kafka, messages)
    began = time.monotonic()
    moment = rng.uniform(0.05, 0.8)
    while time.monotonic() - began < moment and sending.thread.is_alive():
        time.sleep(0.005)
    worker.must_live()
    worker.kill()
    sending.join()


def test_a_meter_alone_comes_back_from_a_kill_with_nothing_but_its_topics(new_meter: StartMeter) -> None:
    meter: Meter = new_meter(Settings(midnight_zone(now_us(), MIDNIGHT_SECONDS)))
    worker = meter.start("first").wait_ready()
    steps = scenario(SEED + 1, now_us=now_us(), zone=meter.settings.zone, accounts=10, events=3_000).steps
    for step in steps[:3]:
        meter.kafka.send(step)
    meter.settle()
    worker.kill()
    for step in steps[3:]:
        meter.kafka.send(step)
    other = meter.start("second").wait_ready()
    meter.settle()
    judge(meter, crashed=True)
    assert other.stop() == 0
