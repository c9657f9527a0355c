"""Orders of operators (topic `meter.control`, one partition, kept for ever), written by `meter skip` and `redrive`."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from schemas.days import Time
from schemas.reasons import DeadReason
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


class Redriven(Record):
    """These dead letters were sent again: those of `reasons` (none named: all) before `through` of each partition."""

    kind: Literal["redriven"] = Field("redriven", description="What was done.")
    reasons: list[Annotated[DeadReason, Field(strict=False)]] = Field(description="Of which reasons; empty: of all.")
    through: dict[str, int] = Field(
        description="Partition of `dead-letters` -> the offset before which they were.", examples=[{"0": 17}]
    )
    sent: dict[str, list[Annotated[list[int], Field(min_length=2, max_length=2)]]] | None = Field(
        None,
        description="Where their records went: source partition -> first and last offset of each run without a gap.",
        examples=[{"usage/3": [[2001, 2015]]}],
    )
    at: Time = Field(description="When.", examples=["2026-01-31T08:00:01.000000Z"])

    def record_key(self) -> str:
        """The record's key."""
        return "redriven"

    def holds(self, reason: DeadReason, partition: int, offset: int) -> bool:
        """Whether the dead letter at these coordinates, of a reason, was sent again."""
        return (not self.reasons or reason in self.reasons) and offset < self.through.get(str(partition), 0)


Ordered = Annotated[Skip | Redriven, Field(discriminator="kind")]
_adapter: TypeAdapter[Skip | Redriven] = TypeAdapter(Ordered)


def control_from_json(content: bytes) -> Skip | Redriven:
    """The order in `content`; raises pydantic's ValidationError."""
    return _adapter.validate_json(content)
