"""Workspace topics: found while the meter runs, counted like the shared one, set aside one by one."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined] # exported all the same

from tests import records, revisions
from tests.end_to_end.commands import run
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.workers import Meter
from tests.faults.load import FULL_PACE, Load
from tests.faults.topics import lose_before
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text, time_text
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
ACCOUNT = "acct"
#: SPEC section 8 promises 10 s; the rest is a busy machine, on which a group is balanced again and usage counted.
PICKED_UP_SECONDS = 60.0
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}


@pytest.fixture
def meter(new_meter: StartMeter) -> Iterator[Meter]:
    meter = new_meter(Settings(ZONE))
    yield meter
    for worker in meter.workers:
        assert not worker.alive() or worker.stop() == 0


def now_us() -> int:
    return time.time_ns() // 1000


def make_topic(kafka: Kafka, workspace: str, **config: str) -> None:
    """Creates a workspace topic, of one partition, and waits until it is there."""
    name = f"{kafka.prefix}usage.{workspace}"
    # confluent-kafka's types leave out what its own documentation passes.
    kafka.admin.create_topics([NewTopic(name, 1, 1, config={**APPEND_TIME, **config})])[name].result()
    wait_until(f"{name} is there", lambda: bool(kafka.partitions(f"usage.{workspace}")), 30)


def delete_topic(kafka: Kafka, workspace: str) -> None:
    name = f"{kafka.prefix}usage.{workspace}"
    kafka.admin.delete_topics([name])[name].result()
    wait_until(f"{name} is gone", lambda: not kafka.partitions(f"usage.{workspace}"), 30)


def reported(workspace: str, number: int, **rest: Any) -> Message:
    """A report of one call on the workspace topic."""
    event = {**records.usage(workspace, "api_calls", 1, now_us(), id=f"{workspace}-{number}"), **rest}
    return Message(f"usage.{workspace}", workspace, records.json_bytes(event))


def bind(kafka: Kafka, *workspaces: str) -> None:
    kafka.send([records.binding_message(records.binding(workspace, ACCOUNT)) for workspace in workspaces])


def usage_of(kafka: Kafka, workspace: str) -> int:
    """The usage of the workspace today as last published."""
    key = f"{ACCOUNT}/{workspace}/api_calls/{day_text(billing_day(now_us(), ZONE))}"
    found = revisions.latest(kafka.published("overages")).get(key)
    return int(found["usage"]) if found else 0


def binary_of(message: Message) -> Message:
    """The same event in binary mode."""
    event = records.parsed(message)
    headers = [(f"ce_{name}", part.encode()) for name, part in event.items() if name != "data"]
    return Message(message.topic, message.key, records.json_bytes(event["data"]), tuple(headers))


def test_a_topic_made_while_the_meter_runs_is_picked_up_in_ten_seconds(meter: Meter) -> None:
    meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "early", "late")
    make_topic(kafka, "late")
    began = time.monotonic()
    kafka.send([reported("late", number) for number in range(100)])
    wait_until("it is counted", lambda: usage_of(kafka, "late") == 100, PICKED_UP_SECONDS, meter.logs)
    print(f"picked up, counted and published after {time.monotonic() - began:.1f} s")
    same = reported("late", 7)
    shared = Message("usage", "late", same.value)
    bad = [reported("late", 200, subject="early"), reported("late", 201, type="usage.corrected")]
    kafka.send([same, shared, *bad, binary_of(reported("late", 300)), reported("late", 301, subject=None)])
    meter.settle()
    assert usage_of(kafka, "late") == 102
    judge(meter)


def test_a_deleted_topic_holds_up_no_other_and_a_new_one_of_its_name_is_read(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "goes", "stays")
    for workspace in ("goes", "stays"):
        make_topic(kafka, workspace)
        kafka.send([reported(workspace, number) for number in range(10)])
    wait_until(
        "both are counted",
        lambda: usage_of(kafka, "goes") + usage_of(kafka, "stays") == 20,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    delete_topic(kafka, "goes")
    kafka.send([reported("stays", number) for number in range(10, 20)])
    wait_until("the other goes on", lambda: usage_of(kafka, "stays") == 20, PICKED_UP_SECONDS, meter.logs)
    wait_until("it is let go", lambda: "stopped reading" in worker.log_text(), PICKED_UP_SECONDS, meter.logs)
    make_topic(kafka, "goes")
    kafka.send([reported("goes", number) for number in range(5, 15)])
    wait_until("the new one is counted", lambda: usage_of(kafka, "goes") == 15, PICKED_UP_SECONDS, meter.logs)
    worker.wait_ready()


def test_a_topic_made_again_while_the_meter_was_down_is_set_aside_alone(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "again", "stays")
    for workspace in ("again", "stays"):
        make_topic(kafka, workspace, **{"retention.ms": "-1"})
        kafka.send([reported(workspace, number) for number in range(10)])
    wait_until(
        "both are counted",
        lambda: usage_of(kafka, "again") + usage_of(kafka, "stays") == 20,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    meter.settle()
    committed = kafka.committed()[("usage.again", 0)]
    assert worker.stop() == 0
    gone_before(kafka, "again", committed + 5, [reported("again", number) for number in range(10, 20)])
    worker = meter.start().wait_ready()
    kafka.send([reported("stays", number) for number in range(10, 20)])
    wait_until("the other goes on", lambda: usage_of(kafka, "stays") == 20, PICKED_UP_SECONDS, meter.logs)
    wait_until("it is told", lambda: aside(meter), PICKED_UP_SECONDS, meter.logs)
    said = ("usage.again/0 is set aside", f"records {committed} to {committed + 4} are gone")
    wait_until("it says why", lambda: all(each in worker.log_text() for each in said), PICKED_UP_SECONDS, meter.logs)
    assert usage_of(kafka, "again") == 10


def test_a_worker_that_is_stopped_repeats_no_dead_letter_of_a_workspace_topic(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "bad")
    make_topic(kafka, "bad")
    bad = [reported("bad", number, type="usage.corrected") for number in range(400)]
    feeding = Load(kafka, [bad], batch=2, pace=100)
    wait_until(
        "some are dead letters", lambda: len(kafka.published("dead-letters")) > 50, PICKED_UP_SECONDS, meter.logs
    )
    assert worker.stop() == 0
    feeding.join()
    meter.start().wait_ready()
    meter.settle()
    offsets = sorted(letter.value["offset"] for letter in kafka.published("dead-letters"))
    assert offsets == list(range(400)), "each has one"


def test_a_time_that_the_producer_gave_says_nothing_of_the_arrival(meter: Meter) -> None:
    meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "clock")
    make_topic(
        kafka,
        "clock",
        **{
            "message.timestamp.type": "CreateTime",
            "message.timestamp.before.max.ms": str(2**62),
            "retention.ms": "-1",  # by its time it is over at once, and goes when the broker next looks
        },
    )
    message = reported("clock", 0)
    kafka.producer.produce(f"{kafka.prefix}usage.clock", message.value, timestamp=1_000)
    kafka.producer.produce(f"{kafka.prefix}usage.clock", reported("clock", 1, time=time_text(0)).value, timestamp=1_000)
    kafka.producer.flush()
    meter.settle()
    assert usage_of(kafka, "clock") == 1
    reasons = [letter.value["reason"] for letter in kafka.published("dead-letters")]
    assert reasons == ["time_beyond_horizon"]


def gone_before(kafka: Kafka, workspace: str, offset: int, messages: list[Message]) -> None:
    """Sends, and deletes the records before an offset, as retention would."""
    kafka.send(messages)
    lose_before(kafka, f"usage.{workspace}", 0, offset)


def aside(meter: Meter) -> bool:
    """Whether the group says that a partition is set aside."""
    places = meter.kafka.marks_of(f"{meter.kafka.prefix}meter-intake-own")
    return any((place.metadata or "").startswith("aside") for place in places)


def test_a_gap_of_an_own_topic_is_skipped_while_the_worker_runs(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "gap")
    make_topic(kafka, "gap")
    kafka.send([reported("gap", number) for number in range(10)])
    wait_until("they are counted", lambda: usage_of(kafka, "gap") == 10, PICKED_UP_SECONDS, meter.logs)
    meter.settle()
    committed = kafka.committed()[("usage.gap", 0)]
    assert worker.stop() == 0
    gone_before(kafka, "gap", committed + 4, [reported("gap", number) for number in range(10, 20)])
    worker = meter.start().wait_ready()
    wait_until("it is set aside", lambda: aside(meter), PICKED_UP_SECONDS, meter.logs)
    code, sentence = run(meter, "skip", "usage.gap", "0", str(committed + 4))
    assert code == 0, sentence
    wait_until("the rest is counted", lambda: usage_of(kafka, "gap") == 16, PICKED_UP_SECONDS, meter.logs)
    worker.shows("meter_records_lost_total", 4)
    meter.settle()
    (letter,) = [record.value for record in kafka.published("dead-letters")]
    assert (letter["topic"], letter["offset"], letter["last_offset"]) == ("usage.gap", committed, committed + 3)
    assert not aside(meter)


def test_a_share_that_moves_to_another_worker_repeats_no_dead_letter(meter: Meter) -> None:
    meter.start("first").wait_ready()
    kafka, workspaces = meter.kafka, [f"moves-{number}" for number in range(8)]
    bind(kafka, *workspaces)
    for workspace in workspaces:
        make_topic(kafka, workspace)
    bad = [reported(workspace, number, type="usage.corrected") for number in range(500) for workspace in workspaces]
    feeding = Load(kafka, [bad], batch=8, pace=16)  # four minutes: the second worker comes in the middle
    wait_until(
        "some are dead letters", lambda: len(kafka.published("dead-letters")) > 50, PICKED_UP_SECONDS, meter.logs
    )
    second = meter.start("second").wait_ready()
    wait_until("some move", lambda: "new partitions" in second.log_text(), PICKED_UP_SECONDS, meter.logs)
    assert feeding.running, "they move meanwhile"
    feeding.pace = FULL_PACE
    feeding.join()
    meter.settle()
    places = sorted((letter.value["topic"], letter.value["offset"]) for letter in kafka.published("dead-letters"))
    assert places == sorted((f"usage.{workspace}", offset) for workspace in workspaces for offset in range(500))


@pytest.mark.faults
def test_own_topics_are_shared_and_taken_over(meter: Meter) -> None:
    first, second = meter.start("first").wait_ready(), meter.start("second").wait_ready()
    kafka = meter.kafka
    workspaces = [f"shared-{number}" for number in range(12)]
    bind(kafka, *workspaces)
    for workspace in workspaces:
        make_topic(kafka, workspace)
    kafka.send([reported(workspace, number) for number in range(50) for workspace in workspaces])
    wait_until(
        "all are counted", lambda: all(usage_of(kafka, each) == 50 for each in workspaces), 2 * PICKED_UP_SECONDS
    )
    logs = (first.log_text, second.log_text)
    wait_until("both have some", lambda: all("new partitions" in log() for log in logs), PICKED_UP_SECONDS, meter.logs)
    first.kill()
    kafka.send([reported(workspace, number) for number in range(40, 100) for workspace in workspaces])
    wait_until("all are counted", lambda: all(usage_of(kafka, each) == 100 for each in workspaces), 120, meter.logs)
    second.wait_ready()
