"""A worker that sleeps past its session while another takes over, and then wakes in the middle of what it did."""

import os
import re
import time
from random import Random

import pytest

from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.sending import Sending
from tests.end_to_end.workers import Meter, Worker
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.scenarios import midnight_zone, scenario

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SEED = int(os.environ.get("METER_TEST_SEED") or time.time_ns() % 1_000_000)
PARTITIONS = 4
#: After a worker falls silent its partitions are read again within 20 s (SPEC section 10); the rest is a busy machine.
TAKEN_OVER_SECONDS = 120.0


def test_a_zombie_changes_no_figure_and_says_what_happened(new_meter: StartMeter) -> None:
    print(f"METER_TEST_SEED={SEED} repeats it")
    rng = Random(SEED)
    zone = midnight_zone(time.time_ns() // 1000, 600)
    meter = new_meter(Settings(zone))
    sleeper = meter.start("sleeper").wait_ready()
    other = meter.start("other").wait_ready()
    wait_until("both workers have partitions", lambda: both_work(sleeper, other), TAKEN_OVER_SECONDS, meter.logs)
    steps = scenario(SEED, now_us=time.time_ns() // 1000, zone=zone, accounts=40, events=12_000, days=2).steps
    for step in steps[:3]:
        meter.kafka.send(step)
    sending = Sending(meter.kafka, steps[3], batch=50)
    time.sleep(rng.uniform(0.1, 0.5))
    sleeper.pause()
    try:
        sending.join()
        wait_until(
            "the other worker has every partition",
            lambda: assigned(other) == PARTITIONS,
            TAKEN_OVER_SECONDS,
            meter.logs,
        )
        settle_without(meter, sleeper)
        judge(meter, crashed=True)
        silent_until = len(sleeper.log_text())
    finally:
        sleeper.resume()
    meter.kafka.send(steps[4])
    meter.settle(180)
    judge(meter, crashed=True)
    wait_until(
        "the sleeper says what happened to it",
        lambda: says_what_happened(sleeper.log_text()[silent_until:]),
        TAKEN_OVER_SECONDS,
        meter.logs,
    )
    wait_until("the sleeper works again", sleeper.ready, TAKEN_OVER_SECONDS, meter.logs)
    assert sleeper.stop() == 0
    assert other.stop() == 0


def assigned(worker: Worker) -> int:
    return int(worker.metric("meter_partitions_assigned"))


def both_work(one: Worker, other: Worker) -> bool:
    return one.ready() and other.ready() and assigned(one) > 0 and assigned(other) > 0


def settle_without(meter: Meter, sleeper: Worker) -> None:
    """Everything is folded by whoever is awake."""
    meter.settle(180)
    assert sleeper.alive(), "a worker that is stopped cannot end"


def says_what_happened(log: str) -> bool:
    """Whether it was fenced in the middle of a chunk, or learnt between two that its partitions are another's."""
    return re.search(r"fenced|another owner|uncertain|lost|[1-9][0-9]* gone", log, re.IGNORECASE) is not None
