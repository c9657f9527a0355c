"""A storm of rebalances: two workers that come and go, asked or killed, thirty times while they are fed."""

import re
import time
from random import Random

import pytest

from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter, Worker
from tests.faults.busy import busy
from tests.faults.load import Load, load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

#: Each is a worker that leaves and one that comes.
TURNS = 15
#: A newcomer gets so long to join before the next turn, on a quiet machine; one that waits for a dead member's session
#: may not make it.
JOIN_SECONDS = 3.0
#: So many a second that the storm is over before the load is, also on a busy machine; then the rest follows at once.
EVENTS, PACE = 4_000, 10


def test_two_workers_that_come_and_go_thirty_times_under_load_change_no_figure(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    workers = dict(zip("ab", meter.start_ready("ab"), strict=True))
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, batch=10, pace=PACE)
    killed = 0
    for _ in range(TURNS):
        name = rng.choice("ab")
        if rng.random() < 0.5:
            workers[name].kill()
            killed += 1
        else:
            assert workers[name].stop() == 0
        logged = len(workers[name].log_text())
        workers[name] = meter.start(name)
        until_joined(workers[name], logged)
    print(f"{killed} killed, {TURNS - killed} stopped, {generations(meter)} generations of the meter's group")
    assert feeding.running, "all of it under load"
    feeding.pace = 1e9
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert generations(meter) > TURNS // 2  # one that comes before a dead one is missed makes one generation with it
    assert [worker.wait_ready().stop() for worker in workers.values()] == [0, 0]


def until_joined(worker: Worker, said: int) -> None:
    """Waits until it is about to join, and then a little until the group gave it a share."""
    wait_until("it joins", lambda: "joining the groups" in worker.log_text()[said:], READY_SECONDS, worker.log_tail)
    deadline = time.monotonic() + JOIN_SECONDS * busy()
    while "partitions assigned" not in worker.log_text()[said:] and time.monotonic() < deadline:
        worker.must_live()
        time.sleep(0.05)


def generations(meter: Meter) -> int:
    """How often the meter's group was formed anew, as far as anybody heard."""
    found = re.compile(rf"{re.escape(meter.kafka.prefix)}meter: \d+ partitions assigned \(generation (\d+)\)")
    return max(int(number) for worker in meter.workers for number in found.findall(worker.log_text()))
