"""Usage as customers' agents send it (topics `usage` and `usage.<workspace>`): a CloudEvent in structured mode.

This model is the reference: the per-event path decodes with a msgspec struct (agents/) that is tested against it.
"""

import base64
import re
from collections.abc import Sequence
from typing import Any, Literal, Self

from pydantic import ConfigDict, Field, ValidationError, model_validator

from schemas.days import Time
from schemas.ids import QUANTITY_LIMIT, EventName, Id, shown
from schemas.reasons import DeadReason
from schemas.record import NotJson, Record, Unreadable, json_value, problem

RECORDED = "usage.recorded"
CORRECTED = "usage.corrected"
TYPES = (RECORDED, CORRECTED)
#: Base64 as RFC 4648 has it, if it comes in fours; Python's own check lets padding behind a whole four through.
_base64 = re.compile(r"[A-Za-z0-9+/]*={0,2}").fullmatch
#: On a workspace topic: a customer's agent may not take usage back.
RECORDED_ONLY = (RECORDED,)


class NotACloudEvent(Unreadable):
    """No object, another specversion, or id, source or type absent."""

    reason = DeadReason.NOT_A_CLOUD_EVENT


class UnknownType(Unreadable):
    """The event's `type` is none the meter knows."""

    reason = DeadReason.UNKNOWN_TYPE


class Quantity(Record):
    """How much of what was used."""

    item: Id = Field(description="The billing item.", examples=["logs"])
    quantity: int = Field(
        description="How much, a JSON integer; below 0 only in a correction.",
        ge=-QUANTITY_LIMIT,
        le=QUANTITY_LIMIT,
        examples=[1000000],
    )
    retention_days: int | None = Field(
        None, description="How long it is kept; absent: the item's default. One of the item's.", examples=[14]
    )


def _either(schema: dict[str, Any]) -> None:
    """In the JSON Schema an event has `data` or `data_base64`; a validated one always has `data`."""
    schema["properties"]["data_base64"] = {
        "description": "In place of `data`: its JSON in base64 (RFC 4648, padded), as CloudEvents allows.",
        "examples": ["eyJpdGVtIjoic21zIiwicXVhbnRpdHkiOjV9"],
        "type": "string",
        "contentEncoding": "base64",
        "contentMediaType": "application/json",
    }
    schema["required"].remove("data")
    schema["oneOf"] = [{"required": ["data"]}, {"required": ["data_base64"]}]


class UsageEvent(Record):
    """One report of usage, or the correction of one."""

    model_config = ConfigDict(json_schema_extra=_either)

    specversion: Literal["1.0"] = Field(description="Of CloudEvents.", examples=["1.0"])
    id: EventName = Field(description="With workspace and source: the event's identity.", examples=["7c1e…"])
    source: EventName = Field(description="Who reports.", examples=["datakit/host-1"])
    type: Literal["usage.recorded", "usage.corrected"] = Field(
        description="A report, or (on the shared topic) a correction.", examples=["usage.recorded"]
    )
    subject: Id | None = Field(
        None, description="The workspace; may be absent on the workspace topic.", examples=["wksp_a"]
    )
    time: Time = Field(
        description="When it was used; its billing day is the event's. Digits beyond the microsecond are cut.",
        examples=["2026-01-31T08:00:00Z"],
    )
    data: Quantity = Field(description="What was used, and how much.")

    @model_validator(mode="after")
    def _sign(self) -> Self:
        if self.type == RECORDED and self.data.quantity < 0:
            raise ValueError(f"{RECORDED} has a quantity of at least 0, not {self.data.quantity}")
        return self


def usage_from_json(content: bytes, types: Sequence[str] = TYPES) -> UsageEvent:
    """The event in `content`; raises Unreadable, its `reason` the first of SPEC §8 that applies to the value alone."""
    return usage_from_shape(json_value(content), types)


def usage_from_shape(shape: object, types: Sequence[str] = TYPES) -> UsageEvent:
    """The event in a JSON value (or in the attributes of binary mode and their data); raises Unreadable likewise."""
    if not isinstance(shape, dict):
        raise NotACloudEvent(f"an event is one JSON object, not {shown(shape)}")
    if shape.get("specversion") != "1.0":
        raise NotACloudEvent(_not_version_1(shape))
    for name in ("id", "source", "type"):
        if shape.get(name) is None:
            raise NotACloudEvent(f"an event has id, source and type, this one has no {name}")
    if shape["type"] not in types:
        raise UnknownType(f"type is {' or '.join(types)} on this topic, not {shown(shape['type'])}")
    try:
        return UsageEvent.model_validate(_with_data(shape))
    except ValidationError as wrong:
        raise Unreadable(problem(wrong)) from wrong


def _with_data(shape: dict[str, Any]) -> dict[str, Any]:
    """The event with its `data`, where that came as `data_base64`."""
    encoded = shape.get("data_base64")
    if encoded is None:
        return shape
    if shape.get("data") is not None:
        raise Unreadable("data_base64: an event must have data or data_base64, this one has both")
    if not isinstance(encoded, str) or len(encoded) % 4 or _base64(encoded) is None:
        raise Unreadable(f"data_base64: must be base64, not {shown(encoded)}")
    try:
        content = json_value(base64.b64decode(encoded))
    except NotJson as wrong:
        raise Unreadable(f"data_base64: must be JSON in base64: {wrong}") from wrong
    return {**shape, "data": content}


def _not_version_1(shape: dict[str, object]) -> str:
    """Why an object is no event of CloudEvents 1.0."""
    if "specversion" in shape:
        return f'specversion must be "1.0", not {shown(shape["specversion"])}'
    return (
        'specversion must be "1.0", the value has none: send a CloudEvent in structured mode, '
        "or in binary mode with its attributes in headers that begin with ce_"
    )
