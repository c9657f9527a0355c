"""The answer of `meter explain`: one model for the command, the page and its JSON (SPEC §13).

Quantities are integers, money is a decimal string as published, days are `YYYY-MM-DD`, times are ISO 8601 with the
offset of the billing zone. `None` says that something does not apply or is not known; a reason stands beside it.
"""

from typing import Literal

from meter.explain.change_model import Drivers, WhatWouldChangeIt
from meter.explain.figure_model import Basis, Charge, Part, PlanDraw, Usage
from schemas.record import encode

State = Literal["open", "closed", "final"]


# ------------------------------------------------------------------------------------------------ history


class Cause(Part, frozen=True, kw_only=True):
    """The published cause: the entries of the journal record that touched this account, item and day."""

    kind: str
    workspaces: list[str]
    orders: list[str] | None
    more: int | None
    topic: str
    partition: int
    first_offset: int
    last_offset: int


class Change(Part, frozen=True, kw_only=True):
    """One published revision. `amount_before` is None where the revision before is no longer kept."""

    revision: int
    previous_revision: int
    time: str
    usage: int
    covered: int
    overage: int
    delta: int
    basis: Basis
    amount: str
    amount_before: str | None
    cause: Cause
    #: Whether the record held something about this workspace itself; False: it sent nothing.
    sent: bool
    restated: bool
    sentence: str


# ------------------------------------------------------------------------------------------------ sources


class Letter(Part, frozen=True, kw_only=True):
    """A dead letter of this workspace, item and day."""

    reason: str
    topic: str
    partition: int
    offset: int


class Source(Part, frozen=True, kw_only=True):
    """The records of one source partition about this workspace, item and day.

    `ranges` (first and last offset, inclusive) hold all of them, and between them others, about something else.
    """

    topic: str
    partition: int
    ranges: list[list[int]]
    records: int
    counted: int
    duplicate: int
    dead: int


# ------------------------------------------------------------------------------------------------ the whole


class Explanation(Part, frozen=True, kw_only=True):
    """Why the overage and the charge of a workspace, item and day are what they are."""

    sentence: str
    account: str
    workspace: str
    item: str
    day: str
    #: An open day goes on; a closed one may be restated through `changes_until` (a day); a final one never changes.
    state: State
    changes_until: str
    time_zone: str
    currency: str
    #: Of the published figure; 0: none is published under this key (all was covered, or the day is free).
    revision: int
    restated: bool
    covered: int
    overage: int
    usage: Usage
    plans: list[PlanDraw]
    charge: Charge
    history: list[Change]
    #: Why `history` lacks its beginning; None: it is whole.
    history_reason: str | None
    what_would_change_it: WhatWouldChangeIt
    sources: list[Source] | None
    sources_reason: str | None
    #: Dead letters of this workspace, item and day, the first of them; `sources` counts all.
    dead_letters: list[Letter]
    drivers: Drivers | None
    #: What else there is to know, such as inputs that are no longer kept.
    notes: list[str]

    def json_bytes(self) -> bytes:
        """The answer as JSON."""
        return encode(self)


# ------------------------------------------------------------------------------------------------ one record

Fate = Literal["counted", "refused", "duplicate", "dead", "null", "not_handled_yet", "not_there_yet", "gone"]


class Where(Part, frozen=True, kw_only=True):
    """A source record, the topic without the prefix."""

    topic: str
    partition: int
    offset: int


class RecordFate(Part, frozen=True, kw_only=True):
    """What became of one record that a producer sent: `fate`, and what belongs to it."""

    sentence: str
    record: Where
    fate: Fate
    #: `usage`, `workspace`, `order`; None where the record cannot be read.
    kind: Literal["usage", "workspace", "order"] | None
    account: str | None
    workspace: str | None
    item: str | None
    day: str | None
    quantity: int | None
    retention_days: int | None
    order_id: str | None
    #: Journal offset under which it was counted or decided: figures that it changed carry this revision.
    revision: int | None
    #: Of a duplicate: the record that counts; None where it is no longer kept.
    duplicate_of: Where | None
    #: Of a dead letter or a refused order.
    reason: str | None
    error: str | None

    def json_bytes(self) -> bytes:
        """The answer as JSON."""
        return encode(self)
