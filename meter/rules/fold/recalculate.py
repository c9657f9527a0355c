"""Recalculates a cell after a record: allocates its quota and publishes the figures that differ.

The figures of a cell are a function of its totals, the plans and the bindings; the record itself only decides the
`cause`. A workspace's key appears on `overages` when its overage or charge first exceeds 0; from then on every change
is published. Recalculation looks at the workspaces that plans list and at those that the record is about: the figures
of all others cannot differ. In most cells one plan lists every workspace; there it looks only at what changed.
"""

from collections.abc import Collection, Container, Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain

from meter.rules.allocation import Share
from meter.rules.charges import charge_of, tariff
from meter.rules.conversion import converted
from meter.rules.outputs.overages import publish_overage
from meter.rules.outputs.quota_alerts import publish_alerts
from meter.rules.outputs.quota_balances import appear
from meter.rules.state.cause import CellChange
from meter.rules.state.context import FoldContext
from meter.rules.state.figures import (
    FREE,
    PACKAGE,
    STEP_WORKSPACES,
    Figure,
    allocation_of,
    basis_of,
    drawn_by_plan,
    figure_of,
    price_cell,
    steps,
)
from meter.rules.state.quota_cache import CellPricing, QuotaShares
from schemas.catalog import Item
from schemas.overages import footing_text
from schemas.record import encode
from schemas.rows import Rate, Use

_footing = lru_cache(maxsize=4096)(footing_text)


def recalculate(context: FoldContext, change: CellChange) -> Iterator[None]:
    """Bring a changed cell's figures up to date and publish those that differ."""
    cell, pricing = change.cell, change.cell.pricing
    fresh = pricing is None or change.reallocated or len(cell.uses) != pricing.workspaces
    if pricing is None or fresh:
        pricing = price_cell(context, cell)
    yield
    moved = yield from _convert(cell.uses, pricing.item, cell.uses if change.everything else change.used)
    cell.changed |= moved
    if change.reallocated or pricing.only is None:
        yield from _recalculate_any(context, change, pricing, moved)
    elif moved:
        _recalculate_one_plan(context, change, pricing, pricing.only, moved)
    context.rows.put_cell(cell)
    if moved or fresh:
        context.unbalanced[cell.key] = (cell, context.revision)
        if not cell.balance:
            appear(cell, pricing.quotas)
        publish_alerts(context, cell, pricing.quotas)


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


def _recalculate_one_plan(
    context: FoldContext, change: CellChange, pricing: CellPricing, plan: Share, moved: Container[str]
) -> None:
    """`_recalculate_any` where one plan lists every workspace: one pass draws the quota in its order."""
    left, footing = plan.quota, _footing(PACKAGE, (plan.plan_id,))
    for name, use in zip(pricing.names, pricing.line, strict=True):
        usage = use.usage
        over = usage - left if usage > left else 0
        left -= usage - over
        if over != use.overage or name in moved:
            delta, use.overage = over - use.overage, over
            if over or use.revision:  # a workspace that was always covered has no key yet
                use.plans, use.rates = pricing.quotas.plans[name], pricing.rates
                charge = pricing.tariff.charge(over) if over else _charge((), (), context.known().opening.currency)
                publish_overage(context, change, pricing, name, use, delta, footing, charge)
    change.cell.drawn[plan.plan_id] = plan.quota - left


def _recalculate_any(
    context: FoldContext, change: CellChange, pricing: CellPricing, moved: Container[str]
) -> Iterator[None]:
    """Allocate, calculate the figures of every workspace whose figures may differ, and publish those that do."""
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
        cell.changed.add(name)
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
        publish_overage(context, change, pricing, name, use, delta, _footing(basis, use.plans), charge)


def _may_differ(change: CellChange, quotas: QuotaShares) -> Iterable[str]:
    """Workspaces whose figures may differ, in publishing order: as plans list them, then as the record names them."""
    uses, plans = change.cell.uses, quotas.plans
    if change.everything:
        others: Iterable[str] = uses
    else:
        others = dict.fromkeys(chain(change.used, change.repriced, *change.left.values()))
    listed = [name for name in plans if name in uses]
    return chain(listed, (name for name in others if name not in plans and name in uses))


def stated_otherwise(context: FoldContext, change: CellChange) -> Iterable[str]:
    """Workspaces whose statements may differ after a recalculated change; some come twice.

    For a workspace that one plan lists, coverage changes only with overage, which was then published. Where several
    plans list it, the same coverage may come from other plans.
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
    """Whether the same usage and overage are charged by other plans or rates than when they were published."""
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
