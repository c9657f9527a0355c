"""The JSON of the order forms, and of an order that was sent."""

from meter.dashboard.models import AsOf, Model, Record


class PackageChoice(Model):
    """A plan package of today's catalog."""

    plan: str
    title: str
    price: str
    quotas: dict[str, int]


class TrafficChoice(Model):
    """A traffic package of today's catalog: `capacity` and `price` a day, of one."""

    item: str
    capacity: int
    price: str


class WorkspaceChoice(Model):
    """A workspace of the account, by the log of `workspaces`."""

    workspace: str
    #: Whether it is on the Commercial Plan today: a plan lists no other.
    commercial: bool
    #: What it is charged for today so far.
    charge: str


class Choices(Model):
    """What there is to choose from; what a kind of order does not ask for is empty."""

    packages: list[PackageChoice]
    #: Days that a plan is valid, its first day included.
    validity_days: int
    traffic: list[TrafficChoice]
    workspaces: list[WorkspaceChoice]
    #: Workspaces of the account that are left out.
    more_workspaces: int
    #: The published records of the account's wallets.
    wallets: list[Record]


class FieldProblem(Model):
    """What is wrong with a field; `reason`: the refusal that the order would get, null where it cannot be read."""

    field: str
    sentence: str
    reason: str | None
    #: What to do about it.
    mend: str


class QuotaChange(Model):
    """Quota a day of an item of the plan."""

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
    """What would be decided of the order now, as `meter quote` says it."""

    outcome: str
    price: str | None
    payments: list[Record]
    counts_from: str | None
    first_day: str | None
    last_day: str | None
    days_left: int | None
    quotas: list[QuotaChange]
    wallets: list[WalletChange]
    #: What the order is, as one word: it is sent only by a form that was shown this. Null where it is not accepted.
    seen: str | None


class EffectWorkspace(Model):
    """A workspace whose figures of today the order changes; a charge is null where it depends on retentions."""

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
    """An item of today that the order changes; all its workspaces with usage, in priority order after the order."""

    item: str
    quota_before: int
    quota: int
    #: Workspaces with usage in priority order before the order.
    order_before: list[str]
    workspaces: list[EffectWorkspace]


class Effect(Model):
    """What the order would change of today's figures."""

    day: str
    items: list[EffectItem]
    charge_before: str
    #: Null where a charge is not known.
    charge: str | None
    difference: str | None
    #: Workspaces with usage that the published balances leave out: they may change too.
    more: int


class OrderForm(Model):
    """`/accounts/A/buy` and the other forms: an order as far as it is filled in."""

    account: str
    as_of: AsOf
    time_zone: str
    currency: str
    day: str
    kind: str
    #: The order's id: shown before anything is sent, and kept by the address.
    order_id: str
    #: The fields as they were filled in, as text; those of the address.
    fields: Record
    #: The plan that the order changes, as published.
    plan: Record | None
    choices: Choices
    problems: list[FieldProblem]
    #: What is still to be filled in before there is a quote, in a sentence; empty: nothing.
    missing: str
    quote: QuoteView | None
    effect: Effect | None
    #: Whether an order was sent under this id: it is not sent again.
    sent: bool
    #: Why the form was not sent, where it was to be; empty: no reason.
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
    """`/accounts/A/orders/ID`: what became of an order; `?at=PARTITION/OFFSET` is its place on `plan-purchases`."""

    account: str
    as_of: AsOf
    time_zone: str
    currency: str
    order_id: str
    #: `unknown`, `sending`, `failed`, `waiting`, `accepted`, `refused` or `dead`.
    state: str
    kind: str | None
    #: Whether its outcome is late: no worker may be running.
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
    #: The form with the same fields and a new id: the word of its address and its query; null where they are not known.
    again: Record | None
