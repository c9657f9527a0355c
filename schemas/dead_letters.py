"""Records the meter could not count, whole enough to be sent again (topic `dead-letters`)."""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.types import StringConstraints

from schemas.days import Time
from schemas.reasons import DeadReason
from schemas.record import Record

#: A longer value is cut to this many bytes; `length` and `sha256` are then of the whole value.
VALUE_LIMIT_BYTES = 16 * 1024
#: Characters of foreign text in `error`.
FOREIGN_LIMIT = 200

Base64 = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$")]


class Header(Record):
    """A header of the record; a name may come more than once."""

    name: str = Field(description="Its name.", examples=["content-type"])
    value: Base64 | None = Field(None, description="Its value; absent: null.", examples=["YXBwbGljYXRpb24vanNvbg=="])


class DeadLetter(Record):
    """One record that was not counted; with `records` a summary of many, else with `last_offset` a range of them."""

    reason: DeadReason = Field(description="The first that applies.", examples=["not_json"], strict=False)
    error: str = Field(
        description="The law, then the numbers.",
        examples=["the value is not JSON in UTF-8: expected value at line 1 column 1"],
    )
    topic: str = Field(description="Where it stood, without the prefix.", examples=["usage"])
    partition: int = Field(description="Of that topic.", ge=0, examples=[3])
    offset: int = Field(description="Of that partition.", ge=0, examples=[991])
    last_offset: int | None = Field(
        None,
        description="The end of a summary, or of a lost or unread range, inclusive.",
        ge=0,
        examples=[1010],
    )
    records: int | None = Field(
        None,
        description="Of a summary: how many bad records it stands for, none of which has a letter of its own.",
        ge=1,
        examples=[15],
    )
    reasons: dict[Annotated[DeadReason, Field(strict=False)], Annotated[int, Field(ge=1)]] | None = Field(
        None,
        description="Of a summary: the records of each reason; `reason` is the one of most of them.",
        examples=[{"not_json": 14, "unknown_item": 1}],
    )
    ranges: list[Annotated[list[int], Field(min_length=2, max_length=2)]] | None = Field(
        None,
        description="Of a summary: the offsets of its records, first and last of each run without a gap.",
        examples=[[[991, 1000], [1006, 1010]]],
    )
    key: Base64 | None = Field(None, description="The record's key; absent: null.", examples=["d2tzcF9h"])
    key_length: int | None = Field(None, description="Bytes of the whole key, if it is cut.", examples=[70000])
    value: Base64 | None = Field(
        None, description="The record's value, its beginning if it is above 16 KiB.", examples=["bm90IGpzb24="]
    )
    length: int | None = Field(None, description="Bytes of the whole value, if it is cut.", examples=[70000])
    sha256: str | None = Field(
        None,
        description="Of the whole value, if it is cut; of a summary: of its values one after the other.",
        pattern="^[0-9a-f]{64}$",
        examples=["0f" * 32],
    )
    headers: list[Header] = Field(description="The record's headers, in their order.")
    headers_left_out: int | None = Field(
        None, description="How many headers at the end are left out, because they are too long.", examples=[2]
    )
    at: Time = Field(description="When it was decided.", examples=["2026-01-31T08:00:01.000000Z"])
    rebuilt: Literal[True] | None = Field(
        None,
        description="Decided after the intake: the value is the event rebuilt in structured mode.",
        examples=[True],
    )

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.topic}/{self.partition}/{self.offset}"
