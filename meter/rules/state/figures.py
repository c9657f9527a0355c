"""Calculates the figures of a workspace in a cell: usage, coverage, overage and charge, by the cell's pricing."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import NamedTuple

from meter.rules.allocation import Allocation, allocate
from meter.rules.billing_days import day_text
from meter.rules.charges import charge_of, package_rate, payg_rates, tariff
from meter.rules.conversion import quantity_by_retention
from meter.rules.state.context import FoldContext
from meter.rules.state.quota_cache import CellPricing, QuotaShares
from meter.rules.state.rows import Cell
from schemas.overages import ChargeStruct, OverageText
from schemas.rows import Rate, Use

#: Workspaces that are looked at in one step of the fold: some 2 ms if all are published.
STEP_WORKSPACES = 256
PACKAGE, PAY_AS_YOU_GO, FREE = "package", "pay_as_you_go", "free"


class Figure(NamedTuple):
    """A workspace's figures of a cell; a charge is its rates and the quantities they are for."""

    usage: int
    covered: int
    overage: int
    plans: tuple[str, ...]
    rates: tuple[Rate, ...]
    quantities: tuple[int, ...]

    def charge(self, currency: str) -> ChargeStruct:
        return charge_of(self.rates, self.quantities, currency)


def price_cell(context: FoldContext, cell: Cell) -> CellPricing:
    """Set the cell's pricing, and how much each plan gives it."""
    item = context.known().priced(cell.item, cell.day)
    quotas = context.quota_cache.of(context.rows.account(cell.account), cell.item, cell.day)
    rate = package_rate(item)
    writing = tariff(rate, context.known().opening.currency), OverageText(cell.account, cell.item, day_text(cell.day))
    pricing = cell.pricing = CellPricing(item, quotas, (rate,), *writing, len(cell.uses))
    if _one_plan_lists_all(context, cell, quotas):
        pricing.only = quotas.shares[0]
        pricing.names = [name for name in quotas.plans if name in cell.uses]
        pricing.line = [cell.uses[name] for name in pricing.names]
    cell.drawn = drawn_by_plan(allocation_of(cell, quotas))
    return pricing


def _one_plan_lists_all(context: FoldContext, cell: Cell, quotas: QuotaShares) -> bool:
    if len(quotas.shares) != 1 or len(cell.uses) > len(quotas.plans):
        return False
    return all(basis_of(context, quotas, name, cell.day) == PACKAGE for name in cell.uses)


def allocation_of(cell: Cell, quotas: QuotaShares) -> Allocation:
    """What the cell's plans cover of each workspace that they list."""
    uses = cell.uses
    return allocate(quotas.shares, {name: uses[name].usage for name in quotas.plans if name in uses})


def drawn_by_plan(allocation: Allocation) -> dict[str, int]:
    """Plan id -> units drawn from it."""
    return {plan_id: sum(draws.values()) for plan_id, draws in allocation.drawn.items()}


def basis_of(context: FoldContext, quotas: QuotaShares, workspace: str, day: int) -> str:
    """The basis by which the workspace's usage of the day is charged."""
    binding = context.rows.binding(workspace)
    if binding is None or binding.commercial > day:
        return FREE
    return PACKAGE if workspace in quotas.plans else PAY_AS_YOU_GO


def figure_of(use: Use, pricing: CellPricing, name: str, basis: str) -> Figure:
    """The figures of one workspace, charged by `basis`."""
    if basis == FREE:
        return Figure(use.usage, 0, 0, (), (), ())
    over = use.overage
    if basis == PACKAGE:
        return Figure(use.usage, use.usage - over, over, pricing.quotas.plans[name], pricing.rates, (over,))
    return Figure(use.usage, 0, over, (), *payg_rates(quantity_by_retention(use, pricing.item), pricing.item))


def steps(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in lists of STEP_WORKSPACES, one for each step of the fold."""
    rest = iter(names)
    while part := list(islice(rest, STEP_WORKSPACES)):
        yield part
