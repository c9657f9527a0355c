"""A dead letter says what was wrong with the record, with its values, and how to send it instead."""

import json
from typing import Any

import pytest

from agents.intake.orders_lane import read_order
from agents.intake.usage_reader import Dead
from schemas.orders import canonical, difference, order_from_json
from tests import records
from tests.agents.reading_ground import EVENT, READER, RECEIVED_MS, Headers, event, value_of

GOOD = value_of(EVENT)


def error_of_usage(value: bytes, headers: Headers = (), own: str | None = None) -> str:
    """The reason and the sentence of the dead letter that a usage record becomes."""
    with pytest.raises(Dead) as dead:
        READER.read(value, headers, RECEIVED_MS, own)
    return f"{dead.value.reason}: {dead.value.error}"


def error_of_order(order: dict[str, Any]) -> str:
    """The same of an order."""
    with pytest.raises(Dead) as dead:
        read_order(json.dumps(order).encode(), ())
    return f"{dead.value.reason}: {dead.value.error}"


@pytest.mark.parametrize(
    ("value", "parts"),
    [
        (b"", ["not_json: the value is empty", "send a JSON object"]),
        (b"\xef\xbb\xbf" + GOOD, ["not_json: the value begins with EF BB BF, a byte order mark", "without it"]),
        (GOOD.decode().encode("utf-16"), ["not_json: the value begins with FF FE", "UTF-16: send UTF-8"]),
        (b"\x00\x00\x00\x01\x02" + GOOD, ["not_json: ", "byte 00 and schema id 258", "plain JSON text"]),
        (b"\x1f\x8b\x08rest", ["not_json: the value begins with 1F 8B, which is gzip", "compression.type"]),
        (b"Obj\x01rest", ["not_json: ", "an Avro file"]),
        (b"{,}", ["not_json: the value is not JSON in UTF-8: ", "line 1 column 2"]),
        (b"[]", ["not_a_cloud_event: ", "one JSON object, not []"]),
        (value_of({"a": 1}), ['not_a_cloud_event: specversion must be "1.0", the value has none', "begin with ce_"]),
        (value_of(event(specversion="0.3")), ["not_a_cloud_event: specversion must be \"1.0\", not '0.3'"]),
        (value_of(event(item="nope")), ["unknown_item: unknown item 'nope': the catalog of 2026-01-31 has api_calls"]),
        (value_of(event(retention_days=8)), ["unknown_retention: logs", "3, 7, 14, 30, 60", "8"]),
        (value_of(event(quantity=1.5)), ["invalid_field: data.quantity: ", "1.5"]),
        (value_of(event(subject=None)), ["invalid_field: subject: ", "must name its workspace"]),
    ],
)
def test_usage_that_cannot_count_is_explained(value: bytes, parts: list[str]) -> None:
    found = error_of_usage(value)
    assert found.startswith(parts[0]), found
    assert [part for part in parts if part not in found] == [], found


def test_the_headers_of_another_binding_are_named() -> None:
    headers = (("ce-specversion", b"1.0"), ("ce-id", b"1"))
    found = error_of_usage(value_of(EVENT["data"]), headers)
    assert found.startswith("not_a_cloud_event: header 'ce-id' is of CloudEvents' HTTP binding; ")
    assert "ce_specversion" in found
    assert READER.read(GOOD, headers, RECEIVED_MS).workspace == EVENT["subject"]


def test_a_subject_that_is_not_the_topics_workspace_is_named() -> None:
    assert error_of_usage(GOOD, own="wksp_b") == (
        "subject_does_not_match_topic: the topic is that of workspace wksp_b, the subject is 'wksp_a'"
    )


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"amount": 100.0}, "invalid_field: amount: money must be a decimal string"),
        ({"account": None}, "invalid_field: account: "),
        ({"kind": "gift"}, "unknown_type: an order's kind is one of"),
    ],
)
def test_an_order_that_cannot_be_read_is_explained_with_its_value(changes: dict[str, Any], expected: str) -> None:
    sentence = error_of_order({**records.top_up("acct", "t-1", "5.00"), **changes})
    assert sentence.startswith(expected), sentence
    assert str(next(iter(changes.values()))) in sentence
    assert "pydantic" not in sentence


def test_two_orders_of_one_id_are_compared_field_by_field() -> None:
    def order(**changes: Any) -> bytes:
        return canonical(
            order_from_json(json.dumps({**records.top_up("acct", "t", "5.00"), **changes}).encode()), "CNY"
        )

    assert difference(order(), order(amount="6.00")) == "amount was '5.00', this one has '6.00'"
    assert difference(order(), order(expires_on=None, method="coupon", instrument="c", amount="6")) == (
        "amount was '5.00', this one has '6.00', instrument was 'absent', this one has 'c' and 1 more"
    )
