"""Which account a workspace belongs to, and whether it is commercial yet (topic `workspaces`)."""

import contextlib
from typing import Literal

import msgspec
from pydantic import Field, ValidationError

from schemas.ids import Id, is_id
from schemas.record import Record, Unreadable, json_value, peculiar, problem


class WorkspaceTier(Record):
    """A workspace, its account for good, and its tier: `free`, then `commercial`."""

    workspace: Id = Field(description="The workspace.", examples=["wksp_a"])
    account: Id = Field(description="The account of its first record; it never moves.", examples=["acct_1"])
    tier: Literal["free", "commercial"] = Field(
        description="From the billing day of the first `commercial` record on it is charged.", examples=["commercial"]
    )


class TierRecord(msgspec.Struct, frozen=True, gc=False):
    """A `WorkspaceTier` that was read."""

    workspace: str
    account: str
    tier: Literal["free", "commercial"]


_plain = msgspec.json.Decoder(TierRecord).decode


def workspace_from_json(content: bytes) -> TierRecord:
    """The record in `content`; raises Unreadable with its `reason`.

    Every worker reads the whole log when it starts, so what is plain is read by msgspec, and all else with care.
    """
    if not peculiar(content):
        with contextlib.suppress(msgspec.MsgspecError):
            found = _plain(content)
            if is_id(found.workspace) and is_id(found.account):
                return found
    return read_with_care(content)


def read_with_care(content: bytes) -> TierRecord:
    """`workspace_from_json` by the model alone."""
    shape = json_value(content)
    try:
        found = WorkspaceTier.model_validate(shape)
    except ValidationError as wrong:
        raise Unreadable(problem(wrong)) from wrong
    return TierRecord(found.workspace, found.account, found.tier)
