"""The published records, with only the fields that rows need."""

from typing import Annotated

import msgspec

#: A published amount, checked here; otherwise an invalid one would fail only when totals are added up.
Amount = Annotated[str, msgspec.Meta(pattern=r"^-?[0-9]{1,40}\.[0-9]{2,40}$")]
Day = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Charge(msgspec.Struct, gc=False):
    """A workspace's amount; its lines stay in Kafka."""

    amount: Amount
    currency: str


class Overage(msgspec.Struct):
    """A record of `overages`."""

    account: str
    workspace: str
    item: str
    day: Day
    revision: int
    previous_revision: int
    usage: int
    covered: int
    overage: int
    delta: int
    basis: str
    charge: Charge
    cause: msgspec.Raw
    restated: bool


class WorkspaceBalance(msgspec.Struct, gc=False):
    """A workspace with usage."""

    workspace: str
    usage: int
    covered: int
    overage: int


class QuotaBalance(msgspec.Struct):
    """A record of `quota-balances`."""

    account: str
    item: str
    day: Day
    revision: int
    quota: int
    covered: int
    left: int
    plans: msgspec.Raw
    workspaces: list[WorkspaceBalance]
    more: int = 0


class ItemUsage(msgspec.Struct, gc=False):
    """An item of a workspace's statement."""

    item: str
    usage: int
    covered: int
    overage: int
    charge: Charge


class WorkspaceStatement(msgspec.Struct):
    """A record of `statements` under account/day/workspace."""

    account: str
    workspace: str
    day: Day
    basis: str
    revision: int
    items: list[ItemUsage]


class AccountStatement(msgspec.Struct):
    """A record of `statements` under account/day."""

    account: str
    day: Day
    amount_due: Amount
    currency: str
    restated: bool
    revision: int


class QuotaAlert(msgspec.Struct):
    """A record of `quota-alerts`."""

    account: str
    plan_id: str
    item: str
    day: Day
    threshold: int
    state: str
    quota: int
    covered: int
    revision: int


class WorkspaceList(msgspec.Struct):
    """A list of a plan."""

    workspaces: list[str]


class Revised(msgspec.Struct):
    """The common fields of plans, wallets and order outcomes; plans also have lists."""

    account: str
    revision: int
    lists: list[WorkspaceList] = []


class DeadLetter(msgspec.Struct):
    """A record of `dead-letters`."""

    reason: str
    topic: str
    partition: int
    offset: int
    at: str
    records: int = 1


overage = msgspec.json.Decoder(Overage).decode
quota_balance = msgspec.json.Decoder(QuotaBalance).decode
workspace_statement = msgspec.json.Decoder(WorkspaceStatement).decode
account_statement = msgspec.json.Decoder(AccountStatement).decode
quota_alert = msgspec.json.Decoder(QuotaAlert).decode
revised = msgspec.json.Decoder(Revised).decode
dead_letter = msgspec.json.Decoder(DeadLetter).decode
