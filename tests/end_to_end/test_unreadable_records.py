"""A batch that the client library cannot read is read all the same: nothing of it is lost, and the worker goes on."""

import asyncio
import time
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.produce import ProduceRequest

from tests import records, revisions
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text
from tests.record_batches import CODECS, batch, record
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
WORKSPACE, ACCOUNT = "wksp", "acct"
NAME_NOT_UTF_8 = ((b"\xff\xfe", b"x"),)


def event(name: str, number: int) -> bytes:
    return records.json_bytes(records.usage(WORKSPACE, "sms", 1, time.time_ns() // 1000, id=f"{name}-{number}"))


async def produce(bootstrap: str, topic: str, written: bytes) -> int:
    """Produce a batch as it is; its offset."""
    client = AIOKafkaClient(bootstrap_servers=bootstrap)
    await client.bootstrap()
    try:
        await client.set_topics([topic])
        leader = client.cluster.leader_for_partition(TopicPartition(topic, 0))
        request = ProduceRequest(None, -1, 10_000, [(topic, [(0, written)])])
        answer: Any = await client.send(leader, request)
        (partition,) = answer.topics[0][1]
        assert partition[1] == 0, f"error {partition[1]} of the broker"
        return int(partition[2])
    finally:
        await client.close()


@pytest.fixture
def meter(new_meter: StartMeter) -> Meter:
    meter = new_meter(Settings(ZONE))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding(WORKSPACE, ACCOUNT))])
    return meter


def test_a_header_name_that_is_not_utf_8_stops_nobody_and_costs_no_neighbour(meter: Meter) -> None:
    topic = meter.kafka.prefix + "usage"
    dead = []
    for compression in CODECS:
        written = [
            record(0, event("before", compression)),
            record(1, event("named", compression), NAME_NOT_UTF_8),
            record(2, b"{", NAME_NOT_UTF_8),
            record(3, event("after", compression)),
        ]
        base = asyncio.run(produce(meter.kafka.bootstrap, topic, batch(written, compression=compression)))
        dead.append(("usage", 0, base + 2, "not_json"))
    meter.settle()
    meter.kafka.send([records.usage_message(records.usage(WORKSPACE, "sms", 1, time.time_ns() // 1000, id="last"))])
    meter.settle()
    key = f"{ACCOUNT}/{WORKSPACE}/sms/{day_text(billing_day(time.time_ns() // 1000, ZONE))}"
    assert revisions.latest(meter.kafka.published("overages"))[key]["usage"] == 3 * len(CODECS) + 1
    published = [record.value for record in meter.kafka.published("dead-letters")]
    places = [(value["topic"], value["partition"], value["offset"], value["reason"]) for value in published]
    assert sorted(places) == dead
    assert meter.workers[0].stop() == 0
