"""The journal or the changelog deleted, made again or grown under a running worker: it stops for good."""

import pytest

from tests.end_to_end.kafka import JOURNAL
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import refused, start_refused
from tests.faults.test_state_topics import CHANGELOG, COMPACT, JOURNAL_KEPT, PARTITIONS, fed
from tests.faults.topics import create, delete, grow
from tests.faults.verdict import back_to_zero_lag
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


@pytest.mark.parametrize("topic", [JOURNAL, CHANGELOG])
@pytest.mark.parametrize("again", [False, True], ids=["deleted", "made again"])
def test_a_running_worker_whose_state_goes_stops_with_the_reason(
    new_meter: StartMeter, seed: int, topic: str, again: bool
) -> None:
    meter = new_meter(settings())
    steps = slices(load(seed, meter.settings, events=600).steps, 2)
    worker = meter.start().wait_ready()
    Load(meter.kafka, steps[0]).join()
    back_to_zero_lag(meter)
    delete(meter.kafka, topic)
    if again:
        create(meter.kafka, topic, PARTITIONS, **(JOURNAL_KEPT if topic == JOURNAL else COMPACT))
    Load(meter.kafka, steps[1]).join()
    print(refused(worker, topic))
    start_refused(meter, topic)
    start_refused(meter, topic, name="without-a-store")


@pytest.mark.parametrize("topic", [JOURNAL, CHANGELOG])
def test_more_partitions_of_the_state_are_refused_by_their_number(new_meter: StartMeter, seed: int, topic: str) -> None:
    meter, *_ = fed(new_meter, seed, events=100)
    worker = meter.start().wait_ready()
    grow(meter.kafka, topic, PARTITIONS + 1)
    refused(worker, f"{topic} must have {PARTITIONS} partitions, it has {PARTITIONS + 1}")
    start_refused(meter, f"{topic} must have {PARTITIONS} partitions, it has {PARTITIONS + 1}")
