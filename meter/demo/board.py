"""The demo day's figures as published so far, and whether they are the expected ones.

Figures of a workspace and item are on `overages` from the first overage on and in `quota-balances` while a plan
covers them: the higher revision stands.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources import files
from typing import Any, NamedTuple

from meter.kafka.topics import Topics
from schemas.balances import QuotaBalance
from schemas.dead_letters import DeadLetter
from schemas.money import money_text
from schemas.outcomes import OrderOutcome
from schemas.overages import Overage
from schemas.plans import Plan

NOTHING = Decimal(0)


class Figure(NamedTuple):
    """A workspace's figures of an item."""

    revision: int
    usage: int
    covered: int
    overage: int
    charge: Decimal


#: The figure of a cell before anything is published.
NO_FIGURE = Figure(0, 0, 0, 0, NOTHING)
#: Where no plan lists a workspace.
BY_USAGE = "by usage"
#: (workspace, item)
CellName = tuple[str, str]


@dataclass
class Board:
    """Everything published under a prefix, folded; `free` are the workspaces that are not commercial (yet)."""

    topics: Topics
    figures: dict[CellName, Figure] = field(default_factory=dict)
    outcomes: dict[str, OrderOutcome] = field(default_factory=dict)
    plans: dict[str, Plan] = field(default_factory=dict)
    dead: dict[str, str] = field(default_factory=dict)
    free: set[str] = field(default_factory=set)
    #: Revision of the charge in a figure.
    _charged: dict[CellName, int] = field(default_factory=dict)

    @property
    def reads(self) -> tuple[str, ...]:
        """The topics it is made of."""
        topics = self.topics
        return topics.overages, topics.quota_balances, topics.order_outcomes, topics.plans, topics.dead_letters

    def take(self, topic: str, value: bytes) -> None:
        """Add a record of one of these topics."""
        topics = self.topics
        if topic == topics.overages:
            self._take_overage(Overage.model_validate_json(value))
        elif topic == topics.quota_balances:
            self._take_balance(QuotaBalance.model_validate_json(value))
        elif topic == topics.order_outcomes:
            outcome = OrderOutcome.model_validate_json(value)
            self.outcomes[outcome.order_id] = outcome
        elif topic == topics.plans:
            plan = Plan.model_validate_json(value)
            if plan.record_key() not in self.plans or self.plans[plan.record_key()].revision < plan.revision:
                self.plans[plan.record_key()] = plan
        else:
            letter = DeadLetter.model_validate_json(value)
            self.dead[letter.record_key()] = letter.reason.value

    def _take_overage(self, record: Overage) -> None:
        """Add an overage; a balance of a later revision may be there already, but only overages have charges."""
        cell = (record.workspace, record.item)
        if record.revision <= self._charged.get(cell, 0):
            return
        self._charged[cell] = record.revision
        figure = self.figures.get(cell, NO_FIGURE)
        if record.revision > figure.revision:
            figure = Figure(record.revision, record.usage, record.covered, record.overage, NOTHING)
        self.figures[cell] = figure._replace(charge=record.charge.amount)

    def _take_balance(self, balance: QuotaBalance) -> None:
        for each in balance.workspaces:
            cell = (each.workspace, balance.item)
            before = self.figures.get(cell, NO_FIGURE)
            if balance.revision > before.revision:
                self.figures[cell] = Figure(balance.revision, each.usage, each.covered, each.overage, before.charge)

    @property
    def dead_reasons(self) -> Counter[str]:
        """Dead letters by reason."""
        return Counter(self.dead.values())

    def charge(self, beginning: str = "") -> Decimal:
        """The total charge of the workspaces whose names begin with `beginning`."""
        return sum((each.charge for (name, _), each in self.figures.items() if name.startswith(beginning)), NOTHING)

    def place(self, workspace: str) -> str:
        """The plan that covers the workspace and its place in the list, or that none does."""
        for plan in self.plans.values():
            names = plan.lists[-1].workspaces
            if workspace in names:
                return f"{plan.packages[-1].plan} {names.index(workspace) + 1}"
        return "free" if workspace in self.free else BY_USAGE


def expected() -> dict[str, Any]:
    """What must come of the demo's day: figures, orders, dead letters, and what becomes of the records."""
    found: dict[str, Any] = json.loads((files("meter.demo") / "expected.json").read_text(encoding="utf-8"))
    return found


def differences(board: Board, wanted: Mapping[str, Any]) -> list[str]:
    """Where the board is not as expected, a sentence each."""
    found = []
    for name, figure in wanted["figures"].items():
        workspace, _, item = name.partition("/")
        has = board.figures.get((workspace, item), NO_FIGURE)
        stands = {**has._asdict(), "charge": money_text(has.charge)}
        found += [
            f"{name}: {field} is {stands[field]}, not {value}"
            for field, value in figure.items()
            if stands[field] != value
        ]
    found += [
        f"{each[0]}/{each[1]}: not expected at all" for each in board.figures if "/".join(each) not in wanted["figures"]
    ]
    orders = {order_id: each.reason or each.outcome for order_id, each in board.outcomes.items()}
    if orders != wanted["orders"]:
        found.append(f"orders: {orders}, not {wanted['orders']}")
    if board.dead_reasons != wanted["dead_letters"]:
        found.append(f"dead letters: {dict(board.dead_reasons)}, not {wanted['dead_letters']}")
    return found
