"""`meter verify` on a real Kafka: beside a worker that is fed, when all is quiet, and when somebody writes a figure."""

import json
import os
import time
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from tests import revisions
from tests.end_to_end.commands import ended, environment
from tests.end_to_end.kafka import Kafka
from tests.end_to_end.sending import Sending
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.scenarios import midnight_zone, scenario

pytestmark = pytest.mark.e2e

SEED = int(os.environ.get("METER_TEST_SEED") or time.time_ns() % 1_000_000)
PARTITIONS = 4
VERIFY_SECONDS = 120


def verify(meter: Meter, *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines of `meter verify` with the data directory of worker a."""
    code, found, complaints = ended(["verify", *arguments], environment(meter, "a"), VERIFY_SECONDS)
    return code, [*found.splitlines(), *complaints.splitlines()]


def test_a_foreign_figure_is_reported_to_the_unit(new_meter: StartMeter) -> None:
    print(f"scenario of seed {SEED}: METER_TEST_SEED={SEED} repeats it")
    now_us = time.time_ns() // 1000
    meter = new_meter(Settings(midnight_zone(now_us, 240)))
    worker = meter.start().wait_ready()
    worker.shows("meter_verify_differences", -1)
    steps = scenario(SEED, now_us=now_us, zone=meter.settings.zone, accounts=10, events=3_000).steps
    meter.kafka.send(steps[0])
    meter.kafka.send(steps[1])
    sending = Sending(meter.kafka, [message for step in steps[2:] for message in step])
    code, lines = verify(meter)
    sending.join()
    assert (code, ", 0 differences" in lines[-1]) == (0, True), lines

    meter.settle()
    prediction = meter.predict()
    code, lines = verify(meter, "--json")
    result = json.loads(lines[-1])
    assert (code, len(lines), result["differences"], result["notes"]) == (0, 1, 0, []), lines
    assert result["figures"] == len(prediction.figures)
    assert result["orders"] == len(prediction.outcomes)
    worker.shows("meter_verify_differences", 0)

    forged = forge(meter.kafka)
    key = "/".join(forged[name] for name in ("account", "workspace", "item", "day"))
    code, lines = verify(meter)
    at = f"revision {forged['revision']}"
    usage, over = forged["usage"], forged["overage"]
    assert code == 1
    assert lines[:-1] == [
        f"overages {key}: usage {usage:,}, recounted {usage - 1:,} (+1), {at}",
        f"overages {key}: overage {over:,}, recounted {over - 1:,} (+1), {at}",
    ]
    assert ", 2 differences, in " in lines[-1]
    worker.shows("meter_verify_differences", 2)
    assert verify(meter, "--account", forged["account"], "--day", forged["day"])[0] == 1
    assert verify(meter, "--account", forged["account"], "--day", "2020-01-01")[0] == 0
    assert worker.metric("meter_verify_differences") == 2, "only whole runs are kept"
    assert worker.stop() == 0

    partition = (revisions.murmur2(forged["account"].encode()) & 0x7FFFFFFF) % PARTITIONS
    lose_the_beginning(meter.kafka, partition)
    code, lines = verify(meter)
    assert lines[0].startswith(f"{meter.kafka.prefix}meter.journal/{partition} begins at offset 2: days from "), lines
    assert (code, ", 0 differences, in " in lines[-1]) == (0, True), "no day of it is whole"


def forge(kafka: Kafka) -> dict[str, Any]:
    """One unit more in the figure of a key that has a journal record to spare for it, by a foreign producer."""
    ends = {partition: end for (_, partition), end in kafka.ends(["meter.journal"]).items()}
    latest = revisions.latest(kafka.published("overages"))
    for key, value in sorted(latest.items()):
        partition = (revisions.murmur2(value["account"].encode()) & 0x7FFFFFFF) % PARTITIONS
        more = value["revision"] + 1
        if value["basis"] == "package" and value["overage"] > 0 and more < ends[partition]:
            forged = {**value, "usage": value["usage"] + 1, "overage": value["overage"] + 1, "delta": 1}
            forged |= {"revision": more, "previous_revision": value["revision"]}
            kafka.producer.produce(f"{kafka.prefix}overages", json.dumps(forged), key=key, partition=partition)
            assert kafka.producer.flush(30) == 0
            return forged
    raise AssertionError("no key of a plan is over; take another seed")


def lose_the_beginning(kafka: Kafka, partition: int) -> None:
    """What retention does to the journal, after a long time."""
    place = TopicPartition(f"{kafka.prefix}meter.journal", partition, 2)
    for done in kafka.admin.delete_records([place]).values():
        done.result(30)


def test_without_a_meter_it_says_so(bootstrap: str, new_meter: StartMeter) -> None:
    meter = new_meter(Settings())
    code, lines = verify(meter)
    assert code == 1
    assert "METER_TOPIC_PREFIX" in lines[-1], lines
