"""The day's end on a real Kafka: what was acknowledged in time is in the first statement, however late it is read."""

import time

import pytest

from tests import records, revisions
from tests.end_to_end.judged import figure_problems
from tests.end_to_end.kafka import Published, wait_until
from tests.end_to_end.workers import SHOWN_SECONDS, Meter, Worker
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_statement_check import statement_differences
from tests.oracle_time import billing_day, day_text, start_of
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e]

MILLION = 1_000_000
SECOND_US = 1_000_000
#: Midnights stand on whole minutes: this leaves 60 to 120 seconds before it, for a worker to start on a busy machine.
BEFORE_MIDNIGHT_SECONDS = 120
GRACE_SECONDS = 1
#: Two workers start and share what a killed one had, on a busy machine.
CLOSED_SECONDS = 180


def now_us() -> int:
    return time.time_ns() // 1000


def used(workspace: str, logs: int, time_us: int, id: str) -> Message:
    return records.usage_message(records.usage(workspace, "logs", logs, time_us, id=id))


def statements_of(meter: Meter, day: int) -> list[Published]:
    return [record for record in meter.kafka.published("statements") if record.value["day"] == day_text(day)]


def test_the_first_statement_holds_all_that_was_acknowledged_in_time(new_meter: StartMeter) -> None:
    zone = midnight_zone(now_us(), BEFORE_MIDNIGHT_SECONDS)
    meter = new_meter(Settings(zone), METER_CLOSE_GRACE_SECONDS=str(GRACE_SECONDS))
    worker = meter.start().wait_ready()
    today = billing_day(now_us(), zone)
    midnight = start_of(today + 1, zone)
    open_the_day(meter)
    assert now_us() < midnight - 5 * SECOND_US, "the worker took too long to start: the day has ended"
    worker.kill()
    sent = send_until(meter, midnight - SECOND_US)
    in_time = meter.predict()
    assert not statements_of(meter, today)
    time.sleep(max(0.0, (midnight - now_us()) / SECOND_US + GRACE_SECONDS))

    # The worker starts again, behind, and another beside it: the day is closed, by each for its own partitions.
    workers = [meter.start(), meter.start("b")]
    wait_until("the day is closed", lambda: bool(statements_of(meter, today)), CLOSED_SECONDS, meter.logs)
    first = statements_of(meter, today)
    day = day_text(today)
    assert {record.key for record in first} == {f"acct/{day}", *(f"acct/{day}/wksp-{name}" for name in "abc")}
    assert not statement_differences(in_time, revisions.latest(first), [today])
    assert not any(record.value["restated"] for record in first)
    wait_until("no day waits", lambda: added(workers, "meter_days_unclosed") == 0, CLOSED_SECONDS, meter.logs)

    # Usage that comes late still counts, one of the workers killed: figures and statements are told again, and say so.
    killed, left = workers
    killed.kill()
    meter.kafka.send([used("wksp-a", 20 * MILLION, midnight - 1, "late")])
    meter.settle()
    found = statements_of(meter, today)[len(first) :]
    assert {record.key for record in found} == {f"acct/{day}", f"acct/{day}/wksp-a", f"acct/{day}/wksp-b"}
    assert all(record.value["restated"] for record in found)
    last = [record for record in meter.kafka.published("overages") if record.key == f"acct/wksp-b/logs/{day}"][-1]
    assert (last.value["restated"], last.value["overage"]) == (True, sent * MILLION)
    restated = len(found) + 1
    wait_until("it counts them", lambda: left.metric("meter_restatements_total") >= restated, SHOWN_SECONDS, meter.logs)
    prediction = meter.predict()
    assert not statement_differences(prediction, revisions.latest(statements_of(meter, today)), [today])
    assert not figure_problems(meter, prediction)
    assert left.stop() == 0


def open_the_day(meter: Meter) -> None:
    """An account of three workspaces with a plan for two of them, and usage of the first."""
    bound = [records.binding_message(records.binding(name, "acct")) for name in ("wksp-a", "wksp-b", "wksp-c")]
    paid = records.top_up("acct", "t-1", "42000.00")
    bought = records.purchase("acct", "o-1", "startup", ["wksp-a", "wksp-b"], [records.pay("42000.00")])
    meter.kafka.send([*bound, records.order_message(paid), records.order_message(bought)])
    meter.kafka.send([used("wksp-a", 30 * MILLION, now_us(), "1")])
    meter.settle()


def send_until(meter: Meter, end_us: int) -> int:
    """Two workspaces use a million logs each, again and again, while nobody reads; how many times."""
    sent = 0
    while now_us() < end_us:
        meter.kafka.send([used(f"wksp-{name}", MILLION, now_us(), f"{name}{sent}") for name in "bc"])
        sent += 1
        time.sleep(0.5)
    return sent


def added(workers: list[Worker], metric: str) -> float:
    """A metric of workers, added up; they are ready before."""
    return sum(worker.wait_ready().metric(metric) for worker in workers)
