"""Decodes events, structured or binary, by the fast path or by the reference.

The fast path is a msgspec struct. It may refuse a valid event, never accept an invalid one; what it refuses is decoded
by the pydantic model, the reference. msgspec skips unknown fields without checking them, so bytes that are not ASCII or
hold `\\u` escapes, and long ones with deep nesting or endless numbers, also go to the reference.
"""

from collections.abc import Sequence
from operator import attrgetter
from typing import Annotated, Any, Literal

import msgspec

from agents.intake.binary_mode import CloudEventMode, Headers, is_structured
from schemas.ids import QUANTITY_LIMIT, RECORD_LIMIT_BYTES, shown
from schemas.record import SHALLOW_BYTES, json_value, peculiar
from schemas.usage import TYPES, NotACloudEvent, UsageEvent, usage_from_json, usage_from_shape

#: Value and headers of a record, in bytes.
RECORD_LIMIT = RECORD_LIMIT_BYTES
#: Longest `id` and `source`, in characters.
NAME_LIMIT = 256

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=NAME_LIMIT)]
_Quantity = Annotated[int, msgspec.Meta(ge=-QUANTITY_LIMIT, le=QUANTITY_LIMIT)]


class _Data(msgspec.Struct, gc=False):
    item: str
    quantity: _Quantity
    retention_days: int | None = None


class _Attributes(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: Literal["usage.recorded", "usage.corrected"]
    time: str
    subject: str | None = None


class _Event(msgspec.Struct, gc=False):
    specversion: Literal["1.0"]
    id: _Name
    source: _Name
    type: Literal["usage.recorded", "usage.corrected"]
    time: str
    data: _Data
    subject: str | None = None
    #: Refused here: an event with it is decoded as `_InBase64`, or by the reference if it has `data` too.
    data_base64: None = None


class _InBase64(_Attributes, kw_only=True, gc=False):
    """An event whose data is JSON in base64."""

    data_base64: bytes
    data: None = None


#: Stands in for an event that the fast path cannot decode; it belongs to no known class.
BLANK = _Event("1.0", "", "", "usage.recorded", "", _Data("", 0))

decode_event = msgspec.json.Decoder(_Event).decode
_decode_data = msgspec.json.Decoder(_Data).decode
_decode_in_base64 = msgspec.json.Decoder(_InBase64).decode


def opened(value: bytes, headers: Headers) -> _Event:
    """The event of a record by the fast path; ValueError (or msgspec's) if the reference must decode it."""
    if not headers or is_structured(headers):
        return _structured(value)
    modes = CloudEventMode(headers)
    if modes.batch or len(value) + modes.size > RECORD_LIMIT:
        raise ValueError("for the reference")
    if modes.attributes is None:
        return _structured(value)
    return _with_data(msgspec.convert(modes.attributes, _Attributes), value)


def _structured(value: bytes) -> _Event:
    try:
        return decode_event(value)
    except msgspec.ValidationError:
        if b'"data_base64"' not in value:
            raise
    event = _decode_in_base64(value)
    if peculiar(event.data_base64):
        raise ValueError("for the reference")
    return _with_data(event, event.data_base64)


def _with_data(event: _Attributes, data: bytes) -> _Event:
    return _Event(event.specversion, event.id, event.source, event.type, event.time, _decode_data(data), event.subject)


_headers = attrgetter("headers")


def opened_all(records: Sequence[Any]) -> list[_Event]:
    """The events of records by the fast path; `BLANK` for one that the reference must decode, or that has no value."""
    values = [record.value for record in records]
    if _plain(values) and not any(map(_headers, records)):
        try:
            return [decode_event(value) for value in values]
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass  # one by one, to find which record it was
    return [_opened_or_blank(record) for record in records]


def _plain(values: Sequence[bytes | None]) -> bool:
    """Whether no value is peculiar; may be False although none is."""
    if None in values:
        return False
    together = b"".join(values)  # type: ignore[arg-type] # none is None
    if max(map(len, values)) > SHALLOW_BYTES or not together.isascii():  # type: ignore[arg-type]
        return False
    return b"\\" not in together or b"\\u" not in together  # a single byte is found five times as fast


def _opened_or_blank(record: Any) -> _Event:
    value = record.value
    if value is None or peculiar(value):
        return BLANK
    try:
        return opened(value, record.headers)
    except (msgspec.DecodeError, ValueError, RecursionError):
        return BLANK


def usage_of(value: bytes, headers: Headers = (), types: Sequence[str] = TYPES) -> UsageEvent:
    """The event of a record in either mode, by the reference; raises Unreadable with the first reason that applies."""
    if not headers:
        return usage_from_json(value, types)
    modes = CloudEventMode(headers)
    content = json_value(value)
    if modes.batch:
        raise NotACloudEvent("an event must come by itself, this is a batch")
    if modes.attributes is None:
        if modes.http_header and not (isinstance(content, dict) and "specversion" in content):
            raise NotACloudEvent(
                f"header {shown(modes.http_header)} is of CloudEvents' HTTP binding; in Kafka an attribute's header "
                "begins with ce_, such as ce_specversion"
            )
        return usage_from_shape(content, types)
    return usage_from_shape({**modes.attributes, "data": content}, types)
