"""A worker dies at every step of a day's end: the day closes slice after slice all the same, and another expires."""

import time
from random import Random

import pytest

from schemas.journal import DayExpired, decode
from tests import records, revisions
from tests.end_to_end.judged import figure_problems, history_problems, order_problems
from tests.end_to_end.kafka import JOURNAL, wait_until
from tests.end_to_end.workers import READY_SECONDS, Meter
from tests.faults import points
from tests.faults.killing import die, start_to_die
from tests.faults.verdict import back_to_zero_lag
from tests.meters import StartMeter
from tests.oracle import Prediction
from tests.oracle_reading import Settings
from tests.oracle_statement_check import statement_differences
from tests.oracle_time import DAY_US, billing_day, day_text, start_of
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

SECOND_US = 1_000_000
MILLION = 1_000_000
#: Midnight stands on a whole minute: this leaves 70 to 130 s to open the day; a busy machine takes the other zone.
BEFORE_MIDNIGHT_SECONDS = (130, 400)
GRACE_SECONDS = 2
PARTITIONS = 4
#: More than one entry closes in each partition.
ACCOUNTS = 950
BUYERS = 20
#: The first so many accounts have late usage, before their day is closed or after.
LATE = 100
#: The steps of a chunk that holds such an entry, too.
FOLDED = ("transaction.acknowledged", "meter.committed")
#: A failpoint that strikes after some slices.
MOST = {"day-end.close-appended": 4, "day-end.expiry-appended": 3}


def now_us() -> int:
    return time.time_ns() // 1000


def used(account: int, time_us: int, id: str, logs: int = 3 * MILLION) -> Message:
    return records.usage_message(records.usage(f"wksp-{account}", "logs", logs, time_us, id=id))


def test_a_worker_may_die_at_every_step_of_a_days_end(new_meter: StartMeter, seed: int, rng: Random) -> None:
    meter, today = opened_in_time(new_meter)
    midnight = start_of(today + 1, meter.settings.zone)
    in_time = meter.predict()
    time.sleep(max(0.0, (midnight - now_us()) / SECOND_US + GRACE_SECONDS))

    *closing, expiring = points.DAY_END
    for failpoint in (*closing, *FOLDED, expiring):
        if failpoint in FOLDED:
            meter.kafka.send(late(rng, midnight, failpoint))
        nth = rng.randint(1, MOST.get(failpoint, 1))
        die(start_to_die(meter, failpoint, nth, rng.choice("ab")), failpoint)
    meter.kafka.send(late(rng, midnight, "last"))
    worker = meter.start(rng.choice("abc")).wait_ready()
    wait_until("the day before has expired", lambda: expired(meter, today - 1), READY_SECONDS, meter.logs)
    back_to_zero_lag(meter)
    worker.shows("meter_days_unclosed", 0)
    all_is_well(meter, in_time, meter.predict(), today)


def opened_in_time(new_meter: StartMeter) -> tuple[Meter, int]:
    """A meter that has read a day and was killed before its midnight; that day."""
    variables = {"METER_CLOSE_GRACE_SECONDS": str(GRACE_SECONDS), "METER_RESTATEMENT_HORIZON_DAYS": "1"}
    for seconds in BEFORE_MIDNIGHT_SECONDS:
        zone = midnight_zone(now_us(), seconds)
        meter = new_meter(Settings(zone, horizon_days=1), **variables)
        today = billing_day(now_us(), zone)
        worker = meter.start("first").wait_ready()
        open_the_day(meter, start_of(today + 1, zone))
        meter.settle()
        worker.kill()
        if now_us() < start_of(today + 1, zone):
            return meter, today
    raise AssertionError("the worker took too long to open the day: it has ended")


def open_the_day(meter: Meter, midnight: int) -> None:
    """An account of one workspace each, some with a plan; usage of today, and of yesterday, which expires today."""
    names = range(ACCOUNTS)
    meter.kafka.send([records.binding_message(records.binding(f"wksp-{each}", f"acct-{each}")) for each in names])
    orders = [
        order
        for each in range(BUYERS)
        for order in (
            records.top_up(f"acct-{each}", "t", "42000"),
            records.purchase(f"acct-{each}", "o", "startup", [f"wksp-{each}"], [records.pay("42000.00")]),
        )
    ]
    meter.kafka.send([records.order_message(order) for order in orders])
    meter.kafka.send([used(each, midnight - DAY_US - 1, "yesterday", 50 * MILLION) for each in range(0, ACCOUNTS, 9)])
    meter.kafka.send([used(each, min(now_us(), midnight - 1), "today", 50 * MILLION) for each in names])


def late(rng: Random, midnight: int, name: str) -> list[Message]:
    """Usage of the day that closes, repeats of it, and usage of the day that expires: that is beyond the horizon."""
    accounts = rng.sample(range(LATE), 60)
    counted = [used(each, midnight - 1, name) for each in accounts]
    return [*counted, *counted[:20], *(used(each, midnight - DAY_US - 1, "yesterday") for each in accounts[:20])]


def expired(meter: Meter, day: int) -> bool:
    """Whether every partition's journal says so."""
    entries = [(record.partition(), decode(record.value() or b"")) for record in meter.kafka.read(JOURNAL)]
    found = {place for place, entry in entries if isinstance(entry, DayExpired) and entry.day == day}
    return found == set(range(PARTITIONS))


def all_is_well(meter: Meter, in_time: Prediction, prediction: Prediction, today: int) -> None:
    """The first statement of the day holds what was acknowledged in time, the last one, and all figures, everything."""
    statements = meter.kafka.published("statements")
    of_today = [record for record in statements if record.value["day"] == day_text(today)]
    first = {record.key: record.value for record in reversed(of_today)}
    problems = statement_differences(in_time, first, [today])
    assert not [problem for problem in problems if int(problem[len("acct-") :].partition("/")[0]) >= LATE]
    assert not any(value["restated"] for value in first.values())
    assert any(record.value["restated"] for record in of_today), "late usage restates"
    uncommitted = revisions.one_content_for_a_revision(meter.kafka.published("statements", committed=False))
    problems = statement_differences(prediction, revisions.latest(statements), [today - 1, today])
    problems += history_problems(statements) + uncommitted
    assert not problems + figure_problems(meter, prediction) + order_problems(meter, prediction)
