"""The facts as a row, which also says the format of all rows of the state.

Whoever takes a partition over reads it first. A meter from before the number was written cannot read it and stops: it
would find accounts without their plans, since these have rows of their own now.
"""

import msgspec

from meter.errors import UserError
from schemas.journal import CatalogVersion, Opening
from schemas.rows import Fact

#: Rises when rows are written that a meter of the number before would take for something else.
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
    """The row as it is written."""
    return _encode(_Marked(STATE_FORMAT, facts))


def facts_of(row: bytes) -> FactsRow:
    """The facts in a row, also as format 5 wrote it; raises UserError where the state is of a later format."""
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
