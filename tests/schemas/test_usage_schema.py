"""The reference of a usage event: what is accepted, and the first reason of what is not."""

import base64
import json
from typing import Any

import pytest

from schemas.ids import QUANTITY_LIMIT
from schemas.reasons import DeadReason
from schemas.record import Unreadable
from schemas.usage import UsageEvent, usage_from_json

#: SPEC §8.
EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "id": "7c1e…",
    "source": "datakit/host-1",
    "type": "usage.recorded",
    "subject": "wksp_a",
    "time": "2026-01-31T08:00:00Z",
    "data": {"item": "logs", "quantity": 1000000, "retention_days": 14},
}
ABSENT = object()


def _content(path: str = "", value: object = ABSENT) -> bytes:
    event = json.loads(json.dumps(EVENT))
    *parents, name = path.split(".")
    for parent in parents:
        place = event[parent]
        _put(place, name, value)
        return json.dumps(event).encode()
    if name:
        _put(event, name, value)
    return json.dumps(event, ensure_ascii=False).encode()


def _put(place: dict[str, Any], name: str, value: object) -> None:
    if value is ABSENT:
        place.pop(name, None)
    else:
        place[name] = value


def _reason(content: bytes) -> DeadReason | None:
    try:
        usage_from_json(content)
    except Unreadable as wrong:
        problem, reason = str(wrong), wrong.reason
    else:
        return None
    assert len(problem) <= 300
    assert problem.isprintable()
    return reason


def test_the_specified_event_is_read() -> None:
    event = usage_from_json(_content())
    assert event.data.quantity == 1_000_000
    assert event.model_dump(mode="json") == EVENT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("subject", None),
        ("subject", ABSENT),
        ("data.retention_days", None),
        ("data.retention_days", ABSENT),
        ("data.retention_days", 0),
        ("data.quantity", 0),
        ("data.quantity", QUANTITY_LIMIT),
        ("data.more", {"x": [1.5]}),
        ("traceparent", "00-1"),
        ("datacontenttype", 5),
        ("id", "\U0001f600" * 256),
        ("source", " \n"),
        ("time", "2026-01-31T08:00:00.123456789+05:37"),
    ],
)
def test_accepted(path: str, value: object) -> None:
    assert _reason(_content(path, value)) is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("id", ""),
        ("id", 5),
        ("id", "x" * 257),
        ("source", ""),
        ("source", ["a"]),
        ("subject", ""),
        ("subject", "a/b"),
        ("subject", "wksp_a\n"),
        ("subject", 5),
        ("time", ABSENT),
        ("time", None),
        ("time", 1_769_846_400),
        ("time", "2026-01-31T24:00:00Z"),
        ("time", "2026-01-31T08:00:00Z\n"),
        ("data", ABSENT),
        ("data", None),
        ("data", []),
        ("data", "{}"),
        ("data.item", ABSENT),
        ("data.item", None),
        ("data.item", "lo gs"),
        ("data.quantity", ABSENT),
        ("data.quantity", None),
        ("data.quantity", 1.0),
        ("data.quantity", 1e6),
        ("data.quantity", "5"),
        ("data.quantity", True),
        ("data.quantity", -1),
        ("data.quantity", QUANTITY_LIMIT + 1),
        ("data.quantity", 10**30),
        ("data.retention_days", "14"),
        ("data.retention_days", 14.0),
        ("data.retention_days", True),
    ],
)
def test_invalid_fields(path: str, value: object) -> None:
    assert _reason(_content(path, value)) is DeadReason.INVALID_FIELD


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("specversion", ABSENT),
        ("specversion", None),
        ("specversion", "1.1"),
        ("specversion", 1.0),
        ("id", ABSENT),
        ("id", None),
        ("source", ABSENT),
        ("type", ABSENT),
        ("type", None),
    ],
)
def test_what_is_no_cloud_event(path: str, value: object) -> None:
    assert _reason(_content(path, value)) is DeadReason.NOT_A_CLOUD_EVENT


@pytest.mark.parametrize("content", [b"[]", b"null", b"5", b'"x"', b"{}", b"[" + _content() + b"]"])
def test_what_is_no_object_is_no_cloud_event(content: bytes) -> None:
    assert _reason(content) is DeadReason.NOT_A_CLOUD_EVENT


@pytest.mark.parametrize("kind", ["usage", "USAGE.RECORDED", "usage.recorded ", 5, {}, ["usage.recorded"]])
def test_unknown_types_come_before_invalid_fields(kind: object) -> None:
    event = json.loads(_content("data", None)) | {"type": kind}
    assert _reason(json.dumps(event).encode()) is DeadReason.UNKNOWN_TYPE


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b" ",
        b"\xff",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b"\xef\xbb\xbf" + _content(),
        _content().decode().encode("utf-16"),
        _content() + b"x",
        b"[" * 100_000,
        _content().replace(b"1000000", b"1" * 5_000 + b"x"),
        _content().replace(b"wksp_a", rb"\ud800"),
        _content().replace(b'"', b"'"),
    ],
)
def test_what_is_not_json(content: bytes) -> None:
    assert _reason(content) is DeadReason.NOT_JSON


@pytest.mark.parametrize("number", [b"1" * 5_000, b"-" + b"1" * 5_000, b"1" * 5_000 + b".0", b"1e" + b"9" * 5_000])
def test_a_number_of_thousands_of_digits_is_json_and_no_quantity(number: bytes) -> None:
    assert _reason(_content().replace(b"1000000", number)) is DeadReason.INVALID_FIELD


def test_minus_zero_is_zero_and_of_a_repeated_key_the_last_counts() -> None:
    content = _content().replace(b'"quantity": 1000000', b'"quantity": "5", "quantity": -0')
    assert usage_from_json(content).data.quantity == 0


@pytest.mark.parametrize(("quantity", "accepted"), [(-QUANTITY_LIMIT, True), (-QUANTITY_LIMIT - 1, False), (5, True)])
def test_a_correction_may_be_negative(quantity: int, accepted: bool) -> None:
    event = EVENT | {"type": "usage.corrected", "data": {"item": "logs", "quantity": quantity}}
    assert (_reason(json.dumps(event).encode()) is None) == accepted


def _in_base64(content: object, /, **more: object) -> bytes:
    """The event with its data in base64; what is text already stays as it is."""
    encoded = content if not isinstance(content, bytes) else base64.b64encode(content).decode()
    return json.dumps(
        {key: part for key, part in EVENT.items() if key != "data"} | {"data_base64": encoded, **more}
    ).encode()


DATA = json.dumps(EVENT["data"]).encode()


def test_data_in_base64_is_read_as_data() -> None:
    assert usage_from_json(_in_base64(DATA)) == usage_from_json(_content())
    assert usage_from_json(_in_base64(DATA, data=None)) == usage_from_json(_content())
    assert usage_from_json(_content("data_base64", None)) == usage_from_json(_content())


@pytest.mark.parametrize("both", [EVENT["data"], {}, [], 0, ""])
def test_data_in_both_forms_is_an_invalid_field(both: object) -> None:
    assert _reason(_in_base64(DATA, data=both)) is DeadReason.INVALID_FIELD


@pytest.mark.parametrize(
    "encoded",
    [
        5,
        ["e30="],
        {},
        True,
        "",
        "e30",
        "e30==",
        "e30=====",
        "eyJ9==",
        "eyJpdGVtIjoic21zIiwicXVhbnRpdHkiOjV9==",
        "=",
        "====",
        "e3 0=",
        "e30=\n",
        "____",
        "é30=",
        b"{}",
        b"[]",
        b"{",
        b"NaN",
        b"\xff",
        b"[" * 40_000,
        DATA + b"x",
        b"\xef\xbb\xbf" + DATA,
    ],
)
def test_base64_of_anything_but_usage_is_an_invalid_field(encoded: object) -> None:
    assert _reason(_in_base64(encoded)) is DeadReason.INVALID_FIELD


def test_an_event_cannot_be_changed() -> None:
    event = UsageEvent.model_validate(EVENT)
    with pytest.raises(ValueError, match="frozen"):
        event.id = "x"
