"""Which account a workspace belongs to, and whether it is commercial yet (topic `workspaces`)."""

from typing import Literal

import msgspec
from pydantic import Field, ValidationError

from schemas.ids import Id, is_id
from schemas.record import Record, Unreadable, json_value, problem


class WorkspaceTier(Record):
    """A workspace, its account for good, and its tier: `free`, then `commercial`."""

    workspace: Id = Field(description="The workspace.", examples=["wksp_a"])
    account: Id = Field(description="The account of its first record; it never moves.", examples=["acct_1"])
    tier: Literal["free", "commercial"] = Field(
        description="From the billing day of the first `commercial` record on it is charged.", examples=["commercial"]
    )


def workspace_from_json(content: bytes) -> WorkspaceTier:
    """The record in `content`; raises Unreadable with its `reason`."""
    shape = json_value(content)
    try:
        return WorkspaceTier.model_validate(shape)
    except ValidationError as wrong:
        raise Unreadable(problem(wrong)) from wrong


class ToldTier(msgspec.Struct, gc=False, frozen=True):
    """`WorkspaceTier` as read the fast way, from a value in which nothing is peculiar."""

    workspace: str
    account: str
    tier: Literal["free", "commercial"]


_told = msgspec.json.Decoder(ToldTier).decode


def told_tier(content: bytes) -> ToldTier | None:
    """What `workspace_from_json` reads, at a tenth of its cost; None where that has to say."""
    try:
        told = _told(content)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return None
    return told if is_id(told.workspace) and is_id(told.account) else None
