"""A transaction left open on `workspaces` holds up what names workspaces nobody knows yet, and nothing else."""

import time

import pytest
from confluent_kafka import Producer

from tests import records
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import QUIET, REQUEST_SECONDS, Kafka, wait_until
from tests.end_to_end.workers import SHOWN_SECONDS, Worker
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
#: Kafka ends the transaction by itself after this: no machine is so slow.
OPEN_MS = 600_000
#: Usage of known workspaces, on either side of what has to wait.
KNOWN = 40
HELD = ("inside", "behind", "nobody")


def bound(workspace: str, account: str) -> Message:
    return records.binding_message(records.binding(workspace, account))


def reported(workspace: str, number: int) -> Message:
    """A report of one call, all in one partition."""
    event = records.usage(workspace, "api_calls", 1, time.time_ns() // 1000, id=f"{workspace}-{number}")
    return Message("usage", "one-partition", records.json_bytes(event))


def transaction(kafka: Kafka) -> Producer:
    """A producer in a transaction."""
    settings = {"bootstrap.servers": kafka.bootstrap, "transactional.id": f"{kafka.prefix}billing-centre", **QUIET}
    producer = Producer({**settings, "transaction.timeout.ms": OPEN_MS, "message.timeout.ms": OPEN_MS})
    producer.init_transactions(REQUEST_SECONDS)
    producer.begin_transaction()
    return producer


def usage_of(kafka: Kafka) -> dict[str, int]:
    """Usage by workspace as last published."""
    return {each.value["workspace"]: each.value["usage"] for each in kafka.published("overages")}


def outcomes(kafka: Kafka) -> list[str]:
    return [each.value["order_id"] for each in kafka.published("order-outcomes")]


def lag(worker: Worker) -> float:
    return worker.metric("meter_source_lag_records")


def held(worker: Worker) -> tuple[float, bool]:
    """Records held back, and whether the open transaction shows."""
    open_for = worker.metrics().get(("meter_open_transaction_seconds", '{topic="workspaces"}'), 0.0)
    return worker.metric("meter_records_held"), open_for > 0


def test_an_open_transaction_holds_up_only_what_names_workspaces_that_nobody_knows(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    kafka = meter.kafka
    worker = meter.start().wait_ready()
    kafka.send([bound("known", "acct"), bound("theirs", "other")])
    producer = transaction(kafka)
    inside = bound("inside", "acct")
    producer.produce(kafka.prefix + inside.topic, inside.value, key=inside.key.encode())
    assert producer.flush(REQUEST_SECONDS) == 0
    kafka.send([bound("behind", "acct")])
    kafka.send([message for n in range(KNOWN) for message in (reported("known", n), *map(reported, HELD, [n] * 3))])
    top_ups = [records.top_up("acct", "before", "1.00"), records.top_up("acct", "after", "2.00")]
    purchase = {"order_id": "waits", "account": "acct", "kind": "purchase", "plan": "startup", "workspaces": ["behind"]}
    orders = [top_ups[0], purchase, top_ups[1], records.top_up("other", "theirs", "3.00")]
    kafka.send([records.order_message(order) for order in orders])
    second = meter.start("second").wait_ready()  # it reads `workspaces` too, and starts
    wait_until("known usage counts", lambda: usage_of(kafka) == {"known": KNOWN}, SHOWN_SECONDS, meter.logs)
    wait_until(
        "orders of known workspaces count",
        lambda: set(outcomes(kafka)) == {"before", "theirs"},
        SHOWN_SECONDS,
        meter.logs,
    )
    waiting = 3 * KNOWN + 2
    wait_until(
        "it shows", lambda: sum(held(each)[0] for each in (worker, second)) == waiting, SHOWN_SECONDS, meter.logs
    )
    wait_until("both say so", lambda: all(held(each)[1] for each in (worker, second)), SHOWN_SECONDS, meter.logs)
    wait_until("it lags", lambda: sum(map(lag, (worker, second))) >= waiting, SHOWN_SECONDS, meter.logs)
    found = "workspaces/0: a producer's transaction is open at offset 2"
    wait_until("the log says so", lambda: found in worker.log_text() + second.log_text(), SHOWN_SECONDS, meter.logs)
    for each in (worker, second):  # whoever holds them back may die: they were not committed
        each.kill()
    worker = meter.start().wait_ready()
    wait_until("they are held back again", lambda: held(worker) == (waiting, True), SHOWN_SECONDS, meter.logs)
    producer.commit_transaction(REQUEST_SECONDS)
    meter.settle()
    prediction = judge(meter, crashed=True)
    assert usage_of(kafka) == {"known": KNOWN, "inside": KNOWN, "behind": KNOWN}
    assert outcomes(kafka).index("waits") < outcomes(kafka).index("after"), "an account's orders keep their order"
    assert {reason for reasons in prediction.dead.values() for reason in reasons} == {"workspace_unknown"}
    wait_until("nothing waits", lambda: held(worker) == (0, False), SHOWN_SECONDS, meter.logs)
    wait_until("identities show", lambda: worker.metric("meter_identities") == 3 * KNOWN, SHOWN_SECONDS, meter.logs)
    assert worker.stop() == 0
