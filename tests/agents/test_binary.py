"""Binary mode: attributes in headers say what structured mode says in fields, for the same reasons."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.binary_mode import CloudEventMode
from tests.agents.reading_ground import EVENT, RECEIVED_MS, WORKSPACE, Headers, binary, event, parse, value_of
from tests.oracle_reading import Dead, Sent, Settings, read_usage

STRUCTURED = ("content-type", b"application/cloudevents+json; charset=UTF-8")


def test_a_binary_event_is_the_structured_one() -> None:
    assert parse(*binary(EVENT)) == parse(value_of(EVENT))
    assert not isinstance(parse(*binary(EVENT)), str)


def test_attributes_are_utf8() -> None:
    odd = event(id="ünï-🙂", source=" \n")
    assert parse(*binary(odd)) == parse(value_of(odd))
    value, headers = binary(EVENT)
    assert parse(value, (*headers, ("ce_id", b"\xff"))) == "invalid_field"
    assert parse(value, (*headers, ("ce_type", b"\xff"))) == "unknown_type"
    assert parse(value, (*headers, ("ce_specversion", b"\xff"))) == "not_a_cloud_event"


@pytest.mark.parametrize(
    ("headers", "mode"),
    [
        ((), "structured"),
        ((STRUCTURED,), "structured"),
        ((STRUCTURED, ("ce_specversion", b"1.0")), "structured"),
        ((("Content-Type", b"Application/CloudEvents+JSON"), ("ce_specversion", b"1.0")), "structured"),
        ((("content-type", b"application/json"),), "structured"),
        ((("content-type", None), ("traceparent", b"00-1")), "structured"),
        ((("ce_specversion", None),), "structured"),
        ((("ce_id", b"x"),), "structured"),
        ((("ce_specversion", b"1.0"),), "binary"),
        ((("ce_specversion", b"0.3"), ("content-type", b"application/json")), "binary"),
        ((("content-type", b"application/cloudevents-batch+json"),), "batch"),
        ((("content-type", b"application/cloudevents-batch+json"), ("ce_specversion", b"1.0")), "batch"),
    ],
)
def test_headers_alone_say_the_mode(headers: Headers, mode: str) -> None:
    modes = CloudEventMode(headers)
    assert (modes.batch, modes.attributes is not None) == (mode == "batch", mode == "binary")
    assert modes.size == sum(len(name) + len(value or b"") for name, value in headers)


def test_a_structured_event_may_have_any_other_headers() -> None:
    good = parse(value_of(EVENT))
    for headers in ((STRUCTURED,), (STRUCTURED, ("ce_specversion", b"1.0")), (("traceparent", b"00-1"),)):
        assert parse(value_of(EVENT), headers) == good


def test_a_batch_is_no_event_and_its_json_is_read_before() -> None:
    batch = (("content-type", b"application/cloudevents-batch+json; charset=UTF-8"),)
    assert parse(value_of([EVENT]), batch) == "not_a_cloud_event"
    assert parse(value_of(EVENT), batch) == "not_a_cloud_event"
    assert parse(value_of([EVENT])) == "not_a_cloud_event"
    assert parse(b"[", batch) == "not_json"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"specversion": "0.3"}, "not_a_cloud_event"),
        ({"type": "other"}, "unknown_type"),
        ({"id": ""}, "invalid_field"),
        ({"id": "x" * 257}, "invalid_field"),
        ({"subject": "a/b"}, "invalid_field"),
        ({"time": "2026-01-31T24:00:00Z"}, "invalid_field"),
        ({"quantity": 1.0}, "invalid_field"),
        ({"data": []}, "invalid_field"),
        ({"data": None}, "invalid_field"),
        ({"time": "2026-01-31T09:00:00Z"}, "time_in_the_future"),
        ({"time": "2025-01-31T09:00:00Z"}, "time_beyond_horizon"),
        ({"item": "coffee"}, "unknown_item"),
        ({"retention_days": 15}, "unknown_retention"),
    ],
)
def test_a_bad_binary_event_is_dead_for_the_reason_of_the_structured_one(change: dict[str, Any], reason: str) -> None:
    assert parse(*binary(event(**change))) == parse(value_of(event(**change))) == reason


@pytest.mark.parametrize("name", ["ce_id", "ce_source", "ce_type"])
def test_what_is_absent_makes_it_no_event(name: str) -> None:
    value, headers = binary(EVENT)
    assert parse(value, tuple(header for header in headers if header[0] != name)) == "not_a_cloud_event"
    assert parse(value, (*headers, (name, None))) == "not_a_cloud_event"


def test_the_value_is_json_before_all_else() -> None:
    _, headers = binary(EVENT)
    assert [parse(value, headers) for value in (b"", b"\xff", b"NaN", b"[" * 60_000)] == ["not_json"] * 4


def test_of_a_repeated_header_the_last_counts() -> None:
    value, headers = binary(event(id="first"))
    assert parse(value, (*headers, ("ce_id", b"7c1e"))) == parse(value_of(EVENT))


def test_value_and_headers_together_have_a_limit() -> None:
    value, headers = binary(EVENT)
    size = len(value) + sum(len(name) + len(content or b"") for name, content in headers)
    room = 64 * 1024 - size - len("x")
    assert parse(value, (*headers, ("x", b"y" * room))) == parse(value_of(EVENT))
    assert parse(value, (*headers, ("x", b"y" * (room + 1)))) == "too_large"
    assert parse(value_of(EVENT), (("x", b"y" * 65_536),)) == "too_large"


def test_on_its_own_topic_a_workspace_needs_no_subject() -> None:
    value, headers = binary({name: part for name, part in EVENT.items() if name != "subject"})
    assert parse(value, headers) == "invalid_field"
    assert parse(value, headers, own=WORKSPACE) == parse(value_of(EVENT))
    assert parse(value, headers, own="other") != parse(value_of(EVENT))


CONTENT_TYPES = [b"application/json", b"application/cloudevents+json", b"application/cloudevents-batch+json", b"", None]
ATTRIBUTES = ["ce_specversion", "ce_id", "ce_source", "ce_type", "ce_subject", "ce_time", "ce_more"]
CONTENTS = st.sampled_from(
    [b"1.0", b"usage.recorded", b"usage.corrected", b"2026-01-31T08:00:00Z", WORKSPACE.encode(), b"", None, b"a b"]
)
#: Whatever a subject may become here is known: its home is not the reader's to judge.
ACCOUNTS = dict.fromkeys((WORKSPACE, "1.0", "usage.recorded", "usage.corrected"), "acct")
HEADERS = st.tuples(
    st.lists(st.tuples(st.just("content-type"), st.sampled_from(CONTENT_TYPES)), max_size=1),
    st.lists(st.tuples(st.sampled_from(ATTRIBUTES), CONTENTS), max_size=3),
)
VALUES = st.sampled_from([value_of(EVENT), value_of(EVENT["data"]), value_of([EVENT]), b"", b"null", b"{}"])


@given(HEADERS, VALUES, st.sampled_from([None, WORKSPACE]))
def test_any_headers_are_read_as_the_oracle_reads_them(
    drawn: tuple[list[tuple[str, bytes | None]], list[tuple[str, bytes | None]]], value: bytes, own: str | None
) -> None:
    _, good = binary(EVENT)
    headers = tuple(dict((*good[1:], *drawn[0], *drawn[1])).items())
    present = tuple((name, content) for name, content in headers if content is not None)
    topic = "usage" if own is None else f"usage.{own}"
    expected = read_usage(Sent(topic, 0, 0, RECEIVED_MS, value, present), Settings(), ACCOUNTS)
    found = parse(value, headers, own)
    if isinstance(expected, Dead):
        assert found in expected.reasons
    else:
        assert not isinstance(found, str), found
        assert (found[7], found[8], found[5]) == (expected.source, expected.id, expected.quantity)
