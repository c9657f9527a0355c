"""What all record models share: strict (no coercion), frozen, deaf to unknown fields; optional fields stay out."""

import json
from typing import Any

import msgspec
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails, from_json

from schemas.ids import shown
from schemas.reasons import DeadReason

#: JSON of the struct twins of the models that are written for every event: the model's own, only faster.
_encode = msgspec.json.Encoder().encode


def encode(struct: object) -> bytes:
    """A struct as JSON; sums beyond 64 bits, which msgspec cannot write, through Python's own."""
    try:
        return _encode(struct)
    except OverflowError:
        return json.dumps(msgspec.to_builtins(struct), ensure_ascii=False, separators=(",", ":")).encode()


#: Digits of an integer that are read: far more than any quantity has, fewer than Python refuses.
DIGITS_LIMIT = 1_000
#: A value up to this long is shallow: it has no room for the depth at which readers of JSON differ.
SHALLOW_BYTES = 384
#: In a longer value: brackets that may nest; and numbers are endless from 4,300 digits on.
BRACKETS = 100
ENDLESS_BYTES = 4_096
#: Bytes that a schema registry's serializer writes before a value: 00 and the schema's id.
FRAME_BYTES = 5
#: How values begin that other programs mean as JSON, and how to send them instead.
BEGINNINGS = {
    b"\xef\xbb\xbf": "a byte order mark: send UTF-8 without it",
    b"\xff\xfe": "the byte order mark of UTF-16: send UTF-8",
    b"\xfe\xff": "the byte order mark of UTF-16: send UTF-8",
    b"\x1f\x8b": "which is gzip: send JSON text; the producer's compression.type compresses it",
    b"\x28\xb5\x2f\xfd": "which is zstd: send JSON text; the producer's compression.type compresses it",
    b"Obj\x01": "which is an Avro file: send JSON text in UTF-8",
}


class Unreadable(ValueError):
    """The record becomes a dead letter for `reason`."""

    reason = DeadReason.INVALID_FIELD


class NotJson(Unreadable):
    """The value is not JSON in UTF-8."""

    reason = DeadReason.NOT_JSON


class Record(BaseModel):
    """A record or a part of one. Output is written without the optional fields that do not apply."""

    model_config = ConfigDict(
        strict=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    def json_bytes(self) -> bytes:
        """The record as published: fields in the order of the model, absent ones left out."""
        return self.model_dump_json(exclude_none=True, by_alias=True).encode()


def problem(wrong: ValidationError) -> str:
    """What is wrong with a record, for a dead letter: the first problem (place: law: what was given), how many more."""
    errors = wrong.errors(include_url=False)
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return sentence(errors[0]) + more


def sentence(error: ErrorDetails) -> str:
    """One problem as `place: law: given`; foreign text is escaped and short."""
    place = ""
    for step in error["loc"]:
        if step != "[key]":
            place += f"[{step}]" if type(step) is int else f".{quoted(step)}"
    law = error["msg"].removeprefix("Value error, ")
    given = f": {shown(error['input'])}" if error["type"] != "missing" else ""
    return f"{place.lstrip('.') or 'the whole'}: {law}{given}"


def quoted(name: object) -> str:
    """A name for a place: bare if it is an ordinary one."""
    text = str(name)
    return text if text.isascii() and text.replace("_", "").replace("-", "").isalnum() else shown(text)


def json_value(content: bytes) -> Any:
    """The JSON value in `content`; the last of repeated keys counts. NotJson if it is none.

    pydantic's reader is the strict one: no NaN, no lone surrogate, no UTF-16, no depth without end. Only numbers of
    thousands of digits, which are JSON too, are left to Python's.
    """
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as wrong:
        if "number out of range" in str(wrong):
            return _with_long_numbers(content)
        raise NotJson(not_json(content, wrong)) from wrong


def not_json(content: bytes, wrong: object) -> str:
    """Why a value is not JSON in UTF-8 and how to send it instead; `wrong` is the reader's own complaint."""
    if not content:
        return "the value is empty: send a JSON object, or no value (a tombstone) to say nothing"
    if content[0] == 0 and len(content) > FRAME_BYTES:
        schema = int.from_bytes(content[1:FRAME_BYTES], "big")
        return (
            f"the value begins with byte 00 and schema id {schema}, as a schema registry's serializer frames it: "
            "send plain JSON text in UTF-8"
        )
    for beginning, mend in BEGINNINGS.items():
        if content.startswith(beginning):
            return f"the value begins with {beginning.hex(' ').upper()}, {mend}"
    return f"the value is not JSON in UTF-8: {wrong}"


def peculiar(value: bytes) -> bool:
    """Whether the reference must decode a value, because msgspec, which skips unknown fields, might accept too much."""
    if len(value) > SHALLOW_BYTES and (len(value) > ENDLESS_BYTES or value.count(b"[") + value.count(b"{") > BRACKETS):
        return True
    return not value.isascii() or b"\\u" in value


def _with_long_numbers(content: bytes) -> Any:
    try:
        return json.loads(content.decode(), parse_int=_int, parse_constant=_no_constant)
    except (ValueError, RecursionError) as wrong:
        raise NotJson(not_json(content, wrong)) from wrong


def _int(digits: str) -> int:
    """A JSON integer; more than DIGITS_LIMIT digits become a number beyond every limit, with the same sign."""
    return int(digits[:DIGITS_LIMIT])


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
