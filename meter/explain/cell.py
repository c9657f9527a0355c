"""The inputs of a figure, as values, and the figure: SPEC sections 4 to 6 by the meter's own rules.

A `Cell` is one item of one account on one day after some journal record. From its inputs, read from the journal or from
published records, follows the figure that was published at that record.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal

from meter.explain.figure_model import Basis
from meter.rules.allocation import Share, allocate
from meter.rules.charges import charge_of, package_rate, payg_rates
from meter.rules.conversion import converted, quantity_by_retention
from meter.rules.plans import shares_on
from schemas.catalog import Item, TrafficPackage
from schemas.overages import ChargeStruct
from schemas.rows import Correction, Plan, Use


@dataclass(frozen=True, slots=True)
class Event:
    """A source record that set the count of a max item; instant in µs since 1970, topic without the prefix."""

    quantity: int
    corrected: bool
    time_us: int
    source: str
    id: str
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class Own:
    """What the workspace itself reported: `sums` by retention days (NO_RETENTION), or the count of a max item.

    `sums` None: published records do not say, `usage` (converted) is all there is. `exact`: sums may be below 0; else
    they are published quantities, which are not. `free`: the day is before the workspace's first commercial one.
    """

    workspace: str
    usage: int = 0
    sums: Mapping[int, int] | None = field(default_factory=dict)
    exact: bool = True
    event: Event | None = None
    free: bool = False

    def use(self, item: Item) -> Use:
        """The usage as the rules read it; `sums` must be known."""
        assert self.sums is not None, "what was reported by retention is not known"
        if item.aggregation == "sum":
            return Use(sums=dict(self.sums))
        count = sum(self.sums.values())
        if self.event is not None and self.event.corrected:
            return Use(correction=Correction(self.event.time_us, self.event.source, self.event.id, count))
        return Use(peak=count)


@dataclass(frozen=True, slots=True)
class Cell:
    """An item of an account on a day. `plans`: the account's, as rows; `usage`: converted, of other workspaces."""

    account: str
    day: int
    item: Item
    plans: tuple[Plan, ...]
    own: Own
    usage: Mapping[str, int]
    currency: str
    #: What one traffic package of the item covers and costs a day; None: there are none.
    traffic: TrafficPackage | None = None

    def with_plans(self, plans: tuple[Plan, ...]) -> "Cell":
        """The same cell with other plans."""
        return replace(self, plans=plans)


@dataclass(frozen=True, slots=True)
class Figure:
    """What follows: `shares` in drawing order, `drawn` by plan and workspace (> 0 only), of all that plans list."""

    usage: int
    covered: int
    overage: int
    basis: Basis
    charge: ChargeStruct
    shares: tuple[Share, ...]
    drawn: Mapping[str, Mapping[str, int]]

    @property
    def amount(self) -> Decimal:
        """The exact amount of the charge."""
        return Decimal(self.charge.amount)

    def listing(self, workspace: str) -> list[Share]:
        """The plans that list a workspace, in drawing order."""
        return [share for share in self.shares if workspace in share.workspaces]


def figure_of(cell: Cell) -> Figure:
    """The figure of the cell's own workspace."""
    own, item = cell.own, cell.item
    usage = own.usage if own.sums is None else converted(own.use(item), item)
    shares = tuple(shares_on(cell.plans, item.name, cell.day))
    every = {**cell.usage, own.workspace: usage}
    listed = {name: every[name] for share in shares for name in share.workspaces if name in every}
    allocation = allocate(shares, listed)
    if own.free:
        return Figure(usage, 0, 0, "free", charge_of((), (), cell.currency), shares, allocation.drawn)
    if own.workspace in listed:
        covered = allocation.covered[own.workspace]
        charge = charge_of((package_rate(item),), (usage - covered,), cell.currency)
        return Figure(usage, covered, usage - covered, "package", charge, shares, allocation.drawn)
    if usage and own.sums is None:
        raise ValueError(f"{own.workspace}: what is paid by usage is priced by retention, which is not known")
    rates, quantities = payg_rates(quantity_by_retention(own.use(item), item) if usage else {}, item)
    charge = charge_of(rates, quantities, cell.currency)
    return Figure(usage, 0, usage, "pay_as_you_go", charge, shares, allocation.drawn)
