"""Workers killed and stopped while they are fed: whatever the moment, nothing is lost and nothing counts twice."""

import time
from random import Random

import pytest

from tests.faults.load import FULL_PACE, Load, load, moments, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

KILLS = 4
#: So many a second that the load outlasts a stop, also on a busy machine; then the rest follows at once.
PACE = 40


def test_two_workers_killed_again_and_again_under_load_lose_nothing(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    workers = meter.start_ready("ab")
    feeding = Load(meter.kafka, load(seed, meter.settings).steps, pace=500)
    began = time.monotonic()
    for moment in moments(rng, KILLS, 0.5, 6.0):
        time.sleep(max(0.0, began + moment - time.monotonic()))
        number = rng.randrange(2)
        workers[number].must_live()
        workers[number].kill()
        workers[number] = meter.start(workers[number].name)
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)


def test_a_worker_asked_to_stop_under_load_ends_well_in_time_and_leaves_nothing_behind(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, load(seed, meter.settings).steps, batch=20, pace=PACE)
    time.sleep(rng.uniform(0.5, 4.0))
    assert worker.stop() == 0
    assert "stopped as asked" in worker.log_text()
    assert feeding.running, "it was to be stopped under load"
    feeding.pace = FULL_PACE
    meter.start()
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
