"""`meter redrive`: what died of a cause now mended goes back where it came from, once, and makes the figures right."""

import time

import pytest

from tests import records
from tests.end_to_end.commands import run
from tests.end_to_end.judged import dead_letters
from tests.end_to_end.test_own_topics import binary_of, bind, make_topic, reported, usage_of
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

ZONE = midnight_zone(time.time_ns() // 1000, 12 * 3600)


def long_report(workspace: str, number: int) -> Message:
    """A report whose dead letter holds only its beginning."""
    event = {**records.parsed(reported(workspace, number)), "padding": "x" * 20_000}
    return Message("usage", workspace, records.json_bytes(event), (("trace", b"\x00\xff"),))


def reasons(meter: Meter) -> list[str]:
    return sorted(reason for _, reason in dead_letters(meter.kafka))


def test_usage_of_a_workspace_not_yet_known_counts_after_it_is_redriven(new_meter: StartMeter) -> None:
    meter = new_meter(Settings(ZONE))
    meter.start().wait_ready()
    kafka = meter.kafka
    make_topic(kafka, "late")
    bind(kafka, "early")
    shared = [Message("usage", "late", reported("late", number).value) for number in range(10)]
    kafka.send([*shared, binary_of(shared[0]), long_report("late", 50), reported("late", 60)])
    kafka.send([Message("usage", "", b"no json"), Message("usage", "", b"no json"), Message("usage", "late", b"{}")])
    twice = records.usage("early", "api_calls", 1, time.time_ns() // 1000, id="twice")
    kafka.send([records.usage_message(twice)])
    meter.settle()
    kafka.send([records.usage_message({**twice, "data": {"item": "api_calls", "quantity": 2}})])
    meter.settle()
    bad = ["conflicting_duplicate", "not_a_cloud_event", "not_json", "not_json", *["workspace_unknown"] * 13]
    assert reasons(meter) == bad

    bind(kafka, "late")
    code, found = run(meter, "redrive", "--reason", "workspace_unknown")
    assert (code, "13 records would be sent" in found) == (0, True), found
    meter.settle()
    assert (usage_of(kafka, "late"), reasons(meter)) == (0, bad)
    code, found = run(meter, "redrive", "--reason", "workspace_unknown", "--send", "-v")
    assert (code, "13 records sent again" in found) == (0, True), found
    meter.settle()
    assert usage_of(kafka, "late") == 12
    assert reasons(meter) == bad
    sent = [record for record in kafka.read("usage") if (record.headers() or []) == [("trace", b"\x00\xff")]]
    assert [(record.key(), len(record.value() or b"") > 20_000) for record in sent] == [(b"late", True)] * 2

    code, found = run(meter, "redrive", "--reason", "workspace_unknown", "--send")
    assert (code, "nothing to send" in found) == (0, True), found
    code, found = run(meter, "redrive", "--send")
    assert (code, "3 records sent again" in found, "same content" in found) == (0, True, True), found
    meter.settle()
    assert len(reasons(meter)) == len(bad) + 3
    code, found = run(meter, "redrive", "--send")
    assert (code, "nothing to send" in found, "died again" in found) == (0, True, True), found
    for _ in range(3):  # it would have doubled each time
        code, found = run(meter, "redrive", "--reason", "not_json", "--send", "--again")
        assert (code, "1 record sent again" in found) == (0, True), found
        meter.settle()
    assert (usage_of(kafka, "late"), usage_of(kafka, "early")) == (12, 1)
    code, found = run(meter, "redrive", "--reason", "bad_luck")
    assert (code, "no reason bad_luck" in found) == (1, True)
