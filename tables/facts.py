"""The row of a partition's facts, which also holds the format number of the whole state.

A worker that takes over a partition reads this row first. A version from before the format number cannot decode it and
stops, instead of reading accounts without their plans.
"""

import msgspec

from meter.errors import UserError
from schemas.journal import CatalogVersion, Opening
from schemas.rows import Fact

#: Raise it when an earlier version would misread new rows.
STATE_FORMAT = 6


class FactsRow(Fact, frozen=True):
    """The facts as stored."""

    opening: Opening
    closed_through: int
    expired_through: int
    closing: str = ""
    sweeping: str | None = None
    announced: tuple[CatalogVersion, ...] = ()


class _Marked(Fact, frozen=True):
    format: int
    facts: FactsRow


_encode = msgspec.msgpack.Encoder(decimal_format="string").encode
_marked = msgspec.msgpack.Decoder(_Marked).decode
_unmarked = msgspec.msgpack.Decoder(FactsRow).decode


def facts_row(facts: FactsRow) -> bytes:
    """The facts encoded."""
    return _encode(_Marked(STATE_FORMAT, facts))


def facts_of(row: bytes) -> FactsRow:
    """The facts in a row, of this format or of format 5; UserError if a later version wrote it."""
    try:
        marked = _marked(row)
    except msgspec.ValidationError:
        return _unmarked(row)
    if marked.format > STATE_FORMAT:
        raise UserError(
            f"the state was written by a later version of the meter: its format is {marked.format}, this version reads "
            f"formats up to {STATE_FORMAT}; start the version that wrote it on every machine"
        )
    return marked.facts
