"""The JSON of the order forms and of a sent order."""

from meter.dashboard.models import AsOf, Model, Record


class PackageChoice(Model):
    """A plan package of today's catalog."""

    plan: str
    title: str
    price: str
    quotas: dict[str, int]


class TrafficChoice(Model):
    """A traffic package of today's catalog; `capacity` and `price` are per day and unit."""

    item: str
    capacity: int
    price: str


class WorkspaceChoice(Model):
    """A workspace of the account, from the topic `workspaces`."""

    workspace: str
    #: Whether it is on the Commercial Plan today; plans list only such workspaces.
    commercial: bool
    #: Today's charge so far.
    charge: str


class Choices(Model):
    """The choices of a form; empty for fields that this kind of order does not have."""

    packages: list[PackageChoice]
    #: Days that a plan is valid, its first day included.
    validity_days: int
    traffic: list[TrafficChoice]
    workspaces: list[WorkspaceChoice]
    #: How many workspaces of the account are not listed.
    more_workspaces: int
    #: The published records of the account's wallets.
    wallets: list[Record]


class FieldProblem(Model):
    """A field's problem; `reason`: the refusal that the order would get, null if the field cannot be parsed."""

    field: str
    sentence: str
    reason: str | None
    #: The remedy.
    mend: str


class QuotaChange(Model):
    """The plan's daily quota of an item."""

    item: str
    before: int
    after: int


class WalletChange(Model):
    """The balance of an instrument."""

    method: str
    instrument: str | None
    before: str
    after: str


class QuoteView(Model):
    """The decision that the order would get now, as in `meter quote`."""

    outcome: str
    price: str | None
    payments: list[Record]
    counts_from: str | None
    first_day: str | None
    last_day: str | None
    days_left: int | None
    quotas: list[QuotaChange]
    wallets: list[WalletChange]
    #: A digest of the order: only a form that showed it can send the order. Null if the order is not accepted.
    seen: str | None


class EffectWorkspace(Model):
    """A workspace whose figures of today the order changes; a charge that depends on retentions is null."""

    workspace: str
    usage: int
    covered_before: int
    covered: int
    overage_before: int
    overage: int
    charge_before: str
    charge: str | None
    basis_before: str
    basis: str


class EffectItem(Model):
    """An item that the order changes today; its workspaces with usage, in the priority order that the order makes."""

    item: str
    quota_before: int
    quota: int
    #: Workspaces with usage in priority order before the order.
    order_before: list[str]
    workspaces: list[EffectWorkspace]


class Effect(Model):
    """The order's effect on today's figures."""

    day: str
    items: list[EffectItem]
    charge_before: str
    #: Null if a charge is unknown.
    charge: str | None
    difference: str | None
    #: Workspaces with usage that the published balances leave out: they may change too.
    more: int


class OrderForm(Model):
    """`/accounts/A/buy` and the other forms: an order that may be incomplete."""

    account: str
    as_of: AsOf
    time_zone: str
    currency: str
    day: str
    kind: str
    #: The order's id, shown before anything is sent; the address holds it.
    order_id: str
    #: The fields as text, as entered; the address holds the same.
    fields: Record
    #: The plan that the order changes, as published.
    plan: Record | None
    choices: Choices
    problems: list[FieldProblem]
    #: A sentence that names the fields still missing for a quote; empty if none.
    missing: str
    quote: QuoteView | None
    effect: Effect | None
    #: Whether an order was sent under this id, so that it is not sent again.
    sent: bool
    #: Why a submitted form was not sent; empty otherwise.
    notice: str
    #: The command that sends the same.
    command: str


class OrderLetter(Model):
    """The dead letter of an order."""

    reason: str
    error: str
    mend: str
    at: str
    partition: int
    offset: int


class OrderPage(Model):
    """`/accounts/A/orders/ID`: an order's state; `?at=PARTITION/OFFSET` is its place on `plan-purchases`."""

    account: str
    as_of: AsOf
    time_zone: str
    currency: str
    order_id: str
    #: `unknown`, `sending`, `failed`, `waiting`, `accepted`, `refused` or `dead`.
    state: str
    kind: str | None
    #: Whether its outcome is late, perhaps because no worker is running.
    late: bool
    partition: int | None
    offset: int | None
    sent_at: str | None
    error: str | None
    #: The record of `order-outcomes`.
    outcome: Record | None
    published_at: str | None
    mend: str
    letter: OrderLetter | None
    #: The form with the same fields and a new id: its kind in the address, and its query; null if unknown.
    again: Record | None
