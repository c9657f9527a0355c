"""A second, dumber meter: what must be true in the end of everything that Kafka acknowledged (SPEC only).

It knows nothing of the product: records in, final figures out, every one computed from scratch by plain loops.
`predict` reads; `tests/oracle_check.py` compares what was published with it; `tests/oracle_statements.py` adds
statements. What depends on races, SPEC leaves to the journal; here the log decides, and `Prediction.contested`
names the identities whose first record the log cannot tell (two contents through two partitions).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.oracle_figures import Cell, Figure, figures
from tests.oracle_orders import Account, Market, Outcome, billing_day, decide
from tests.oracle_orders_reading import read_order
from tests.oracle_reading import Dead, Event, Sent, Settings, read_binding, read_usage

__all__ = ["Prediction", "Sent", "Settings", "predict"]

Place = tuple[str, int, int]
Identity = tuple[str, str, str]


@dataclass
class Prediction:
    """What must be true in the end.

    `dead`: place of a dead letter -> the reasons allowed, the one we read first. `counts`: kind of topic ->
    outcome (counted, duplicate, dead, null) -> records. `figures` has every cell with a counted event.
    """

    settings: Settings
    market: Market
    accounts: dict[str, Account] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)
    figures: dict[Cell, Figure] = field(default_factory=dict)
    dead: dict[Place, tuple[str, ...]] = field(default_factory=dict)
    counts: dict[str, dict[str, int]] = field(default_factory=dict)
    contested: set[Identity] = field(default_factory=set)
    contested_places: set[Place] = field(default_factory=set)

    @property
    def outcomes(self) -> dict[tuple[str, str], Outcome]:
        """Order outcomes by (account, order id)."""
        return {
            (account.name, order_id): outcome
            for account in self.accounts.values()
            for order_id, outcome in account.outcomes.items()
        }

    def final_figures(self) -> dict[Cell, Figure]:
        """The cells that must have been published, for whoever reads them last: over or charged, at the end.

        Others may have been published too (over once, then covered), which only the order of arrival tells.
        """
        return {cell: figure for cell, figure in self.figures.items() if figure.overage > 0 or figure.amount > 0}


def predict(settings: Settings, sent: Iterable[Sent]) -> Prediction:
    """Reads everything that was sent, in the order of the logs."""
    logs: dict[str, list[Sent]] = {"workspaces": [], "plan-purchases": [], "usage": []}
    for record in sent:
        logs["usage" if record.topic.startswith("usage") else record.topic].append(record)
    prediction = Prediction(settings, Market(settings.book, {}, {}))
    for kind, log in logs.items():
        prediction.counts[kind] = dict.fromkeys(("counted", "duplicate", "dead", "null"), 0)
        log.sort(key=lambda record: record.place)
        assert len({record.place for record in log}) == len(log), "a place stands twice"
    _bindings(prediction, logs["workspaces"])
    _orders(prediction, logs["plan-purchases"])
    _usage(prediction, logs["usage"])
    prediction.figures = figures(prediction.events, prediction.accounts, prediction.market)
    return prediction


def _note_outcome(prediction: Prediction, kind: str, record: Sent, told: str | Dead) -> None:
    """Counts what became of a record."""
    if isinstance(told, Dead):
        prediction.dead[record.place] = told.reasons
        told = "dead"
    prediction.counts[kind][told] += 1


def _bindings(prediction: Prediction, log: list[Sent]) -> None:
    """The account of a workspace is its first record's; it is commercial from its first such record's day on."""
    accounts, commercial = prediction.market.accounts, prediction.market.commercial
    for record in log:
        found: str | Dead = "null"
        if record.value is not None:
            read = read_binding(record)
            if isinstance(read, Dead):
                found = read
            elif accounts.get(read[0], read[1]) != read[1]:
                found = Dead(("workspace_cannot_move",))
            elif read[2] == "free" and read[0] in commercial:
                found = Dead(("workspace_cannot_return_to_free",))
            else:
                workspace, account, tier = read
                new = workspace not in accounts or (tier == "commercial" and workspace not in commercial)
                found = "counted" if new else "duplicate"
                accounts[workspace] = account
                if tier == "commercial":
                    commercial.setdefault(workspace, billing_day(record.kafka_ms, prediction.settings.zone))
        _note_outcome(prediction, "workspaces", record, found)


def _orders(prediction: Prediction, log: list[Sent]) -> None:
    """Each decided once, in the order of the log."""
    market = prediction.market
    for record in log:
        found: str | Dead = "null"
        if record.value is not None:
            order = read_order(record, market.book.currency)
            if isinstance(order, Dead):
                found = order
            else:
                account = prediction.accounts.setdefault(order.account, Account(order.account))
                known = account.outcomes.get(order.order_id)
                if known is None:
                    decide(order, billing_day(record.kafka_ms, prediction.settings.zone), account, market)
                    found = "counted"
                else:
                    found = "duplicate" if known.order == order else Dead(("conflicting_duplicate",))
        _note_outcome(prediction, "plan-purchases", record, found)


def _usage(prediction: Prediction, log: list[Sent]) -> None:
    """Of an identity the first event counts; of two contents in two partitions nobody here knows which is first."""
    first: dict[Identity, Event] = {}
    contents: defaultdict[Identity, set[Event]] = defaultdict(set)
    partitions: defaultdict[Identity, set[tuple[str, int]]] = defaultdict(set)
    places: defaultdict[Identity, set[Place]] = defaultdict(set)
    for record in log:
        if record.value is None:
            _note_outcome(prediction, "usage", record, "null")
            continue
        event = read_usage(record, prediction.settings, prediction.market.accounts)
        if isinstance(event, Dead):
            _note_outcome(prediction, "usage", record, event)
            continue
        contents[event.identity].add(event)
        partitions[event.identity].add(record.place[:2])
        places[event.identity].add(record.place)
        if event.identity not in first:
            first[event.identity] = event
            _note_outcome(prediction, "usage", record, "counted")
        else:
            same = first[event.identity] == event
            _note_outcome(prediction, "usage", record, "duplicate" if same else Dead(("conflicting_duplicate",)))
    for identity, those in contents.items():
        if len(those) > 1 and len(partitions[identity]) > 1:
            prediction.contested.add(identity)
            prediction.contested_places |= places[identity]
    prediction.events = list(first.values())
