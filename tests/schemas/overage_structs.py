"""Overages as structs: between the models and the texts of `schemas.overages`, which must write the bytes of these."""

import msgspec

from schemas.overages import ChargeStruct


class CauseStruct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """`Cause`."""

    kind: str
    workspaces: list[str]
    orders: list[str] | None = None
    more: int | None = None
    topic: str
    partition: int
    first_offset: int
    last_offset: int


class OverageStruct(msgspec.Struct, frozen=True, kw_only=True):
    """`Overage`, for the hot path."""

    account: str
    workspace: str
    item: str
    day: str
    revision: int
    previous_revision: int
    usage: int
    covered: int
    overage: int
    delta: int
    basis: str
    plans: list[str]
    charge: ChargeStruct
    cause: CauseStruct
    restated: bool

    def record_key(self) -> str:
        """The record's key."""
        return f"{self.account}/{self.workspace}/{self.item}/{self.day}"
