"""The broker itself: killed and started again under load, silent past every session, away when a worker starts."""

import subprocess
import time
from functools import partial
from math import isnan
from random import Random

import pytest

from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Worker
from tests.faults.brokers import Broker
from tests.faults.load import Load, load, settings
from tests.faults.verdict import ZERO_LAG_SECONDS, back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

KILLS = 2
EVENTS = 1_500
#: Longer than a group's session (8 s) and than the time-out of a commit's requests (10 s).
SILENCE_SECONDS = 13.0
#: A session (8 s), and a busy machine.
NOT_READY_SECONDS = 60.0
#: A worker that nobody answers says so within this, its start on a busy machine included.
GIVE_UP_SECONDS = 150.0


def test_a_broker_killed_under_load_and_started_again_costs_nothing(
    broker: Broker, broker_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = broker_meter(settings())
    workers = meter.start_ready("ab")
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, pace=200)
    for _ in range(KILLS):
        time.sleep(rng.uniform(0.5, 3.0))
        broker.kill()
        time.sleep(rng.uniform(0.0, 2.0))
        broker.start()
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    for worker in workers:
        assert worker.wait_ready(ZERO_LAG_SECONDS).stop() == 0


def test_a_broker_silent_past_every_session_is_waited_for(
    broker: Broker, broker_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = broker_meter(settings())
    worker = meter.start().wait_ready()
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, pace=200)
    time.sleep(rng.uniform(1.0, 3.0))
    broker.pause()
    try:
        time.sleep(SILENCE_SECONDS)
        wait_until("it is not ready", lambda: worker.get("/ready")[0] == 503, NOT_READY_SECONDS, meter.logs)
    finally:
        broker.resume()
    feeding.join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert worker.wait_ready(ZERO_LAG_SECONDS).stop() == 0


def test_an_idle_worker_is_not_ready_while_its_broker_is_away_and_says_why(
    broker: Broker, broker_meter: StartMeter
) -> None:
    meter = broker_meter(settings())
    worker = meter.start().wait_ready()
    broker.kill()
    try:
        # A partition that is taken anew when the broker goes is told first, if that is so; its group's silence, always.
        wait_until("it is not ready", lambda: worker.get("/ready")[0] == 503, NOT_READY_SECONDS, meter.logs)
        wait_until("it says why", lambda: unheard(worker), NOT_READY_SECONDS, meter.logs)
        wait_until("its lag is unknown", lambda: lags(worker) == [True, True], NOT_READY_SECONDS, meter.logs)
        worker.shows("meter_ready", 0)
        age = partial(worker.metric, "meter_freshness_seconds")
        wait_until("it gets older", lambda: age() > 10, NOT_READY_SECONDS, meter.logs)
        wait_until("it lives", lambda: worker.get("/live")[0] == 200, NOT_READY_SECONDS, meter.logs)
    finally:
        broker.start()
    worker.wait_ready(ZERO_LAG_SECONDS)
    wait_until("it is fresh", lambda: worker.metric("meter_freshness_seconds") == 0, ZERO_LAG_SECONDS, meter.logs)
    wait_until("its lag is known", lambda: lags(worker) == [False, False], NOT_READY_SECONDS, meter.logs)
    assert worker.stop() == 0


def test_a_worker_that_starts_without_a_broker_says_so_and_ends(broker: Broker, broker_meter: StartMeter) -> None:
    meter = broker_meter(settings())
    broker.pause()
    try:
        assert_gives_up(meter.start("silent"))
    finally:
        broker.resume()
    broker.kill()
    try:
        assert_gives_up(meter.start("dead"))
    finally:
        broker.start()
    assert meter.start("dead").wait_ready().stop() == 0


def assert_gives_up(worker: Worker) -> None:
    worker.expected_dead = True
    try:
        code = worker.process.wait(GIVE_UP_SECONDS)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"without a broker it goes on in silence:\n{worker.log_tail()}") from None
    assert code > 0
    assert "no Kafka answers at" in worker.log_text()


def test_a_broker_killed_while_workers_start_leaves_them_ready_or_ended_with_the_reason(
    broker: Broker, broker_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = broker_meter(settings())
    workers = [meter.start(name) for name in "ab"]
    time.sleep(rng.uniform(0.8, 4.0))
    broker.kill()
    time.sleep(rng.uniform(0.0, 2.0))
    broker.start()
    wait_until("both are ready, or ended", lambda: all(map(ready_or_ended, workers)), GIVE_UP_SECONDS, meter.logs)
    for number, worker in enumerate(workers):
        if not worker.alive():
            assert worker.process.wait() > 0
            assert "meter.worker: " in worker.log_tail(), worker.log_tail()
            workers[number] = meter.start(worker.name).wait_ready()
    feeding = Load(meter.kafka, load(seed, meter.settings, events=500).steps).join()
    back_to_zero_lag(meter)
    judged(meter, feeding)
    assert [worker.stop() for worker in workers] == [0, 0]


def ready_or_ended(worker: Worker) -> bool:
    worker.expected_dead = True
    return not worker.alive() or worker.get("/ready")[0] == 200


def unheard(worker: Worker) -> bool:
    status, why = worker.get("/ready")
    return status == 503 and "has not heard of its group for" in why


def lags(worker: Worker) -> list[bool]:
    """Of both lags whether they are unknown."""
    return [isnan(worker.metric(f"meter_{kind}_lag_records")) for kind in ("source", "journal")]
