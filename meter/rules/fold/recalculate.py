"""Recalculates a cell after a record: allocates its quota and publishes the figures that differ.

A cell's figures depend only on its totals, the plans and the bindings; the record decides only the `cause`. A
workspace's key appears on `overages` when its overage or charge first exceeds 0; from then on every change is
published. Only workspaces that a plan lists or that the record names can have other figures than before, so only those
are recalculated. In most cells one plan lists every workspace; `_draw` handles them in one pass.
"""

from collections.abc import Collection, Container, Generator, Iterable, Iterator, Mapping, Sequence
from itertools import chain

from meter.rules.allocation import Share
from meter.rules.charges import charge_of, tariff
from meter.rules.conversion import converted
from meter.rules.outputs.overages import publish_overage
from meter.rules.outputs.quota_alerts import publish_alerts
from meter.rules.outputs.quota_balances import appear
from meter.rules.state import rows
from meter.rules.state.cause import CellChange
from meter.rules.state.context import FoldContext
from meter.rules.state.figures import (
    FREE,
    STEP_WORKSPACES,
    Figure,
    allocation_of,
    basis_of,
    drawn_by_plan,
    figure_of,
    footing,
    price,
    price_cell,
    price_more,
    steps,
)
from meter.rules.state.quota_cache import CellPricing, QuotaShares
from schemas.catalog import Item
from schemas.record import encode
from schemas.rows import Rate, Use

#: How many small cells one step recalculates.
CELLS_A_STEP = 16


def recalculate(context: FoldContext, changes: Iterable[CellChange]) -> Iterator[None]:
    """Recalculate the changed cells and publish the figures that differ, in steps."""
    for number, change in enumerate(changes, 1):
        cell = change.cell
        pricing, drawn, reallocated = cell.pricing, cell.drawn, change.reallocated
        if len(cell.uses) > rows.ROW_WORKSPACES:
            cell.note(change.used)
        fresh = reallocated or pricing is None or len(cell.uses) != pricing.workspaces
        if pricing is None or reallocated:
            pricing = price(context, cell)
        elif fresh:
            pricing = price_more(context, cell, change.used)
        if reallocated or pricing.only is None or len(change.used) > STEP_WORKSPACES:
            yield
            moved = yield from _recalculate_many(context, change, pricing, fresh)
        else:
            moved = _recalculate_few(context, change, pricing, pricing.only, fresh)
            if not number % CELLS_A_STEP:
                yield
        if moved or fresh:
            context.unbalanced[cell] = context.revision
            if not cell.balance:
                appear(cell, pricing.quotas)
            if fresh or drawn is not cell.drawn:
                publish_alerts(context, cell, pricing)


def _recalculate_few(
    context: FoldContext, change: CellChange, pricing: CellPricing, plan: Share, fresh: bool
) -> Container[str]:
    """Recalculate a cell where one plan lists every workspace and usage of a few changed. Returns those that moved."""
    moved, uses, of_item = set(), change.cell.uses, pricing.of_item
    for name in change.used:
        use = uses[name]
        sums = use.sums
        if of_item.adds_up and type(sums) is int:  # `converted` of most
            usage = sums if sums > 0 else 0
        else:
            usage = converted(use, of_item.item)
        if usage != use.usage:
            use.usage = usage
            moved.add(name)
    if moved or fresh:
        _draw(context, change, pricing, plan, moved)
    return moved


def _recalculate_many(
    context: FoldContext, change: CellChange, pricing: CellPricing, fresh: bool
) -> Generator[None, None, Container[str]]:
    """Recalculate any cell, in steps. Returns the workspaces whose usage moved."""
    cell = change.cell
    moved = yield from _convert(cell.uses, pricing.of_item.item, cell.uses if change.everything else change.used)
    cell.note(moved)
    if change.reallocated or pricing.only is None:
        yield from _recalculate_any(context, change, pricing, moved)
    elif moved or fresh:
        _draw(context, change, pricing, pricing.only, moved)
    context.rows.put_cell(cell)
    return moved


def _convert(uses: Mapping[str, Use], item: Item, names: Collection[str]) -> Generator[None, None, set[str]]:
    """Convert the usage of these workspaces; return those whose usage differs from before."""
    moved = set()
    for part in steps(names):
        for name in part:
            use = uses[name]
            usage = converted(use, item)
            if usage != use.usage:
                use.usage = usage
                moved.add(name)
        if len(names) > STEP_WORKSPACES:
            yield
    return moved


def _draw(context: FoldContext, change: CellChange, pricing: CellPricing, plan: Share, moved: Container[str]) -> None:
    """`_recalculate_any` for a cell where one plan lists every workspace: one pass draws the quota in list order."""
    left, uses, of_item = plan.quota, change.cell.uses, pricing.of_item
    for name in pricing.names:
        use = uses.get(name)
        if use is None:
            continue
        over = use.usage - left
        if over > 0:
            left = 0
        else:
            over, left = 0, -over
        if over != use.overage or name in moved:
            delta, use.overage = over - use.overage, over
            if over or use.revision:  # a workspace that was always covered has no key yet
                use.plans, use.rates = pricing.plans, of_item.rates
                charge = of_item.tariff.charge(over) if over else of_item.nothing
                publish_overage(context, change, of_item, name, use, delta, pricing.footing, charge)
    drawn = plan.quota - left
    if change.cell.drawn.get(plan.plan_id) != drawn:
        change.cell.drawn = {plan.plan_id: drawn}


def _recalculate_any(
    context: FoldContext, change: CellChange, pricing: CellPricing, moved: Container[str]
) -> Iterator[None]:
    """Allocate the cell, then recalculate each workspace whose figures may differ and publish those that do."""
    cell = change.cell
    covered = allocation_of(cell, pricing.quotas)
    cell.drawn = drawn_by_plan(covered)
    for part in steps(_may_differ(change, pricing.quotas)):
        for name in part:
            _recalculate_one(context, change, pricing, name, covered.covered.get(name, 0), name in moved)
        yield


def _recalculate_one(
    context: FoldContext, change: CellChange, pricing: CellPricing, name: str, covered: int, moved: bool
) -> None:
    """Recalculate one workspace of any cell."""
    cell, use = change.cell, change.cell.uses[name]
    before, over = use.overage, use.usage - covered
    if over != before:
        use.overage = over
        cell.note((name,))
    elif not (change.reallocated or name in change.used):
        return
    basis = basis_of(context, pricing.quotas, name, cell.day)
    if basis == FREE or not (over or use.revision):
        return  # free days are never on `overages`; a workspace that was always covered has no key yet
    figure = figure_of(use, pricing, name, basis)
    if moved or over != before or _charged_otherwise(use, figure):
        delta = over - before if use.revision else over
        use.plans, use.rates = figure.plans, figure.rates
        use.quantities = () if figure.plans else figure.quantities
        charge = _charge(figure.rates, figure.quantities, context.known().opening.currency)
        publish_overage(context, change, pricing.of_item, name, use, delta, footing(basis, use.plans), charge)


def _may_differ(change: CellChange, quotas: QuotaShares) -> Iterable[str]:
    """Workspaces whose figures may differ, in publishing order: in the plans' order, then in the record's."""
    uses, plans = change.cell.uses, quotas.plans
    if change.everything:
        others: Iterable[str] = uses
    else:
        others = dict.fromkeys(chain(change.used, change.repriced, *change.left.values()))
    listed = [name for name in plans if name in uses]
    return chain(listed, (name for name in others if name not in plans and name in uses))


def stated_otherwise(context: FoldContext, change: CellChange) -> Iterable[str]:
    """Workspaces whose statements may differ after a recalculated change; some appear twice.

    If one plan lists a workspace, its coverage changes only together with its overage, which was published then. If
    several plans list it, the same coverage may now come from other plans.
    """
    cell = change.cell
    quotas = (cell.pricing or price_cell(context, cell)).quotas
    if change.reallocated:
        return _may_differ(change, quotas)
    uses, now = cell.uses, context.revision
    shifted = (
        name for name, plans in quotas.plans.items() if name in uses and (len(plans) > 1 or uses[name].revision == now)
    )
    return chain(change.used, shifted)


def _charged_otherwise(use: Use, figure: Figure) -> bool:
    """Whether plans or rates differ from those published, although usage and overage are the same."""
    if use.plans != figure.plans:
        return True
    quantities = (use.overage,) if use.plans else use.quantities
    if (use.rates, quantities) == (figure.rates, figure.quantities):
        return False
    return charge_of(use.rates, quantities, "") != figure.charge("")


def _charge(rates: Sequence[Rate], quantities: Sequence[int], currency: str) -> str:
    """`charge_of` as JSON."""
    if len(rates) == 1 and quantities[0] > 0:
        return tariff(rates[0], currency).charge(quantities[0])
    return encode(charge_of(rates, quantities, currency)).decode()
