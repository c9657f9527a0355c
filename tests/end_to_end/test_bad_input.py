"""Bad input of every kind among good neighbours: each is a dead letter for its reason; nothing stops or slows."""

import base64
import hashlib
import os
import time
from collections.abc import Iterator
from random import Random
from typing import Any

import hypothesis
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests import records, revisions
from tests.bad_records import BAD, Ground, bad_message
from tests.end_to_end.judged import judge
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.oracle_time import billing_day, day_text, start_of, time_text
from tests.records import Message
from tests.scenarios import midnight_zone
from tests.strategies import foreign_values

pytestmark = pytest.mark.e2e

#: Midnight is far off: a test is on one day.
ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)
WORKSPACE, ACCOUNT = "wksp", "acct"
VALUE_LIMIT = 16 * 1024
#: A sentence of ours around at most 200 characters of theirs, escaped (up to ten for one).
ERROR_LIMIT = 200 * 10 + 300
FUZZED = 2_000
#: So many times what good records take alone they take now and then on a busy machine.
BUSY = 3.0
#: METER_TEST_SEED repeats a printed one.
SEED = int(os.environ.get("METER_TEST_SEED") or time.time_ns() % 1_000_000)
#: Stands for the id of a fuzzed record, so that each has its own.
PLACEHOLDER = "id-of-its-own"


def now_us() -> int:
    return time.time_ns() // 1000


def neighbour(number: int, **rest: Any) -> Message:
    """A good event, in the partition of the bad ones; every second one has its data in base64."""
    event = records.usage(WORKSPACE, "api_calls", 1, now_us(), id=f"good-{number}", **rest)
    if number % 2:
        event["data_base64"] = base64.b64encode(records.json_bytes(event.pop("data"))).decode()
    return records.usage_message(event)


@pytest.fixture(scope="module")
def meter(module_meter: StartMeter) -> Iterator[Meter]:
    """One meter for what only adds dead letters."""
    meter = started(module_meter)
    yield meter
    judge(meter)
    assert meter.workers[0].stop() == 0


def started(make: StartMeter) -> Meter:
    meter = make(Settings(ZONE))
    meter.start().wait_ready()
    meter.kafka.send([records.binding_message(records.binding(WORKSPACE, ACCOUNT))])
    return meter


def letters(meter: Meter) -> dict[tuple[str, int, int], dict[str, Any]]:
    """Dead letters by place."""
    values = [record.value for record in meter.kafka.published("dead-letters")]
    return {(value["topic"], value["partition"], value["offset"]): value for value in values}


def usage_of(meter: Meter, item: str) -> int:
    """The usage of the workspace today as last published."""
    key = f"{ACCOUNT}/{WORKSPACE}/{item}/{day_text(billing_day(now_us(), ZONE))}"
    return int(revisions.latest(meter.kafka.published("overages"))[key]["usage"])


def test_every_kind_is_dead_for_its_reason_and_its_neighbours_count(meter: Meter) -> None:
    ground = Ground(Random(1), WORKSPACE, ACCOUNT, now_us())
    messages = []
    for number, name in enumerate(BAD):
        messages += [bad_message(name, ground), neighbour(number)]
    meter.kafka.send(messages)
    meter.settle()
    found = {
        (value.get("value") or "", value.get("length"), value["topic"]): value["reason"]
        for value in letters(meter).values()
    }
    result = {}
    for message in messages:
        if message.note in BAD:
            value = message.value or b""
            length = len(value) if len(value) > VALUE_LIMIT else None
            key = (base64.b64encode(value[:VALUE_LIMIT]).decode(), length, message.topic)
            result[message.note] = found.get(key)
    assert result == {name: kind.reason for name, kind in BAD.items()}
    errors = {value["error"]: value["reason"] for value in letters(meter).values()}
    assert "nobody-knows-it" in "".join(error for error, reason in errors.items() if reason == "workspace_unknown")
    assert not [error for error in errors if "ValidationError" in error or "pydantic" in error]
    assert usage_of(meter, "api_calls") == len(BAD)


def test_conflicting_duplicates_are_dead_and_carry_the_event(meter: Meter) -> None:
    first = records.usage(WORKSPACE, "sms", 5, now_us(), id="twice")
    order = records.top_up(ACCOUNT, "twice", "5.00")
    other = {**first, "data": {"item": "sms", "quantity": 6}}
    meter.kafka.send([records.usage_message(each) for each in (first, first, other)])
    meter.kafka.send([records.order_message(each) for each in (order, order, {**order, "amount": "6.00"})])
    meter.settle()
    found = [value for value in letters(meter).values() if value["reason"] == "conflicting_duplicate"]
    assert {value["topic"] for value in found} == {"usage", "plan-purchases"}
    assert all(value["rebuilt"] is True for value in found)
    (event,) = [value for value in found if value["topic"] == "usage"]
    rebuilt = records.parsed(Message("usage", "", base64.b64decode(event["value"])))
    assert (rebuilt["id"], rebuilt["subject"], rebuilt["data"]["quantity"]) == ("twice", WORKSPACE, 6)
    assert "'twice' of source" in event["error"]
    (other_order,) = [value for value in found if value["topic"] == "plan-purchases"]
    assert "amount was '5.00', this one has '6.00'" in other_order["error"]


def test_a_dead_letter_holds_what_is_needed_to_send_it_again(meter: Meter) -> None:
    meter.kafka.send([bad_message("60 KB of [", Ground(Random(2), WORKSPACE, ACCOUNT, now_us()))])
    meter.settle()
    found = letters(meter)
    for sent in meter.kafka.sent():
        letter = found.get(sent.place)
        if letter is None or letter.get("rebuilt"):
            continue
        value = sent.value or b""
        assert base64.b64decode(letter.get("value") or "") == value[:VALUE_LIMIT], sent.place
        assert letter.get("length") == (len(value) if len(value) > VALUE_LIMIT else None)
        assert letter.get("sha256") == (hashlib.sha256(value).hexdigest() if len(value) > VALUE_LIMIT else None)
        assert base64.b64decode(letter["key"]).decode() in (WORKSPACE, ACCOUNT)
        assert 0 < len(letter["error"]) < ERROR_LIMIT
        assert letter["error"].isprintable()


def test_events_of_the_largest_quantity_add_up_exactly_beyond_64_bits(new_meter: StartMeter) -> None:
    meter = started(new_meter)
    largest, count = 10**15, 7_000
    assert count * largest * 3 > 2**64
    events = (
        records.usage(WORKSPACE, "logs", largest, now_us(), id=f"large-{number}", retention=60)
        for number in range(count)
    )
    meter.kafka.send(records.usage_message(event) for event in events)
    meter.settle()
    assert usage_of(meter, "logs") == count * largest * 3
    judge(meter)


def test_nine_digits_at_the_edge_of_a_day_are_cut_not_rounded(meter: Meter) -> None:
    today = billing_day(now_us(), ZONE)
    midnight = start_of(today, ZONE)
    last_second = time_text(midnight - 1_000_000)[:-1]
    first = records.usage(WORKSPACE, "triggers", 7, midnight, id="first of the day")
    last = {**first, "id": "last of the day before", "time": f"{last_second}.999999999Z"}
    same = {**last, "time": f"{last_second}.999999Z"}
    meter.kafka.send([records.usage_message(event) for event in (first, last, same)])
    meter.settle()
    # The day before is a free day of this workspace, so it is never on `overages`; today has the first event only.
    assert usage_of(meter, "triggers") == 7
    days = {day: figure.usage for (_, _, item, day), figure in meter.predict().figures.items() if item == "triggers"}
    assert days == {today - 1: 7, today: 7}


def test_deep_and_long_values_slow_nobody(meter: Meter) -> None:
    ground = Ground(Random(3), WORKSPACE, ACCOUNT, now_us())
    heavy = [bad_message(name, ground) for name in ("60 KB of [", "60 KB of {", "quantity of 5,000 digits")]
    quiet = seconds_of(meter, [neighbour(11_000 + number) for number in range(200)])
    took = seconds_of(meter, [each for number in range(200) for each in (*heavy, neighbour(10_000 + number))])
    assert took < 60 + BUSY * quiet


def seconds_of(meter: Meter, messages: list[Message]) -> float:
    """After how many seconds all of them are handled."""
    began = time.monotonic()
    meter.kafka.send(messages)
    meter.settle(240)
    return time.monotonic() - began


def test_values_at_the_limit_are_read(meter: Meter) -> None:
    sizes = (64 * 1024, 64 * 1024 + 1)
    for number, size in enumerate(sizes):
        event = {**records.usage(WORKSPACE, "pv", 3, now_us(), id=f"size-{number}"), "padding": ""}
        event["padding"] = "x" * (size - len(records.json_bytes(event)))
        meter.kafka.send([records.usage_message(event)])
    meter.settle()
    assert usage_of(meter, "pv") == 3
    limits = [value["length"] for value in letters(meter).values() if value["topic"] == "usage" and "length" in value]
    assert limits.count(sizes[1]) == 1
    assert limits.count(sizes[0]) == 0


def test_peculiar_records_that_are_good_count(meter: Meter) -> None:
    values = list(peculiar())
    meter.kafka.send([Message("usage", WORKSPACE, value) for value in values])
    meter.settle()
    sent = {record.value: record.place for record in meter.kafka.sent(["usage"])}
    dead = letters(meter)
    refused = {value[:90]: dead[sent[value]]["reason"] for value in values if sent[value] in dead}
    assert refused == {}
    assert usage_of(meter, "backup_logs") == len(values)


def peculiar() -> Iterator[bytes]:
    """One unit each, written as few would write it."""

    def event(number: int, **fields: Any) -> dict[str, Any]:
        return {**records.usage(WORKSPACE, "backup_logs", 1, now_us(), id=f"peculiar-{number}"), **fields}

    def written(number: int, old: str, new: str) -> bytes:
        return records.json_bytes(event(number)).replace(old.encode(), new.encode())

    yield records.json_bytes(event(1, id="😀" * 256))
    yield records.json_bytes(event(2, id="\0", source="\n"))
    yield records.json_bytes(event(3, time=records.usage(WORKSPACE, "", 0, now_us(), id="")["time"][:19] + "+00:00"))
    yield written(4, '"quantity":1', '"quantity":"x","quantity":-0,"quantity":1')
    yield written(5, '"id":', '"id":[],"\\u0069d":')
    yield written(6, '"data":', '"unknown":' + "9" * 5_000 + ',"data":')
    yield written(7, '"data":', '"unknown":-1.5e+99999,"data":')
    yield written(8, '"data":', '"unknown":' + "[" * 100 + "]" * 100 + ',"data":')
    yield written(9, '"data":{', '"data":17,"data":{"retention_days":null,')
    yield written(10, "{", " \t\r\n{ ") + b"\n"
    yield written(11, '"source":', '"extension":null,"datacontenttype":5,"source":')
    yield written(12, '"datakit/host-1"', '"\\ud83d\\ude00\\/"')


def test_fuzzed_records_are_read_or_dead_among_good_ones(new_meter: StartMeter) -> None:
    meter = started(new_meter)
    values = fuzzed_values()
    bindings = [message for message in values if message.topic == "workspaces"]
    others = [message for message in values if message.topic != "workspaces"]
    others += [neighbour(20_000 + number) for number in range(len(values) // 10)]
    Random(SEED).shuffle(others)
    # First, so that no usage races the binding of a workspace that the fuzzing made up.
    meter.kafka.send(bindings)
    meter.kafka.send(others)
    meter.settle(180)
    judge(meter)


def fuzzed_values() -> list[Message]:
    """Some thousand bent records of all three topics, drawn by Hypothesis."""
    event = records.usage(WORKSPACE, "logs", 3, now_us(), id=PLACEHOLDER, retention=30)
    order = records.purchase(
        ACCOUNT, PLACEHOLDER, "startup", [WORKSPACE], [records.pay("1.00")], traffic=[records.traffic("logs", 2, "0.5")]
    )
    grounds = [
        ("usage", WORKSPACE, event),
        ("usage", WORKSPACE, event),
        ("usage", WORKSPACE, event),
        ("workspaces", WORKSPACE, records.binding(WORKSPACE, ACCOUNT)),
        ("plan-purchases", ACCOUNT, records.top_up(ACCOUNT, PLACEHOLDER, "1.00", "coupon", instrument="c")),
        ("plan-purchases", ACCOUNT, order),
    ]
    drawn: list[Message] = []

    print(f"METER_TEST_SEED={SEED} repeats it")

    @hypothesis.seed(SEED)
    @settings(max_examples=FUZZED // 50, database=None, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data())
    def draw(data: st.DataObject) -> None:
        for _ in range(50):
            topic, key, good = data.draw(st.sampled_from(grounds))
            value = data.draw(foreign_values(good)).replace(PLACEHOLDER.encode(), f"fuzzed-{len(drawn)}".encode())
            drawn.append(Message(topic, key, value, note="fuzzed"))

    draw()
    return drawn
