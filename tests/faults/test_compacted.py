"""A shared topic that was compacted while no worker ran, and set back: what is missing is named, not passed over."""

import time

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter, Worker
from tests.faults.spoiling import refused
from tests.faults.topics import set_config
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
SENT = 20
#: The broker's cleaner looks every 15 s; the rest is a busy machine.
CLEANED_SECONDS = 150.0


def reported(number: int) -> Message:
    """A report of one call, all with one key."""
    return records.usage_message(records.usage("w", "api_calls", 1, time.time_ns() // 1000, id=f"{number}"))


def goes_on(meter: Meter, worker: Worker) -> bool:
    """Waits until a worker has read everything, or has stopped at a gap; whether it goes on."""
    worker.expected_dead = True
    wait_until(
        "all is read, or it stops",
        lambda: not worker.alive() or not meter.kafka.lag(meter.inputs()),
        READY_SECONDS,
        meter.logs,
    )
    return worker.alive()


def test_records_that_compaction_took_are_refused_by_their_range_and_skipped_by_name(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    kafka = meter.kafka
    worker = meter.start().wait_ready()
    kafka.send([records.binding_message(records.binding("w", "acct")), reported(0)])
    meter.settle()
    assert worker.stop() == 0
    wanted = {"segment.ms": "1", "min.cleanable.dirty.ratio": "0.0", "cleanup.policy": "compact"}
    for name, value in wanted.items():
        set_config(kafka, "usage", name, value)
    for number in range(1, SENT + 1):
        kafka.send([reported(number)])  # each in a batch, and a segment, of its own
    (partition,) = {record.partition() for record in kafka.read("usage")}
    wait_until("it is compacted", lambda: len(kafka.read("usage")) < SENT, CLEANED_SECONDS)
    set_config(kafka, "usage", "cleanup.policy", "delete")
    left = [record.offset() or 0 for record in kafka.read("usage")]
    worker = meter.start()
    while not goes_on(meter, worker):  # gap after gap, each by its name
        reason = refused(worker, "the topic was compacted before they were read", f"meter skip usage {partition} ")
        print(reason)
        skip_to = int(reason.split("`")[1].split()[-1])
        assert skip_to in left, "it names the next record that is left"
        code, sentence = run(meter, "skip", "usage", str(partition), str(skip_to))
        assert code == 0, sentence
        worker = meter.start()
    meter.settle()
    counted = {each.value["usage"] for each in kafka.published("overages")}
    lost = [each.value for each in kafka.published("dead-letters") if each.value["reason"] == "records_lost"]
    missing = sum(letter["last_offset"] - letter["offset"] + 1 for letter in lost)
    assert max(counted) + missing == SENT + 1, "what did not count is told as lost"
    assert worker.stop() == 0
