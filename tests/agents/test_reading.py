"""Reading usage: every reason and its place before the later ones; the fast path is the reference, only faster."""

import json
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from agents.intake.cloudevents import decode_event, usage_of
from schemas.record import Unreadable, peculiar
from schemas.usage import TYPES
from tests.agents.reading_ground import (
    EVENT,
    HORIZON_DAYS,
    IN_BASE64,
    RECEIVED_MS,
    WORKSPACE,
    event,
    fast,
    parse,
    slow,
    value_of,
)
from tests.oracle_reading import Dead, Sent, Settings, read_usage
from tests.oracle_time import DAY_US, instant, time_text
from tests.strategies import foreign_values

GOOD = value_of(EVENT)


AT_US = instant(EVENT["time"]) or 0
ACCOUNTS = {WORKSPACE: "acct"}

#: One breach of each law, in SPEC's order of reasons; each may be put into the same event.
BREACHES: list[tuple[str, dict[str, Any]]] = [
    ("not_a_cloud_event", {"specversion": "0.3"}),
    ("unknown_type", {"type": "usage.taken_back"}),
    ("invalid_field", {"id": ""}),
    ("subject_does_not_match_topic", {"subject": "another"}),
    ("time_in_the_future", {"time": "2026-01-31T08:05:02Z"}),
    ("time_beyond_horizon", {"time": "2020-01-31T08:00:00Z"}),
    ("unknown_item", {"item": "coffee"}),
    ("unknown_retention", {"retention_days": 15}),
]


@pytest.mark.parametrize("first", range(len(BREACHES)))
@pytest.mark.parametrize("second", range(len(BREACHES)))
def test_of_two_breaches_the_first_in_the_list_is_the_reason(first: int, second: int) -> None:
    both = {**BREACHES[second][1], **BREACHES[first][1]}
    if first <= second and not (BREACHES[first][0].startswith("time") and BREACHES[second][0].startswith("time")):
        assert parse(value_of(event(**both)), own=WORKSPACE) == BREACHES[first][0]


@pytest.mark.parametrize(("reason", "breach"), BREACHES)
def test_size_and_json_come_before_everything(reason: str, breach: dict[str, Any]) -> None:
    bad = value_of(event(**breach))
    assert parse(bad, own=WORKSPACE) == reason
    assert parse(bad[:-1], own=WORKSPACE) == "not_json"
    assert parse(bad[:-1] + b" " * 65_536, own=WORKSPACE) == "too_large"


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
def test_what_makes_no_event_comes_before_what_makes_a_bad_one(name: str) -> None:
    rest = {**EVENT, "time": 5, "data": []}
    if name != "type":
        rest["type"] = "other"
    assert parse(value_of({key: part for key, part in rest.items() if key != name})) == "not_a_cloud_event"
    assert parse(value_of({**rest, name: None})) == "not_a_cloud_event"


def test_an_own_topic_takes_reports_only_whatever_else_is_wrong() -> None:
    taken_back = event(type="usage.corrected", quantity=-5)
    assert parse(value_of(taken_back)) == (WORKSPACE, "logs", 14, *parse(GOOD)[3:4], True, -5, *parse(GOOD)[6:9])
    assert parse(value_of(taken_back), own=WORKSPACE) == "unknown_type"
    assert parse(value_of({**taken_back, "id": "", "subject": "a b"}), own=WORKSPACE) == "unknown_type"
    assert parse(value_of({**taken_back, "specversion": "2"}), own=WORKSPACE) == "not_a_cloud_event"


def test_the_subject_may_be_absent_on_its_own_topic_only() -> None:
    for nothing in ({key: part for key, part in EVENT.items() if key != "subject"}, {**EVENT, "subject": None}):
        assert parse(value_of(nothing)) == "invalid_field"
        assert parse(value_of(nothing), own=WORKSPACE) == parse(GOOD)
    assert parse(value_of(event(subject="other")), own=WORKSPACE) == "subject_does_not_match_topic"
    assert parse(value_of(event(subject="")), own=WORKSPACE) == "invalid_field"


def test_a_correction_of_a_count_is_at_least_0_and_of_a_sum_may_be_below() -> None:
    count = {"type": "usage.corrected", "item": "datakit", "retention_days": None}
    assert parse(value_of(event(**count, quantity=-1))) == "invalid_field"
    assert not isinstance(parse(value_of(event(**count, quantity=0))), str)
    assert parse(value_of(event(**count, quantity=-1, time="2020-01-31T08:00:00Z"))) == "invalid_field"
    assert not isinstance(parse(value_of(event(type="usage.corrected", quantity=-(10**15)))), str)


def test_the_absent_retention_is_the_default_one_and_an_item_without_takes_none() -> None:
    assert parse(value_of(event(retention_days=None))) == parse(GOOD)
    assert parse(value_of(event(item="sms", retention_days=14))) == "unknown_retention"
    assert parse(value_of(event(item="sms", retention_days=0))) == "unknown_retention"
    assert not isinstance(parse(value_of(event(item="sms", retention_days=None))), str)


@pytest.mark.parametrize("depth", [60_000, 100_000])
@pytest.mark.parametrize("bracket", [b"[", b'{"a":'])
def test_depth_without_end_is_no_json(depth: int, bracket: bytes) -> None:
    value = bracket * (depth // len(bracket))
    assert parse(value) == ("not_json" if len(value) <= 65_536 else "too_large")
    assert parse(GOOD[:-1] + b',"x":' + value) == ("not_json" if len(GOOD) + 5 + len(value) <= 65_536 else "too_large")


@pytest.mark.parametrize("digits", [19, 20, 400, 4_299, 5_000])
def test_an_endless_integer_is_json_and_no_quantity(digits: int) -> None:
    for sign in (b"", b"-"):
        assert parse(GOOD.replace(b"1000000", sign + b"9" * digits)) == "invalid_field"
        assert parse(GOOD.replace(b"14", sign + b"9" * digits)) == "unknown_retention"
        assert parse(GOOD[:-1] + b',"x":' + sign + b"9" * digits + b"}") == parse(GOOD)


@pytest.mark.parametrize("text", ["1.0", "1e6", "1E0", '"5"', "true", "null", "[]", "1e999", "-1", "1000000000000001"])
def test_what_is_no_quantity(text: str) -> None:
    assert parse(GOOD.replace(b"1000000", text.encode())) == "invalid_field"


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "0x1", "tru", "'1'"])
def test_what_is_no_json_anywhere(text: str) -> None:
    assert parse(GOOD.replace(b"1000000", text.encode())) == "not_json"
    assert parse(GOOD[:-1] + b',"x":' + text.encode() + b"}") == "not_json"


def test_minus_zero_is_zero() -> None:
    assert parse(GOOD.replace(b"1000000", b"-0")) == parse(GOOD.replace(b"1000000", b"0"))
    assert not isinstance(parse(GOOD.replace(b"1000000", b"-0")), str)


@pytest.mark.parametrize(
    "junk", [b'"\xff"', b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\x41"', b'"\x01"', b'"\n"']
)
def test_an_unknown_field_is_utf8_too(junk: bytes) -> None:
    assert parse(GOOD[:-1] + b',"x":' + junk + b"}") == "not_json"
    assert parse(GOOD[:-1] + b"," + junk + b":1}") == "not_json"
    assert parse(GOOD[:-2] + b',"x":' + junk + b"}}") == "not_json"


def test_marks_and_blanks_around_the_object() -> None:
    assert parse(b"\xef\xbb\xbf" + GOOD) == "not_json"
    assert parse(GOOD.decode().encode("utf-16")) == "not_json"
    assert parse(b" \r\n\t" + GOOD + b"\n ") == parse(GOOD)
    for after in (b"x", b"\x00", b"\xc2\xa0", b"{}", b"\x0c"):
        assert parse(GOOD + after) == "not_json"
    for value in (b"", b" ", b"null", b"[]", b'"x"', b"1", b"[" + GOOD + b"]"):
        assert parse(value) == ("not_json" if not value.strip() else "not_a_cloud_event")


def test_of_a_repeated_key_the_last_counts() -> None:
    assert parse(b'{"id":5,"id":null,"subject":"a/b",' + GOOD[1:]) == parse(GOOD)
    assert parse(GOOD[:-1] + b',"id":null}') == "not_a_cloud_event"
    assert parse(GOOD[:-1] + b',"data":{}}') == "invalid_field"
    assert parse(GOOD.replace(b'"quantity":', b'"quantity":1.5,"quantity":')) == parse(GOOD)
    assert parse(GOOD.replace(b'"specversion": "1.0"', b'"specversion":"1.0","specversion":"0.3"')) != parse(GOOD)


@pytest.mark.parametrize(
    ("time", "reason"),
    [
        ("0001-01-01T00:00:00Z", "time_beyond_horizon"),
        ("0001-01-01T00:00:00+23:59", "time_beyond_horizon"),
        ("9999-12-31T23:59:59.999999999Z", "time_in_the_future"),
        ("9999-12-31T23:59:59-23:59", "time_in_the_future"),
        ("0000-01-01T00:00:00Z", "invalid_field"),
        ("2026-01-31T23:59:60Z", "invalid_field"),
        ("2026-01-31T24:00:00Z", "invalid_field"),
        ("2026-01-31t08:00:00z", "invalid_field"),
        ("2026-01-31T08:00:00", "invalid_field"),
        ("2026-01-31T08:00:00.Z", "invalid_field"),
        ("2026-01-31T08:00:00.1234567890Z", "invalid_field"),
        ("2026-01-31T08:00:00Z\n", "invalid_field"),
    ],
)
def test_times_at_the_ends_of_time(time: str, reason: str) -> None:
    assert parse(value_of(event(time=time))) == reason


def test_nine_digits_at_a_days_edge_are_cut_not_rounded() -> None:
    edge = [
        parse(value_of(event(time=f"2026-01-30T15:59:59.{digits}Z"))) for digits in ("999999", "999999999", "9999995")
    ]
    after = parse(value_of(event(time="2026-01-30T16:00:00.000000999Z")))
    assert edge[0] == edge[1] == edge[2]
    assert (after[3], edge[0][3]) == (edge[0][3] + 1, edge[0][3])  # type: ignore[operator] # days


def test_the_future_begins_after_300_seconds_and_the_past_after_the_horizon() -> None:
    ahead = RECEIVED_MS * 1000 + 300_000_000
    assert not isinstance(parse(value_of(event(time=time_text(ahead)))), str)
    assert parse(value_of(event(time=time_text(ahead + 1)))) == "time_in_the_future"
    oldest = (instant("2026-01-31T00:00:00+08:00") or 0) - HORIZON_DAYS * DAY_US
    assert not isinstance(parse(value_of(event(time=time_text(oldest)))), str)
    assert parse(value_of(event(time=time_text(oldest - 1)))) == "time_beyond_horizon"


# The fast path and the reference


#: Deeper than the reference reads, and than a quick look at a value tells.
DEEP = b"[" * 250 + b"]" * 250
OTHERS = [
    b'"x"',
    b"[[]]",
    DEEP,
    b"9" * 5_000,
    b"NaN",
    b'"\xff"',
    b'"\\ud800"',
    b"-0",
    b"1e6",
    b"null",
    b'"e30="',
    b'"eyJpdGVtIjoic21zIiwicXVhbnRpdHkiOjV9"',
    b'"eyJpdGVtIjoic21zIiwicXVhbnRpdHkiOjV9=="',
    b'"eyJpdGVt IjoiAA=="',
]
PIECES = st.sampled_from(
    [
        b'"id":',
        b'"data":',
        b'"data_base64":',
        b'"subject":',
        b'"quantity":',
        b'"retention_days":',
        b'"x":',
        b'"time":',
    ]
)


@st.composite
def bent(draw: st.DrawFn) -> bytes:
    """A good event with members put in, twice maybe, at the outside or inside `data`."""
    value = draw(
        st.sampled_from(
            [GOOD, IN_BASE64, value_of(event(retention_days=None)), value_of(event(type="usage.corrected"))]
        )
    )
    for _ in range(draw(st.integers(1, 3))):
        member = draw(PIECES) + draw(st.sampled_from([*OTHERS, b'"2026-01-31T08:00:00Z"', b"14", b'{"item":"logs"}']))
        place = draw(st.sampled_from([b"{", b'"data": {', b"}}", b"}"]))
        at = value.rfind(place) if place.startswith(b"}") else value.find(place) + len(place)
        value = value[:at] + (b"," + member if place.startswith(b"}") else member + b",") + value[at:]
    return value


@settings(max_examples=400, deadline=None)
@given(bent() | foreign_values(EVENT), st.sampled_from([None, WORKSPACE]))
def test_what_the_fast_path_accepts_the_reference_reads_alike(value: bytes, own: str | None) -> None:
    found = fast(value, own)
    if found is not None:
        assert found == slow(value, own)


@settings(max_examples=400, deadline=None)
@given(bent() | foreign_values(EVENT), st.sampled_from([None, WORKSPACE]))
def test_any_value_is_read_as_the_oracle_reads_it(value: bytes, own: str | None) -> None:
    # The oracle reads deeper (where depth ends, SPEC leaves open), takes no endless retention, forgets overridden keys.
    assume(DEEP not in value and b"\\ud800" not in value and b'"retention_days":99' not in value)
    topic = "usage" if own is None else f"usage.{own}"
    expected = read_usage(Sent(topic, 0, 0, RECEIVED_MS, value), Settings(), ACCOUNTS)
    found = parse(value, own=own)
    if not isinstance(expected, Dead):
        assert found[5] == expected.quantity, found
    elif "workspace_unknown" in expected.reasons:
        assert not isinstance(found, str), found
    else:
        assert found in expected.reasons


@given(st.dictionaries(st.sampled_from(["item", "quantity", "retention_days", "x"]), st.integers(-2, 2) | st.text()))
def test_the_struct_is_the_model(data: dict[str, Any]) -> None:
    value = value_of({**EVENT, "data": {**EVENT["data"], **data}})
    try:
        model = usage_of(value, (), TYPES)
    except Unreadable:
        return
    struct = decode_event(value)
    assert json.loads(model.model_dump_json(include={"id", "source", "type", "subject", "time"})) == {
        name: getattr(struct, name) for name in ("id", "source", "type", "subject", "time")
    }
    assert (model.data.item, model.data.quantity, model.data.retention_days) == (
        struct.data.item,
        struct.data.quantity,
        struct.data.retention_days,
    )


def test_ordinary_events_are_not_peculiar() -> None:
    assert not peculiar(GOOD)
    assert not peculiar(GOOD + b" " * 3_000)
    assert fast(GOOD) == slow(GOOD)
    assert all(map(peculiar, (GOOD + b"[" * 400, GOOD + b" " * 5_000, b'{"x":"\\u0041"}', "é".encode())))
