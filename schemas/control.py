"""Orders of operators to all intakes (topic `meter.control`, one partition, kept for ever), written by `meter skip`."""

from typing import Literal

from pydantic import Field

from schemas.days import Time
from schemas.record import Record


class Skip(Record):
    """Leave out what cannot be read: go on with `topic`/`partition` at `offset`.

    It names the commit that it stands in for, so it holds for the one gap that its writer saw, and only once.
    """

    kind: Literal["skip"] = Field("skip", description="What is ordered.")
    topic: str = Field(description="A source topic, without the prefix.", examples=["usage"])
    partition: int = Field(description="Of that topic.", ge=0, examples=[3])
    offset: int = Field(description="Where reading goes on.", ge=0, examples=[1011])
    instead_of: int = Field(description="The committed offset that it stands in for.", ge=0, examples=[991])
    mark: str = Field(description="The metadata of that commit.", examples=["990 1769846400000 123456789"])
    at: Time = Field(description="When it was ordered.", examples=["2026-01-31T08:00:01.000000Z"])

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.topic}/{self.partition}"
