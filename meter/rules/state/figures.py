"""Calculates the figures of a workspace in a cell: usage, coverage, overage and charge, by the cell's pricing."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from meter.rules.allocation import Allocation, allocate
from meter.rules.billing_days import day_text
from meter.rules.charges import charge_of, package_rate, payg_rates, tariff
from meter.rules.conversion import quantity_by_retention
from meter.rules.state.context import FoldContext
from meter.rules.state.journal_facts import ITEMS_KEPT
from meter.rules.state.quota_cache import SHORT_LIST, CellPricing, ItemPricing, QuotaShares
from meter.rules.state.rows import Cell
from schemas.overages import ChargeStruct, OverageText, footing_text
from schemas.record import encode
from schemas.rows import Rate, Use

#: How many workspaces one step of the fold recalculates: 2 ms if all are published.
STEP_WORKSPACES = 256
PACKAGE, PAY_AS_YOU_GO, FREE = "package", "pay_as_you_go", "free"

#: Basis and plans of an overage, written.
footing = lru_cache(maxsize=4096)(footing_text)


class Figure(NamedTuple):
    """A workspace's figures in a cell; its charge is `quantities` at `rates`, one for one."""

    usage: int
    covered: int
    overage: int
    plans: tuple[str, ...]
    rates: tuple[Rate, ...]
    quantities: tuple[int, ...]

    def charge(self, currency: str) -> ChargeStruct:
        return charge_of(self.rates, self.quantities, currency)


def price_cell(context: FoldContext, cell: Cell) -> CellPricing:
    """Set and return the cell's pricing, and set how much is drawn from each plan."""
    pricing = price(context, cell)
    cell.drawn = drawn_by_plan(allocation_of(cell, pricing.quotas))
    return pricing


def price(context: FoldContext, cell: Cell) -> CellPricing:
    """Set and return the cell's pricing; the caller allocates the cell next."""
    of_item = _item_pricing(context, cell.item, cell.day)
    quotas = context.quota_cache.of(context.rows.account(cell.account), cell.item, cell.day)
    pricing = cell.pricing = CellPricing(of_item, quotas, len(cell.uses))
    if len(quotas.shares) == 1 and len(cell.uses) <= len(quotas.plans):
        _price_one_plan(context, cell, pricing, cell.uses)
    return pricing


def price_more(context: FoldContext, cell: Cell, new: Iterable[str]) -> CellPricing:
    """`price` for a cell whose only change is new workspaces; all of them are in `new`."""
    pricing = cell.pricing
    if pricing is None or pricing.only is None or len(cell.uses) > len(pricing.quotas.plans):
        return price(context, cell)
    pricing.workspaces = len(cell.uses)
    _price_one_plan(context, cell, pricing, new)
    return pricing


def _price_one_plan(context: FoldContext, cell: Cell, pricing: CellPricing, names: Iterable[str]) -> None:
    """Set `only` to the one plan in force if all of these workspaces are charged by it (`basis_of`: PACKAGE)."""
    quotas, uses, day, binding = pricing.quotas, cell.uses, cell.day, context.rows.binding
    listed = quotas.plans
    for name in names:
        bound = binding(name)
        if bound is None or bound.commercial > day or name not in listed:
            pricing.only = None
            return
    only = quotas.shares[0]
    if pricing.only is not only:
        pricing.only, pricing.plans = only, listed[only.workspaces[0]]
        pricing.footing = footing(PACKAGE, pricing.plans)
    if len(listed) <= SHORT_LIST or len(uses) == len(listed):
        pricing.names = only.workspaces
    else:
        pricing.names = [name for name in listed if name in uses]


def _item_pricing(context: FoldContext, name: str, day: int) -> ItemPricing:
    facts = context.known()
    item = facts.priced(name, day)
    found = context.item_pricing.get((name, day))
    if found is None or found.item is not item:
        if len(context.item_pricing) >= ITEMS_KEPT:
            context.item_pricing.clear()
        rate, written, currency = package_rate(item), day_text(day), facts.opening.currency
        nothing = encode(charge_of((), (), currency)).decode()
        writing = tariff(rate, currency), nothing, OverageText(name, written)
        adds_up = item.aggregation == "sum"
        found = context.item_pricing[name, day] = ItemPricing(item, written, adds_up, (rate,), *writing)
    return found


def allocation_of(cell: Cell, quotas: QuotaShares) -> Allocation:
    """Allocate the cell's usage of the workspaces that its plans list."""
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
        return Figure(use.usage, use.usage - over, over, pricing.quotas.plans[name], pricing.of_item.rates, (over,))
    item = pricing.of_item.item
    return Figure(use.usage, 0, over, (), *payg_rates(quantity_by_retention(use, item), item))


def steps(names: Iterable[str]) -> Iterator[list[str]]:
    """The names in lists of at most STEP_WORKSPACES, one list for each step of the fold."""
    rest = iter(names)
    while part := list(islice(rest, STEP_WORKSPACES)):
        yield part
