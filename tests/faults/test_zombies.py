"""Workers that sleep past their session in the middle of what they do, and wake when another has taken over."""

import re
import time
from random import Random

import pytest

from tests.end_to_end.kafka import INPUTS, wait_until
from tests.end_to_end.workers import Worker
from tests.faults.load import Load, load, settings
from tests.faults.verdict import ZERO_LAG_SECONDS, back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SLEEPS = 3
PARTITIONS = 4
#: After a worker falls silent its partitions are read again within 20 s (SPEC section 10); the rest is a busy machine.
TAKEN_OVER_SECONDS = 90.0
#: So many a second that the load outlasts the sleeps, also on a busy machine; then the rest follows at once.
EVENTS, PACE = 5_000, 20


def test_workers_that_wake_as_zombies_again_and_again_change_no_figure(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    workers = meter.start_ready("ab")
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, batch=20, pace=PACE)
    inputs = sum(len(meter.kafka.partitions(topic)) for topic in INPUTS)
    for turn in range(SLEEPS):
        sleeper, other = workers[turn % 2], workers[1 - turn % 2]
        wait_until("both have a share", lambda: both_work(workers), TAKEN_OVER_SECONDS, meter.logs)
        time.sleep(rng.uniform(0.0, 1.0))
        logged = len(sleeper.log_text())
        sleeper.pause()
        try:
            wait_until("the other has it all", lambda: has_all(other, inputs), TAKEN_OVER_SECONDS, meter.logs)  # noqa: B023 # waits here
        finally:
            sleeper.resume()
        wait_until(
            "the sleeper noticed on both sides",
            lambda: notices(sleeper, logged) == {"meter", "meter-intake"},  # noqa: B023 # waits here
            TAKEN_OVER_SECONDS,
            meter.logs,
        )
    assert feeding.running, "all of it under load"
    feeding.pace = 1e9
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert [worker.wait_ready(ZERO_LAG_SECONDS).stop() for worker in workers] == [0, 0]


def both_work(workers: list[Worker]) -> bool:
    return all(worker.ready() and worker.metric("meter_partitions_assigned") > 0 for worker in workers)


def shares(said: str, group: str) -> list[int]:
    """How many partitions a worker says that a group gave it, time after time."""
    return [int(count) for count in re.findall(rf"\.{group}: (\d+) partitions assigned", said)]


def has_all(worker: Worker, inputs: int) -> bool:
    """Of both groups: each notices by itself that the other worker is silent, and takes it back if it wakes before."""
    mine = worker.metric("meter_partitions_assigned")
    return worker.ready() and mine == PARTITIONS and shares(worker.log_text(), "meter-intake")[-1:] == [inputs]


def notices(worker: Worker, said: int) -> set[str]:
    """The groups in which a worker was given a new share since."""
    return {group for group in ("meter", "meter-intake") if shares(worker.log_text()[said:], group)}
