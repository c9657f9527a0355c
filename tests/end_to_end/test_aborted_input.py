"""What a producer's transaction aborted was never sent: not to the figures, not to orders, not to bindings."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from confluent_kafka import Producer

from tests import records
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import QUIET, REQUEST_SECONDS, Kafka
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
ACCOUNT, KNOWN, NEVER = "acct", "known", "never"
INPUTS = ("usage", "workspaces", "plan-purchases")


def bound(workspace: str) -> Message:
    return records.binding_message(records.binding(workspace, ACCOUNT))


def top_up(order_id: str, amount: str) -> Message:
    order = {"order_id": order_id, "account": ACCOUNT, "kind": "top_up", "method": "cash", "amount": amount}
    return records.order_message({**order, "currency": "CNY"})


def reported(workspace: str, number: int) -> Message:
    return records.usage_message(records.usage(workspace, "api_calls", 1, time.time_ns() // 1000, id=f"{number}"))


@contextmanager
def transactions(kafka: Kafka) -> Iterator[Producer]:
    """A producer in its first transaction."""
    settings = {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{kafka.prefix}billing-centre", **QUIET}
    producer = Producer(settings)
    producer.init_transactions(REQUEST_SECONDS)
    producer.begin_transaction()
    yield producer
    producer.flush(REQUEST_SECONDS)


def written(kafka: Kafka, producer: Producer, *messages: Message) -> None:
    """In the open transaction, acknowledged one by one."""
    for message in messages:
        producer.produce(kafka.prefix + message.topic, message.value, key=message.key.encode())
    assert producer.flush(REQUEST_SECONDS) == 0


def test_what_was_aborted_was_never_sent_and_what_was_committed_counts(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    kafka = meter.kafka
    worker = meter.start().wait_ready()
    kafka.send([bound(KNOWN), top_up("t-0", "1.00")])
    with transactions(kafka) as producer:
        events = [reported(KNOWN, number) for number in range(20)]
        written(kafka, producer, bound(NEVER), top_up("t-1", "500.00"), *events, reported(NEVER, 1))
        kafka.send([reported(KNOWN, number) for number in range(20, 30)])  # they stand behind the open transaction
        producer.abort_transaction(REQUEST_SECONDS)
        producer.begin_transaction()
        written(kafka, producer, top_up("t-1", "7.00"), *events[:5], reported(NEVER, 1))
        producer.commit_transaction(REQUEST_SECONDS)
        producer.begin_transaction()  # and markers, nothing else, at the end of each log
        written(kafka, producer, bound(NEVER), top_up("t-2", "9.00"), reported(KNOWN, 99))
        producer.abort_transaction(REQUEST_SECONDS)
    meter.settle()
    prediction = judge(meter)
    assert [record.value["balance"] for record in kafka.published("wallets")][-1] == "8.00"
    assert {reason for reasons in prediction.dead.values() for reason in reasons} == {"workspace_unknown"}
    (usage,) = [figure.usage for figure in prediction.final_figures().values()]
    assert usage == 15
    read = sum(sum(1 for _ in kafka.read(topic, committed=False)) for topic in INPUTS)
    assert worker.metric("meter_records_total") < read, "what was aborted still stands there"
    assert worker.stop() == 0
    worker = meter.start().wait_ready()  # markers at the end are no reason to doubt the log
    meter.settle()
    assert worker.stop() == 0
