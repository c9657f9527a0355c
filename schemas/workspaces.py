"""Which account a workspace belongs to, and whether it is commercial yet (topic `workspaces`)."""

from typing import Literal

from pydantic import Field, ValidationError

from schemas.ids import Id
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
