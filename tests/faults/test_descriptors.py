"""Few file descriptors: too few are refused before anything is touched, just enough are enough, visitors take none."""

import socket
from contextlib import ExitStack

import pytest

from meter.machine.capacity import WEB_CONNECTIONS, descriptors_needed
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter, Worker
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import refused, stores
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

PARTITIONS = 32
NEEDED = descriptors_needed(PARTITIONS, 1)
#: More idle connections than the worker has descriptors left.
IDLE = 300


def start(meter: Meter, limit: int, partitions: int = PARTITIONS) -> Worker:
    return meter.start("a", "tests.faults.worker", OPEN_FILES=str(limit), METER_PARTITIONS=str(partitions))


def live(worker: Worker) -> bool:
    return worker.get("/live") == (200, "live\n")


def test_few_descriptors_are_refused_with_the_numbers_and_cost_no_store(new_meter: StartMeter, seed: int) -> None:
    meter = new_meter(settings(), METER_PARTITIONS=str(PARTITIONS))
    parts = slices(load(seed, meter.settings, events=1_500).steps, 2)
    worker = start(meter, NEEDED).wait_ready()
    feeding = Load(meter.kafka, parts[0]).join()
    back_to_zero_lag(meter)
    assert len(stores(meter)) == PARTITIONS
    assert worker.stop() == 0
    for limit, partitions in ((180, PARTITIONS), (215, PARTITIONS), (256, PARTITIONS), (256, 2 * PARTITIONS)):
        refused(
            start(meter, limit, partitions), f"needs {descriptors_needed(partitions, 1)} file", f"may have {limit};"
        )
    worker = start(meter, NEEDED).wait_ready()
    with ExitStack() as idle:
        for _ in range(IDLE):
            idle.enter_context(socket.create_connection(("127.0.0.1", worker.port)))
        wait_until("it lives and is ready beside idle visitors", lambda: live(worker) and worker.ready(), 60)
        feeding = Load(meter.kafka, parts[1], before=feeding).join()
        back_to_zero_lag(meter)
        wait_until("it lives on beside them", lambda: live(worker), 60)
        wait_until("it says how many files are open", lambda: worker.metric("process_open_fds") > 0, 60)
        open_files = worker.metric("process_open_fds")
    assert 0 < open_files <= NEEDED
    assert WEB_CONNECTIONS < IDLE
    judged(meter, feeding)
    assert "moving it aside" not in meter.logs()
    assert worker.stop() == 0
