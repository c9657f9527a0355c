"""A flood of bad records in one workspace topic: others go on, nothing is dropped silently, redrive reads all of it."""

import os
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from agents.intake.letter_allowance import LETTERS_A_SECOND, LETTERS_AT_ONCE
from meter.rules.outputs.shared_letters import SUMMED_RECORDS
from tests.end_to_end.commands import run
from tests.end_to_end.kafka import QUIET, TOLD_SECONDS, wait_until
from tests.end_to_end.test_own_topics import bind, make_topic, reported, usage_of
from tests.end_to_end.workers import SHOWN_SECONDS, Meter
from tests.meters import StartMeter
from tests.oracle_check import dead_places
from tests.oracle_reading import Settings
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
#: Empty records; METER_TEST_FLOOD=1000000 is the size that docs/guarantees.md names.
FLOOD = int(os.environ.get("METER_TEST_FLOOD") or 300_000)
#: SPEC section 8: usage elsewhere is delayed by at most so much, beside what it takes without the flood, which on a
#: busy machine is now and then so many times as much.
DELAY_SECONDS, BUSY = 3.0, 3.0
#: For the flood to be handled on a busy machine.
FLOOD_SECONDS = 300.0


@pytest.fixture
def meter(new_meter: StartMeter) -> Iterator[Meter]:
    meter = new_meter(Settings(ZONE))
    meter.start().wait_ready()
    yield meter
    assert meter.workers[-1].stop() == 0


class Calm:
    """Reports of a workspace that sends nothing bad, one after the other."""

    def __init__(self, meter: Meter) -> None:
        self.meter, self.number = meter, 0

    def report(self) -> float:
        """Sends one; after how many seconds it counts."""
        kafka, sent = self.meter.kafka, time.monotonic()
        kafka.send([reported("calm", self.number)])
        self.number += 1
        wait_until("it counts", lambda: usage_of(kafka, "calm") == self.number, SHOWN_SECONDS, self.meter.logs)
        return time.monotonic() - sent


def flood(meter: Meter, workspace: str) -> None:
    """Sends the flood, acknowledged."""
    producer = Producer(
        {
            "bootstrap.servers": meter.kafka.bootstrap,
            **QUIET,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 20,
            "compression.type": "zstd",
            "batch.num.messages": 50_000,
            "queue.buffering.max.messages": 2_000_000,
        }
    )
    topic = f"{meter.kafka.prefix}usage.{workspace}"
    for number in range(FLOOD):
        producer.produce(topic, b"")
        if number % 50_000 == 0:
            producer.poll(0)
    assert producer.flush(TOLD_SECONDS) == 0


def test_a_flood_of_bad_records_delays_nobody_and_is_reported_to_the_last_record(meter: Meter) -> None:
    (worker,), kafka = meter.workers, meter.kafka
    bind(kafka, "flood", "calm")
    for workspace in ("flood", "calm"):
        make_topic(kafka, workspace)
    calm = Calm(meter)
    quiet = [calm.report() for _ in range(6)][1:]  # the first waits for its topic to be found
    sending = time.monotonic()
    flood(meter, "flood")
    began, delays = time.monotonic(), [0.0]
    while kafka.lag(["usage.flood"]):
        delays.append(calm.report())
        assert time.monotonic() - began < FLOOD_SECONDS, meter.logs()
    took, seconds = time.monotonic() - began, 60 + time.monotonic() - sending
    quiet += [calm.report() for _ in range(5)]
    print(f"{FLOOD:,} bad records in {took:.1f} s; reports elsewhere took {max(delays):.2f} s, else {max(quiet):.2f} s")
    assert max(delays) < BUSY * max(quiet) + DELAY_SECONDS
    meter.settle()
    letters = [record.value for record in kafka.published("dead-letters")]
    found = Counter(place for letter in letters for place, _ in dead_places(letter))
    assert len(found) == FLOOD and set(found.values()) == {1}, "each record is told once"
    assert len(letters) < LETTERS_AT_ONCE + seconds * LETTERS_A_SECOND + 2 * FLOOD / SUMMED_RECORDS + seconds * 4
    worker.shows("meter_records_total", FLOOD + 2 + calm.number)


def test_redrive_reads_the_records_that_a_letter_sums_up_and_sends_each_content_once(meter: Meter) -> None:
    kafka = meter.kafka
    make_topic(kafka, "late")
    events = LETTERS_AT_ONCE + 2_000
    messages = [reported("late", number) for number in range(events)]
    kafka.send(messages + [messages[0]] * 50, batch=10_000)
    meter.settle()  # which waits until the letters are readable
    letters = [record.value for record in kafka.published("dead-letters")]
    assert sum(letter.get("records", 1) for letter in letters) == events + 50
    assert len(letters) < events
    bind(kafka, "late")
    code, found = run(meter, "redrive", "--send")
    assert (code, f"{events:,} records sent again" in found) == (0, True), found
    meter.settle()
    assert usage_of(kafka, "late") == events
    code, found = run(meter, "redrive", "--send")
    assert (code, "nothing to send" in found) == (0, True), found
