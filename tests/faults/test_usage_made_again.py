"""`usage` deleted and made again, shorter, as long or longer, under a worker or while none runs."""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import replace

import aiokafka
import pytest
from aiokafka.structs import OffsetAndMetadata
from confluent_kafka import TopicPartition

from tests.end_to_end.commands import run
from tests.end_to_end.judged import figure_problems, order_problems
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.faults.killing import slices
from tests.faults.load import Load, load, settings
from tests.faults.spoiling import refused, start_refused
from tests.faults.topics import APPEND_TIME, create, delete, empty, lose_before
from tests.faults.verdict import ZERO_LAG_SECONDS, back_to_zero_lag
from tests.meters import StartMeter
from tests.oracle import Prediction, predict
from tests.oracle_reading import Sent
from tests.records import Message

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

USAGE = "usage"
#: One partition, so that the new log is as long as the old one by what is sent, not by keys.
PARTITIONS = 1
#: So many records more than the old log had.
LENGTHS = {"shorter": -3, "as long": 0, "longer": 3}
INTAKE = "meter-intake"
#: What is committed with the offset of a record that was read; confluent-kafka reads past the end of it.
MARK = re.compile(r"[0-9]+ [0-9]+ [0-9]+ @[0-9a-f]{32}")


def begun(new_meter: StartMeter, seed: int) -> tuple[Meter, list[Message]]:
    """A meter that has read a part of a load; the events that are left, without conflicts: two logs have no order."""
    meter = new_meter(settings())
    create(meter.kafka, USAGE, PARTITIONS, **APPEND_TIME)
    first, second = slices(load(seed, meter.settings, events=300).steps, 2)
    left = [message for step in second for message in step]
    meter.start().wait_ready()
    Load(meter.kafka, [*first, [message for message in left if message.topic != USAGE]]).join()
    back_to_zero_lag(meter)
    return meter, [message for message in left if message.note == "recorded"]


def made_again(meter: Meter, left: Sequence[Message], more: int) -> list[Sent]:
    """Deletes the topic and makes it again with so many records more than it had; what it held."""
    held = meter.kafka.sent([USAGE])
    records = [left[number % len(left)] for number in range(len(held) + more)]
    delete(meter.kafka, USAGE)
    create(meter.kafka, USAGE, PARTITIONS, **APPEND_TIME)
    Kafka(meter.kafka.bootstrap, meter.kafka.prefix).send(records)  # whose client never knew the old one
    return held


def all_together(meter: Meter, held: Sequence[Sequence[Sent]]) -> Prediction:
    """What the old logs and the new one make, as if each were behind the one before."""
    sent: list[Sent] = []
    for log in (*held, meter.kafka.sent([USAGE])):
        sent += [replace(record, offset=record.offset + len(sent)) for record in log]
    return predict(meter.settings, [*sent, *meter.kafka.sent(("workspaces", "plan-purchases"))])


def right(meter: Meter, held: Sequence[Sequence[Sent]]) -> None:
    """All figures are those of everything that was ever read; offsets of another log say nothing of how far that is."""
    prediction = all_together(meter, held)

    def wrong() -> list[str]:
        meter.must_live()
        return figure_problems(meter, prediction) + order_problems(meter, prediction)

    wait_until("the figures are right", lambda: not wrong(), ZERO_LAG_SECONDS, lambda: "\n".join(wrong()[:9]))


def commits(meter: Meter) -> list[TopicPartition]:
    """What the intake committed for `usage` after it had read of it."""
    prefix = meter.kafka.prefix
    found = [place for place in meter.kafka.marks_of(prefix + INTAKE) if place.topic == prefix + USAGE]
    marks = [MARK.match(place.metadata or "") for place in found]
    return [
        TopicPartition(place.topic, place.partition, place.offset, mark[0])
        for place, mark in zip(found, marks, strict=True)
        if mark is not None
    ]


def committed_whole(meter: Meter, put: Sequence[str | None]) -> bool:
    """Whether the log that stands is committed to its end, by other marks than were put back for the one before."""
    found = {place.offset: place.metadata for place in commits(meter)}
    return list(found) == list(meter.kafka.ends([USAGE]).values()) and list(found.values()) != put


def put_back(meter: Meter, places: list[TopicPartition]) -> None:
    """Kafka forgets a group's offsets with the topic, if it can: here it could not.

    By aiokafka, since confluent-kafka commits no metadata.
    """
    empty(meter.kafka, INTAKE)
    offsets = {
        aiokafka.TopicPartition(place.topic, place.partition): OffsetAndMetadata(place.offset, place.metadata)
        for place in places
    }

    async def commit() -> None:
        consumer = aiokafka.AIOKafkaConsumer(
            bootstrap_servers=meter.kafka.bootstrap, group_id=meter.kafka.prefix + INTAKE, enable_auto_commit=False
        )
        await consumer.start()
        consumer.assign(list(offsets))
        await consumer.commit(offsets)
        await consumer.stop()

    asyncio.run(commit())


def test_usage_made_again_while_no_worker_runs_is_another_log_however_long(new_meter: StartMeter, seed: int) -> None:
    meter, left = begun(new_meter, seed)
    held = []
    put: list[str | None] = []
    for length, more in LENGTHS.items():
        print(length)
        wait_until("all is committed", lambda: committed_whole(meter, put), ZERO_LAG_SECONDS, meter.logs)  # noqa: B023
        assert meter.workers[-1].stop() == 0
        places = commits(meter)
        held.append(made_again(meter, left, more))
        put_back(meter, places)
        put = [place.metadata for place in places]
        start_refused(meter, "usage/0", "made again", "`meter skip usage 0 0` reads it from its beginning")
        code, found = run(meter, "skip", "usage", "0", "0")
        assert code == 0, found
        meter.start()
        right(meter, held)
    assert meter.workers[-1].stop() == 0
    held.append(made_again(meter, left, 1))
    meter.start()  # Kafka has forgotten the offsets: it begins where the new log does
    right(meter, held)


@pytest.mark.parametrize("length", LENGTHS)
def test_usage_made_again_under_a_running_worker_stops_it(new_meter: StartMeter, seed: int, length: str) -> None:
    meter, left = begun(new_meter, seed)
    held = [made_again(meter, left, LENGTHS[length])]
    print(refused(meter.workers[0], "usage", "made again"))
    worker = meter.start()
    wait_until("it goes on, or refuses", lambda: not worker.alive() or worker.get("/ready")[0] == 200, READY_SECONDS)
    if not worker.alive():
        refused(worker, "usage", "made again")
        code, found = run(meter, "skip", "usage", "0", "0")
        assert code == 0, found
        meter.start()
    right(meter, held)


def test_usage_deleted_under_a_running_worker_stops_it(new_meter: StartMeter, seed: int) -> None:
    meter, _ = begun(new_meter, seed)
    delete(meter.kafka, USAGE)
    refused(meter.workers[0], "usage was deleted while the meter ran")


def test_bindings_whose_beginning_is_gone_are_refused_and_orders_that_were_decided_are_not_missed(
    new_meter: StartMeter, seed: int
) -> None:
    meter, _ = begun(new_meter, seed)
    assert meter.workers[0].stop() == 0
    lose_before(meter.kafka, "plan-purchases", 0, 3)
    assert meter.start().wait_ready().stop() == 0
    lose_before(meter.kafka, "workspaces", 0, 3)
    start_refused(meter, "workspaces/0: records 0 to 2 are gone", "restore it")
