"""The topics in words: what each is for, its key, who writes and who reads it, how it is read."""

from dataclasses import dataclass

WORKERS = "the meter"
WATCH = "the meter (`meter budget watch`)"


@dataclass(frozen=True)
class Described:
    """One topic; `messages` are the names of JSON Schemas; `key` is its form, with what stands between the slashes."""

    name: str
    channel: str
    summary: str
    messages: tuple[str, ...]
    key: str
    written_by: str
    read_by: str
    reading: str

    @property
    def received(self) -> bool:
        """Whether the meter reads it."""
        return WORKERS in self.read_by


INPUTS = (
    Described(
        "usage",
        "usage",
        "Usage of all workspaces, and corrections of it: CloudEvents 1.0, structured or binary mode.",
        ("usage",),
        "workspace",
        "usage collectors; whoever may write here speaks for every workspace",
        WORKERS,
        "The key is advice, `subject` decides. An event is counted once by (workspace, source, id), whatever way it "
        "comes. Records of an aborted transaction were never sent.",
    ),
    Described(
        "usage.{workspace}",
        "workspaceUsage",
        "Usage of one workspace on a topic of its own, found within 10 s of its creation.",
        ("usage",),
        "any",
        "the workspace's own collectors",
        WORKERS,
        "`subject` may be left out. `usage.corrected` is not taken here. The topic needs `cleanup.policy=delete`; its "
        "number of partitions and its timestamps are free.",
    ),
    Described(
        "workspaces",
        "workspaces",
        "Which account a workspace belongs to, and when it becomes commercial.",
        ("workspaces",),
        "workspace",
        "the billing centre only",
        WORKERS,
        "Send it before the first usage of the workspace. An account is for good, and so is `commercial`.",
    ),
    Described(
        "plan-purchases",
        "planPurchases",
        "Orders: top-ups, purchases and changes of plans, decided in the order of the log, each once.",
        ("plan-purchases",),
        "account",
        "the billing centre only",
        WORKERS,
        "The answer is on `order-outcomes`. The same order again changes nothing; another content under the same "
        "id is a dead letter.",
    ),
    Described(
        "budgets",
        "budgets",
        "Limits of what an account, or one of its workspaces, is charged or uses in a day or a month.",
        ("budgets",),
        "account/budget",
        "`meter budget set`, the dashboard; whoever sets limits",
        WATCH,
        "The topic is there once `meter budget watch` ran. The last record of a key counts.",
    ),
)
OUTPUTS = (
    Described(
        "overages",
        "overages",
        "How much of a workspace's usage of an item on a day no plan covers, and what it costs now.",
        ("overages",),
        "account/workspace/item/day",
        WORKERS,
        "billing, dashboards",
        "Figures are cumulative: keep the highest `revision` of each key. Or add up `delta`; `previous_revision` shows "
        "a gap. A key appears when it first exceeds 0, and is published down to 0 from then on.",
    ),
    Described(
        "order-outcomes",
        "orderOutcomes",
        "What became of each order: accepted, or refused with the reason.",
        ("order-outcomes",),
        "account/order_id",
        WORKERS,
        "the billing centre",
        "One record for each order, never changed.",
    ),
    Described(
        "plans",
        "plans",
        "Each plan: its days, packages and workspace lists over time, traffic packages.",
        ("plans",),
        "account/plan_id",
        WORKERS,
        "plan management",
        "Keep the highest `revision` of each key.",
    ),
    Described(
        "wallets",
        "wallets",
        "The balance of each means of payment of an account.",
        ("wallets",),
        "account/method or account/method/instrument",
        WORKERS,
        "the billing centre",
        "Keep the highest `revision` of each key.",
    ),
    Described(
        "statements",
        "statements",
        "The account's day at its close and at each restatement: one record for the account, one for each workspace.",
        ("statements-account", "statements-workspace"),
        "account/day or account/day/workspace",
        WORKERS,
        "invoicing",
        "Keep the highest `revision` of each key; `restated` says that the day was closed before.",
    ),
    Described(
        "quota-balances",
        "quotaBalances",
        "What is left of the quota of an item on a day, and who drew it, in priority order.",
        ("quota-balances",),
        "account/item/day",
        WORKERS,
        "dashboards, customers",
        "Keep the highest `revision` of each key; at most one a key in a transaction.",
    ),
    Described(
        "quota-alerts",
        "quotaAlerts",
        "That 80 or 100 % of a plan's quota of an item is drawn, raised and cleared.",
        ("quota-alerts",),
        "account/plan_id/item/day/threshold",
        WORKERS,
        "notifications",
        "Keep the highest `revision` of each key; `state` says whether it is raised.",
    ),
    Described(
        "budget-alerts",
        "budgetAlerts",
        "That a threshold of a budget is reached, or will be by an estimate: raised and cleared, each crossing once.",
        ("budget-alerts",),
        "account/budget/first day of the period/actual or forecast/threshold",
        WATCH,
        "notifications",
        "Keep the highest `revision` of each key; `state` says whether it is raised.",
    ),
    Described(
        "dead-letters",
        "deadLetters",
        "Records that could not be counted, with the reason and the record itself.",
        ("dead-letters",),
        "topic/partition/offset",
        WORKERS,
        "producers, `meter redrive`",
        "A letter of the intake may be repeated after a crash; the rest are written in the meter's transactions.",
    ),
)
#: The meter's own: nobody else writes or reads them.
INTERNAL = {
    "meter.journal": "everything that happened to an account, in one order; figures are calculated from it",
    "meter.changelog": "the state of each journal partition, for a worker that takes it over",
    "meter.control": "what operators commanded: `meter skip`, `meter redrive`",
}
