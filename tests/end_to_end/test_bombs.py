"""A producer whose kilobytes unpack to hundreds of megabytes harms nobody: under 1 GB of memory, on a real Kafka."""

import asyncio
import hashlib
import json
import os
import resource
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from tests import records, revisions
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.test_own_topics import bind, make_topic
from tests.end_to_end.test_unreadable_records import produce
from tests.end_to_end.workers import Meter, Worker
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.scenarios import midnight_zone
from tests.support.bombs import MB, bomb

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
ACCOUNT = "acct"
#: What the worker may take, and within what time a neighbour's usage is published, beside so many times what it takes
#: without bombs on a busy machine.
LIMIT_BYTES, NEIGHBOUR_SECONDS, BUSY = 1 << 30, 10.0, 3.0
#: Megabytes of zeros of each bomb in the workspace topic. One of 900 took 1.9 GB; thirty of 300 took 10.9 GB, and the
#: group had no heartbeat for 28 s. METER_TEST_BOMBS=30 tries as many.
BOMBS = [900, *[300] * int(os.environ.get("METER_TEST_BOMBS", "4"))]


def now_us() -> int:
    return time.time_ns() // 1000


def event(workspace: str, name: str) -> bytes:
    return records.json_bytes(records.usage(workspace, "sms", 1, now_us(), id=name))


def usage_of(meter: Meter, workspace: str) -> int:
    key = f"{ACCOUNT}/{workspace}/sms/{day_text(billing_day(now_us(), ZONE))}"
    found = revisions.latest(meter.kafka.published("overages")).get(key)
    return int(found["usage"]) if found else 0


def peak_bytes(worker: Worker) -> int:
    """The most memory that a process had at any moment."""
    (line,) = [each for each in Path(f"/proc/{worker.process.pid}/status").read_text().splitlines() if "VmHWM" in each]
    return int(line.split()[1]) << 10


def limited(worker: Worker) -> Worker:
    """A worker that gets no more memory than that, whatever it asks for."""
    resource.prlimit(worker.process.pid, resource.RLIMIT_DATA, (LIMIT_BYTES, LIMIT_BYTES))
    return worker


class Neighbour:
    """Sends one event after the other and waits until it is published; `longest`: how long that took at most, `quiet`:
    how long before the first bomb and, when it is done, after the last one.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.longest, self.sent = 0.0, 0
        self.quiet = max(self._report() for _ in range(3))
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._done.is_set():
            self.longest = max(self.longest, self._report())

    def _report(self) -> float:
        value = event("neighbour", f"n-{self.sent}")
        self.meter.kafka.send([records.usage_message(json.loads(value))])
        self.sent += 1
        began = time.monotonic()
        while usage_of(self.meter, "neighbour") < self.sent and time.monotonic() - began < 120:
            time.sleep(0.2)
        return time.monotonic() - began

    def done(self) -> None:
        self._done.set()
        self._thread.join()
        self.quiet = max(self.quiet, *(self._report() for _ in range(3)))


@pytest.fixture
def meter(new_meter: StartMeter) -> Meter:
    meter = new_meter(Settings(ZONE))
    limited(meter.start()).wait_ready()
    bind(meter.kafka, "bomber", "neighbour")
    make_topic(meter.kafka, "bomber")
    return meter


def letters_of(meter: Meter, topic: str) -> list[Any]:
    found = [record.value for record in meter.kafka.published("dead-letters")]
    return sorted((each for each in found if each["topic"] == topic), key=lambda each: int(each["offset"]))


def test_bombs_are_reported_their_neighbours_count_and_others_go_on_under_a_gigabyte(meter: Meter) -> None:
    (worker,), kafka = meter.workers, meter.kafka
    topics = {"usage.bomber": BOMBS, "usage": [300]}
    neighbour = Neighbour(meter)
    try:
        for topic, sizes in topics.items():
            for number, size in enumerate(sizes):
                before, after = (event("bomber", f"{topic}-{number}-{side}") for side in "ab")
                packed = bomb(size, before, after, now_us() // 1000)
                asyncio.run(produce(kafka.bootstrap, kafka.prefix + topic, packed))
        for topic, sizes in topics.items():
            wait_until(
                f"the bombs of {topic} are told",
                lambda topic=topic, sizes=sizes: len(letters_of(meter, topic)) >= len(sizes),  # type: ignore[misc]
                240,
                meter.logs,
            )
    finally:
        neighbour.done()
    meter.settle()
    waited = f"a neighbour waited {neighbour.longest:.1f} s at most, {neighbour.quiet:.1f} s else"
    print(f"peak {peak_bytes(worker) / MB:.0f} MB, {waited}")
    for topic, sizes in topics.items():
        letters = letters_of(meter, topic)
        assert [each["reason"] for each in letters] == ["too_large"] * len(sizes)
        assert [each["length"] for each in letters] == [size * MB for size in sizes]
        assert {each["sha256"] for each in letters if each["length"] == 300 * MB} == {zeros_digest(300)}
    assert usage_of(meter, "bomber") == 2 * (len(BOMBS) + 1), "the good ones of each batch count"
    assert usage_of(meter, "neighbour") == neighbour.sent > 0
    assert neighbour.longest < NEIGHBOUR_SECONDS + BUSY * neighbour.quiet
    assert peak_bytes(worker) < LIMIT_BYTES
    assert worker.stop() == 0
    again = limited(meter.start()).wait_ready()  # it reads the last record that was read again, for its mark
    kafka.send([records.usage_message(records.usage("bomber", "sms", 1, now_us(), id="again"))])
    meter.settle()
    assert usage_of(meter, "bomber") == 2 * (len(BOMBS) + 1) + 1
    assert again.stop() == 0


def zeros_digest(megabytes: int) -> str:
    digest, piece = hashlib.sha256(), bytes(MB)
    for _ in range(megabytes):
        digest.update(piece)
    return digest.hexdigest()
