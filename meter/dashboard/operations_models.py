"""The JSON of the operators' pages: alerts, dead letters, operations."""

from meter.dashboard.models import AsOf, Loading, Model, Record


class AlertView(Model):
    """An alert: the published record, its crossing and its recovery."""

    alert: Record
    raised_at: str | None
    cleared_at: str | None


class AlertsPage(Model):
    """`/alerts`; `?account=A` of one account, `?day=D` of one day."""

    as_of: AsOf
    time_zone: str
    account: str
    day: str
    raised: list[AlertView]
    cleared: list[AlertView]
    #: Alerts beyond the newest of each list.
    more: int


class Worth(Model):
    """What letters would add if they were sent again and counted; None: unknown."""

    account: str | None
    workspace: str
    item: str
    day: str
    quantity: int
    usage: int | None
    amount: str | None


class LetterView(Model):
    """One dead letter; foreign text is escaped and short."""

    reason: str
    error: str
    topic: str
    partition: int
    offset: int
    letter_partition: int
    letter_offset: int
    records: int
    at: str
    key: str | None
    value: str | None
    #: How often a record of this content died before, among the newest 500 letters of its group.
    tries: int


class LetterGroup(Model):
    """Dead letters of one reason and source."""

    reason: str
    source: str
    #: Records, including those that summaries cover.
    count: int
    first: str
    last: str
    mend: str
    #: How many of the newest 500 letters; 0 where they would die again.
    can_be_sent_again: int
    sample: LetterView | None
    #: An estimate of what they would add if they were counted now, the largest figures.
    worth: list[Worth]
    #: What the newest 500 letters would cost; None where no figure of it is known.
    amount: str | None
    #: Records whose worth is unknown.
    unpriced: int


class DeadLettersPage(Model):
    """`/dead-letters`; `?reason=R&source=S` shows one group with its letters."""

    as_of: AsOf
    time_zone: str
    currency: str
    writable: bool
    count: int
    groups: list[LetterGroup]
    reason: str
    source: str
    letters: list[LetterView]
    #: The last attempts of this dashboard to send letters again, newest first (`meter.dashboard.resend.Attempt`).
    attempts: list[Record]


# ------------------------------------------------------------------------------------------------ operations


class PartitionView(Model):
    """A partition that a group reads."""

    topic: str
    partition: int
    committed: int | None
    end: int
    lag: int | None
    #: Age of the first record not handled; None: nothing waits, or it is not known.
    lag_seconds: float | None
    member: str | None


class GroupView(Model):
    """A consumer group of the meter."""

    group: str
    #: What it does, in words.
    role: str
    members: int | None
    state: str | None
    lag: int | None
    lag_seconds: float | None
    partitions: list[PartitionView]


class Balance(Model):
    """Records in = counted + duplicates + dead + null; None: no worker of METER_DASHBOARD_METRICS answers."""

    records: int | None
    counted: int | None
    duplicates: int | None
    dead: int | None
    null: int | None
    #: records - the four others; 0 when the identity holds.
    difference: int | None
    refused: int | None


class WorkerView(Model):
    """A worker whose /metrics was asked."""

    address: str
    reachable: bool
    error: str | None
    version: str | None
    #: The lines of its /ready: ready, or what it waits for, restore progress included.
    ready: list[str]
    partitions: int | None
    freshness_seconds: float | None
    restore_seconds: float | None
    identities: int | None
    verify_differences: int | None
    days_unclosed: int | None


class ClosingView(Model):
    """How far a journal partition has closed billing days."""

    partition: int
    closed_through: str | None
    next_day: str
    closes_at: str


class VerifyView(Model):
    """The last full `meter verify` whose result is known."""

    differences: int | None
    result: str | None
    at: str | None


class OperationsPage(Model):
    """`/operations`."""

    as_of: AsOf
    time_zone: str
    #: In a sentence: running, behind, stuck, unknown.
    verdict: str
    #: `good`, `late`, `bad`, `unknown`.
    level: str
    broker: str
    broker_error: str | None
    groups: list[GroupView]
    dashboard_lag_records: int
    loading: Loading | None
    balance: Balance
    workers: list[WorkerView]
    closings: list[ClosingView]
    set_aside: list[Record]
    verify: VerifyView
    records_lost: int
