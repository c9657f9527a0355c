"""Records gone before they were read: the worker names the range and stops; `meter skip` accepts that gap, once."""

import re
import time

import pytest

from tests import records, revisions
from tests.end_to_end.commands import run
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.workers import READY_SECONDS, SHOWN_SECONDS, Meter, Worker
from tests.faults.topics import lose_before
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
WORKSPACE, ACCOUNT = "wksp", "acct"


def now_us() -> int:
    return time.time_ns() // 1000


def reports(first: int, count: int) -> list[Message]:
    """Reports of one call each, all in one partition of `usage`."""
    events = (records.usage(WORKSPACE, "api_calls", 1, now_us(), id=f"{n}") for n in range(first, first + count))
    return [records.usage_message(event) for event in events]


def usage(kafka: Kafka) -> int:
    key = f"{ACCOUNT}/{WORKSPACE}/api_calls/{day_text(billing_day(now_us(), ZONE))}"
    found = revisions.latest(kafka.published("overages")).get(key)
    return int(found["usage"]) if found else 0


def stopped(worker: Worker) -> int:
    """The exit code of a worker that must stop by itself."""
    worker.expected_dead = True
    wait_until("the worker stops by itself", lambda: not worker.alive(), READY_SECONDS, worker.log_tail)
    return worker.process.wait()


def lost(meter: Meter) -> list[tuple[str, int, int, int]]:
    """The ranges told as lost."""
    letters = [letter.value for letter in meter.kafka.published("dead-letters")]
    return [
        (letter["topic"], letter["partition"], letter["offset"], letter["last_offset"])
        for letter in letters
        if letter["reason"] == "records_lost"
    ]


def test_a_gap_stops_the_worker_until_it_is_skipped_by_name(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    kafka = meter.kafka
    worker = meter.start().wait_ready()
    kafka.send([records.binding_message(records.binding(WORKSPACE, ACCOUNT)), *reports(0, 100)])
    wait_until("they are counted", lambda: usage(kafka) == 100, SHOWN_SECONDS, meter.logs)
    meter.settle()
    (partition,) = [place[1] for place, end in kafka.ends(["usage"]).items() if end]
    committed = kafka.committed()[("usage", partition)]
    assert worker.stop() == 0
    kafka.send(reports(100, 50))
    gap_end = committed + 20
    lose_before(kafka, "usage", partition, gap_end)

    worker = meter.start()
    assert stopped(worker) not in (0, None)
    assert (
        f"usage/{partition}: records {committed} to {gap_end - 1} are gone before they were read" in worker.log_text()
    )
    assert f"meter skip usage {partition} {gap_end}" in worker.log_text()

    code, sentence = run(meter, "skip", "usage", str(partition), str(committed + 1_000))
    assert (code, "reading goes on inside the log" in sentence) == (1, True)
    code, sentence = run(meter, "skip", "dead-letters", "0", "0")
    assert (code, "is no input topic" in sentence) == (1, True)
    code, sentence = run(meter, "skip", "usage", str(partition), str(gap_end))
    assert code == 0, sentence
    assert f"records {committed} to {gap_end - 1} (20) count as lost" in sentence
    print(sentence)

    worker = meter.start().wait_ready()
    wait_until("the rest is counted", lambda: usage(kafka) == 130, SHOWN_SECONDS, meter.logs)
    worker.shows("meter_records_lost_total", 20)
    assert lost(meter) == [("usage", partition, committed, gap_end - 1)]
    meter.settle()
    assert worker.stop() == 0
    worker = meter.start().wait_ready()
    worker.shows("meter_records_lost_total", 0)
    assert lost(meter) == [("usage", partition, committed, gap_end - 1)]
    at = kafka.committed()[("usage", partition)]
    code, sentence = run(meter, "skip", "usage", str(partition), str(at))
    assert (code, f"is read up to {at} already" in sentence) == (1, True)
    code, sentence = run(meter, "skip", "usage", str(partition), str(at - 1))
    assert (code, "nothing of usage" in sentence) == (1, True)
    assert worker.stop() == 0


def test_records_that_go_while_the_worker_runs_behind_stop_it_too(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    kafka = meter.kafka
    worker = meter.start().wait_ready()
    kafka.send([records.binding_message(records.binding(WORKSPACE, ACCOUNT)), *reports(0, 10)])
    wait_until("they are counted", lambda: usage(kafka) == 10, SHOWN_SECONDS, meter.logs)
    (partition,) = [place[1] for place, end in kafka.ends(["usage"]).items() if end]
    worker.pause()
    kafka.send(reports(10, 1))  # answers the fetch that is under way, if one is
    assert len(kafka.read("usage")) == 11, "others' fetches are answered after it"
    time.sleep(2)  # and no later one, for the worker is stopped
    kafka.send(reports(11, 9))
    lose_before(kafka, "usage", partition, 15)
    worker.resume()
    assert stopped(worker) not in (0, None)
    gone = rf"usage/{partition}: records 1[01] to 14 are gone before they were read"
    assert re.search(gone, worker.log_text()), worker.log_tail()
