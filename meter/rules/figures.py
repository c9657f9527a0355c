"""Settling a cell after a record: allocate anew, and publish whose figures changed.

The figures of a cell are a function of its totals, the plans and the bindings; what a record did only decides the
`cause`. A workspace's key appears when its overage or charge first exceeds 0; from then on every change is told.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meter.rules.alerts import alert
from meter.rules.allocation import allocate
from meter.rules.charges import NOTHING, written_package, written_payg
from meter.rules.days import day_text
from meter.rules.memory import Cell
from meter.rules.usage import converted, quantity_by_retention
from schemas.overages import CAUSE_WORKSPACES_LIMIT, CauseStruct, ChargeStruct, LineStruct, OverageStruct
from schemas.record import encode
from schemas.rows import Figure, Published

if TYPE_CHECKING:
    from meter.rules.fold import Fold
    from meter.rules.stakes import Stake
    from schemas.catalog import Item


#: The journal as a source, by its name without the prefix.
JOURNAL = "meter.journal"
PACKAGE, PAY_AS_YOU_GO, FREE = "package", "pay_as_you_go", "free"


@dataclass(slots=True, eq=False)
class Touch:
    """What a record did to a cell: whose usage changed, and the last source that did something."""

    cell: Cell
    kind: str = "usage"
    #: In the order of the record: what is published of it, and how rows are packed, is so every time.
    used: dict[str, None] = field(default_factory=dict)
    workspaces: set[str] = field(default_factory=set)
    orders: list[str] = field(default_factory=list)
    source: tuple[str, int] | None = None
    first_offset: int = 0
    last_offset: int = 0
    #: Plans, bindings or prices changed: every workspace is looked at.
    everything: bool = False

    def by_usage(self, workspaces: dict[str, None], topic: str, partition: int, first: int, last: int) -> None:
        self._by("usage", topic, partition, first, last)
        self.used |= workspaces
        self.workspaces.update(workspaces)

    def by_order(self, order_id: str, workspaces: Iterable[str], topic: str, partition: int, offset: int) -> None:
        self._by("order", topic, partition, offset, offset)
        self.orders.append(order_id)
        self.workspaces.update(workspaces)
        self.everything = True

    def by_workspace(self, workspace: str, topic: str, partition: int, offset: int) -> None:
        self._by("workspace", topic, partition, offset, offset)
        self.workspaces.add(workspace)
        self.everything = True

    def by_catalogue(self, offset: int) -> None:
        """A version of the catalogue that partition 0 decided at `offset`: the same cause wherever its copy stands."""
        self._by("catalogue", JOURNAL, 0, offset, offset)
        self.everything = True

    def reprice(self) -> None:
        self.everything = True

    def _by(self, kind: str, topic: str, partition: int, first: int, last: int) -> None:
        if self.kind != kind or self.source != (topic, partition):
            self.kind, self.source, self.first_offset, self.last_offset = kind, (topic, partition), first, last
        else:
            self.first_offset, self.last_offset = min(self.first_offset, first), max(self.last_offset, last)

    def cause(self) -> CauseStruct:
        topic, partition = self.source or ("", 0)
        return CauseStruct(
            kind=self.kind,
            workspaces=sorted(self.workspaces)[:CAUSE_WORKSPACES_LIMIT],
            orders=self.orders if self.kind == "order" else None,
            topic=topic,
            partition=partition,
            first_offset=self.first_offset,
            last_offset=self.last_offset,
        )


def settle(fold: "Fold", touch: Touch) -> None:
    """Bring a touched cell's figures up to date and publish what changed of them."""
    cell, facts = touch.cell, fold.known()
    item = facts.priced(cell.item, cell.day)
    stake = fold.stakes.of(fold.memory.account(cell.account), cell.item, cell.day)
    everything = touch.everything or not cell.allocated
    used, converted_now, published, plans = touch.used, cell.converted, cell.published, stake.plans
    moved = everything
    for workspace in cell.uses if everything else used:
        usage = converted(cell.uses[workspace], item)
        if usage != converted_now.get(workspace):
            converted_now[workspace] = usage
            moved = True
    before = cell.covered
    if moved:
        allocation = allocate(stake.shares, converted_now)
        cell.covered, cell.drawn, cell.allocated = allocation.covered, allocation.drawn, True
        fold.unbalanced[cell.key] = (cell, fold.revision)
    cause: CauseStruct | None = None
    for workspace, covered in cell.covered.items():
        if everything or workspace in used or covered != before.get(workspace):
            if covered == converted_now[workspace] and workspace in plans and workspace not in published:
                continue  # covered whole, as it always was: nothing to tell yet
            figure = _figure(fold, cell, stake, item, workspace, covered)
            if figure is not None:
                cause = _publish(fold, cell, workspace, figure, cause or touch.cause())
    fold.memory.touch_cell(cell)
    if moved:
        alert(fold, cell, stake)


def basis_of(fold: "Fold", stake: "Stake", workspace: str, day: int) -> str:
    """What the workspace's usage of the day is charged by."""
    binding = fold.memory.binding(workspace)
    if binding is None or binding.commercial > day:
        return FREE
    return PACKAGE if workspace in stake.plans else PAY_AS_YOU_GO


def _figure(fold: "Fold", cell: Cell, stake: "Stake", item: "Item", workspace: str, covered: int) -> Figure | None:
    """The figures of one workspace now; None on a free day, which is never on `overages`."""
    basis = basis_of(fold, stake, workspace, cell.day)
    return None if basis == FREE else figure_of(cell, stake, item, workspace, covered, basis)


def figure_of(cell: Cell, stake: "Stake", item: "Item", workspace: str, covered: int, basis: str) -> Figure:
    """The figures of one workspace, charged by `basis`."""
    usage = cell.converted[workspace]
    if basis == FREE:
        return Figure(usage, 0, 0, FREE, (), *NOTHING)
    if basis == PACKAGE:
        charge = written_package(usage - covered, item)
    else:
        charge = written_payg(quantity_by_retention(cell.uses[workspace], item), item)
    return Figure(usage, covered, usage - covered, basis, stake.plans.get(workspace, ()), *charge)


def _publish(fold: "Fold", cell: Cell, workspace: str, figure: Figure, cause: CauseStruct) -> CauseStruct:
    published = cell.published.get(workspace)
    if published is None:
        if figure.overage <= 0 and not any(line.amount.strip("0.") for line in figure.lines):
            return cause
        previous, known = 0, 0
    elif published.figure == figure:
        return cause
    else:
        previous, known = published.revision, published.figure.overage
    cell.changed.add(workspace)
    cell.published[workspace] = Published(fold.revision, figure)
    day = day_text(cell.day)
    facts = fold.known()
    restated = facts.closed(cell.account, cell.day)
    fold.say(
        "overages",
        f"{cell.account}/{workspace}/{cell.item}/{day}",
        encode(
            OverageStruct(
                account=cell.account,
                workspace=workspace,
                item=cell.item,
                day=day,
                revision=fold.revision,
                previous_revision=previous,
                usage=figure.usage,
                covered=figure.covered,
                overage=figure.overage,
                delta=figure.overage - known,
                basis=figure.basis,
                plans=list(figure.plans),
                charge=charge_of(figure, facts.opening.currency),
                cause=cause,
                restated=restated,
            )
        ),
    )
    fold.count("overage", "restated" if restated else "published")
    return cause


def charge_of(figure: Figure, currency: str) -> ChargeStruct:
    """The charge of a figure as it is published."""
    lines = [
        LineStruct(
            retention_days=line.retention_days or None,
            quantity=line.quantity,
            units=line.units,
            unit_price=line.unit_price,
            amount=line.amount,
        )
        for line in figure.lines
    ]
    return ChargeStruct(amount=figure.amount, currency=currency, lines=lines)
