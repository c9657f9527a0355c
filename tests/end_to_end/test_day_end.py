"""The day's end on a real Kafka: what was acknowledged in time is in the first statement, however late it is read."""

import time
from decimal import Decimal
from typing import Any

import pytest

from tests import records, revisions
from tests.end_to_end.conftest import StartMeter
from tests.end_to_end.judged import figure_problems
from tests.end_to_end.kafka import Published, wait_until
from tests.end_to_end.workers import Meter, Worker
from tests.oracle import Prediction
from tests.oracle_reading import Settings
from tests.oracle_statements import statements
from tests.oracle_time import billing_day, day_text, start_of
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e]

MILLION = 1_000_000
SECOND_US = 1_000_000
#: Midnights stand on whole minutes: this leaves 25 to 85 seconds before it.
BEFORE_MIDNIGHT_SECONDS = 85
GRACE_SECONDS = 1
CLOSED_SECONDS = 60


def now_us() -> int:
    return time.time_ns() // 1000


def used(workspace: str, logs: int, time_us: int, id: str) -> Message:
    return records.usage_message(records.usage(workspace, "logs", logs, time_us, id=id))


def statements_of(meter: Meter, day: str) -> list[Published]:
    return [record for record in meter.kafka.published("statements") if record.value["day"] == day]


def problems(prediction: Prediction, latest: dict[str, Any], account: str, day: int) -> list[str]:
    """What of the account's day is not as the oracle says."""
    expected = statements(prediction)[account, day]
    told = latest[f"{account}/{day_text(day)}"]
    found = []
    if Decimal(told["amount_due"]) != expected.amount_due:
        found.append(f"amount_due is {told['amount_due']}, should be {expected.amount_due}")
    plans = {
        (plan["plan_id"], item["item"]): (item["quota"], item["covered"])
        for plan in told["plans"]
        for item in plan["items"]
    }
    if plans != {key: (use.quota, use.covered) for key, use in expected.plans.items()}:
        found.append(f"plans are {plans}, should be {expected.plans}")
    for (workspace, item), figure in expected.items.items():
        [one] = [each for each in latest[f"{account}/{day_text(day)}/{workspace}"]["items"] if each["item"] == item]
        if (one["usage"], one["covered"], one["overage"]) != (figure.usage, figure.covered, figure.overage):
            found.append(f"{workspace} {item}: {one}, should be {figure}")
    return found


def test_the_first_statement_holds_all_that_was_acknowledged_in_time(new_meter: StartMeter) -> None:
    zone = midnight_zone(now_us(), BEFORE_MIDNIGHT_SECONDS)
    meter = new_meter(Settings(zone), METER_CLOSE_GRACE_SECONDS=str(GRACE_SECONDS))
    worker = meter.start().wait_ready()
    today = billing_day(now_us(), zone)
    midnight = start_of(today + 1, zone)
    assert now_us() < midnight - 5 * SECOND_US, "the worker took too long to start: the day has ended"
    day = day_text(today)
    bound = [records.binding_message(records.binding(name, "acct")) for name in ("wksp-a", "wksp-b", "wksp-c")]
    paid = records.top_up("acct", "t-1", "42000.00")
    bought = records.purchase("acct", "o-1", "startup", ["wksp-a", "wksp-b"], [records.pay("42000.00")])
    meter.kafka.send([*bound, records.order_message(paid), records.order_message(bought)])
    meter.kafka.send([used("wksp-a", 30 * MILLION, now_us(), "1")])
    meter.settle()

    # The worker stops; others send until the day is over.
    assert worker.stop() == 0
    sent = 0
    while now_us() < midnight - SECOND_US:
        meter.kafka.send([used("wksp-b", MILLION, now_us(), f"b{sent}"), used("wksp-c", MILLION, now_us(), f"c{sent}")])
        sent += 1
        time.sleep(0.5)
    in_time = meter.predict()
    assert not statements_of(meter, day)
    time.sleep(max(0.0, (midnight - now_us()) / SECOND_US + GRACE_SECONDS))

    # It starts again, behind, and another starts beside it: the day is closed by both, each for its partitions.
    worker, other = meter.start(), meter.start("b")
    wait_until(
        "the day is closed",
        lambda: f"acct/{day}" in revisions.latest(statements_of(meter, day)),
        CLOSED_SECONDS,
        meter.logs,
    )
    first = statements_of(meter, day)
    assert {record.key for record in first} == {f"acct/{day}", *(f"acct/{day}/wksp-{name}" for name in "abc")}
    assert not problems(in_time, revisions.latest(first), "acct", today)
    assert not any(record.value["restated"] for record in first)
    wait_until("no day waits", lambda: both(worker, other, "meter_days_unclosed") == 0, CLOSED_SECONDS, meter.logs)

    # Usage that comes late still counts: figures and statement are told again, and say so.
    meter.kafka.send([used("wksp-a", 20 * MILLION, midnight - 1, "late")])
    meter.settle()
    told = statements_of(meter, day)[len(first) :]
    assert {record.key for record in told} == {f"acct/{day}", f"acct/{day}/wksp-a", f"acct/{day}/wksp-b"}
    assert all(record.value["restated"] for record in told)
    last = [record for record in meter.kafka.published("overages") if record.key == f"acct/wksp-b/logs/{day}"][-1]
    assert last.value["restated"]
    assert last.value["overage"] == sent * MILLION
    assert both(worker, other, "meter_restatements_total") >= 4
    prediction = meter.predict()
    assert not problems(prediction, revisions.latest(statements_of(meter, day)), "acct", today)
    assert not figure_problems(meter, prediction)
    assert worker.stop() == other.stop() == 0


def both(worker: Worker, other: Worker, metric: str) -> float:
    """A metric of two workers, added up; they are ready before."""
    return sum(each.wait_ready().metric(metric) for each in (worker, other))
