"""Settling a cell after a record: allocate anew, and publish whose figures changed.

The figures of a cell are a function of its totals, the plans and the bindings; what a record did only decides the
`cause`. A workspace's key appears when its overage or charge first exceeds 0; from then on every change is told.
Most cells have one plan, which lists everybody: of those only what changed is looked at, with the same result.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.alerts import alert
from meter.rules.allocation import Allocation, allocate
from meter.rules.balances import appear
from meter.rules.charges import charge_of, package_rate, payg_rates, tariff
from meter.rules.memory import Cell
from meter.rules.overages import overages_of, tell
from meter.rules.stakes import Terms
from meter.rules.usage import converted, quantity_by_retention
from schemas.overages import ChargeStruct, footing_text
from schemas.record import encode
from schemas.rows import Rate, Use

if TYPE_CHECKING:
    from meter.rules.allocation import Share
    from meter.rules.fold import Fold
    from meter.rules.stakes import Stake
    from meter.rules.touches import Touch
    from schemas.catalog import Item

PACKAGE, PAY_AS_YOU_GO, FREE = "package", "pay_as_you_go", "free"
_footing = lru_cache(maxsize=4096)(footing_text)


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


def settle(fold: "Fold", touch: "Touch") -> None:
    """Bring a touched cell's figures up to date and publish what changed of them."""
    cell, terms = touch.cell, touch.cell.terms
    fresh = terms is None or touch.everything or len(cell.uses) != terms.workspaces
    if terms is None or fresh:
        terms = reckon(fold, cell)
    moved = _convert(cell.uses, terms.item, cell.uses if touch.everything else touch.used)
    if touch.everything or terms.only is None:
        _settle_any(fold, touch, terms, moved)
    elif moved:
        _settle_one_plan(fold, touch, terms, terms.only, moved)
    fold.memory.touch_cell(cell)
    if moved or fresh:
        fold.unbalanced[cell.key] = (cell, fold.revision)
        if not cell.balance:
            appear(cell, terms.stake)
        alert(fold, cell, terms.stake)


def reckon(fold: "Fold", cell: Cell) -> Terms:
    """Have at hand by what the cell is settled, and what was drawn from its plans."""
    item = fold.known().priced(cell.item, cell.day)
    stake = fold.stakes.of(fold.memory.account(cell.account), cell.item, cell.day)
    rate = package_rate(item)
    writing = tariff(rate, fold.known().opening.currency), overages_of(cell)
    terms = cell.terms = Terms(item, stake, (rate,), *writing, len(cell.uses))
    if len(stake.shares) == 1 and all(basis_of(fold, stake, name, cell.day) == PACKAGE for name in cell.uses):
        terms.only = stake.shares[0]
        terms.names = [name for name in stake.plans if name in cell.uses]
        terms.line = [cell.uses[name] for name in terms.names]
    cell.given = _given(allocate(stake.shares, {name: use.usage for name, use in cell.uses.items()}))
    return terms


def _convert(uses: Mapping[str, Use], item: "Item", names: Iterable[str]) -> set[str]:
    """Convert the usage of these workspaces; whose is another than before."""
    moved = set()
    for name in names:
        use = uses[name]
        usage = converted(use, item)
        if usage != use.usage:
            use.usage = usage
            moved.add(name)
    return moved


def _settle_one_plan(fold: "Fold", touch: "Touch", terms: Terms, plan: "Share", moved: Container[str]) -> None:
    """`_settle_any` where one plan lists everybody: the quota is drawn in its order, once through."""
    left, footing = plan.quota, _footing(PACKAGE, (plan.plan_id,))
    for name, use in zip(terms.names, terms.line, strict=True):
        usage = use.usage
        over = usage - left if usage > left else 0
        left -= usage - over
        if over != use.overage or name in moved:
            delta, use.overage = over - use.overage, over
            if over or use.revision:  # what was always covered has nothing to tell yet
                use.plans, use.rates = terms.stake.plans[name], terms.rates
                charge = terms.tariff.charge(over) if over else _charge((), (), fold.known().opening.currency)
                tell(fold, touch, terms, name, use, delta, footing, charge)
    touch.cell.given[plan.plan_id] = plan.quota - left


def _settle_any(fold: "Fold", touch: "Touch", terms: Terms, moved: Container[str]) -> None:
    """Settle any cell: allocate, make the figures of all who may have others than before, publish those that do."""
    cell = touch.cell
    allocation = allocate(terms.stake.shares, {name: use.usage for name, use in cell.uses.items()})
    cell.given = _given(allocation)
    for name in _in_order(cell, terms.stake):
        use = cell.uses[name]
        before, over = use.overage, use.usage - allocation.covered[name]
        if not (touch.everything or name in touch.used or over != before):
            continue
        use.overage = over
        cell.changed.add(name)
        basis = basis_of(fold, terms.stake, name, cell.day)
        if basis == FREE or not (over or use.revision):
            continue  # a free day is never on `overages`, and what was always covered has nothing to tell yet
        figure = figure_of(use, terms, name, basis)
        if name in moved or over != before or _charged_otherwise(use, figure):
            delta = over - before if use.revision else over
            use.plans, use.rates = figure.plans, figure.rates
            use.quantities = () if figure.plans else figure.quantities
            charge = _charge(figure.rates, figure.quantities, fold.known().opening.currency)
            tell(fold, touch, terms, name, use, delta, _footing(basis, use.plans), charge)


def _given(allocation: Allocation) -> dict[str, int]:
    return {plan_id: sum(draws.values()) for plan_id, draws in allocation.drawn.items()}


def _in_order(cell: Cell, stake: "Stake") -> Iterable[str]:
    """Whoever has usage, in the order in which it is told: as plans list them, then as they came."""
    if not stake.plans:
        return cell.uses
    listed = [name for name in stake.plans if name in cell.uses]
    return [*listed, *(name for name in cell.uses if name not in stake.plans)]


def basis_of(fold: "Fold", stake: "Stake", workspace: str, day: int) -> str:
    """What the workspace's usage of the day is charged by."""
    binding = fold.memory.binding(workspace)
    if binding is None or binding.commercial > day:
        return FREE
    return PACKAGE if workspace in stake.plans else PAY_AS_YOU_GO


def figure_of(use: Use, terms: Terms, name: str, basis: str) -> Figure:
    """The figures of one workspace, charged by `basis`."""
    if basis == FREE:
        return Figure(use.usage, 0, 0, (), (), ())
    over = use.overage
    if basis == PACKAGE:
        return Figure(use.usage, use.usage - over, over, terms.stake.plans[name], terms.rates, (over,))
    return Figure(use.usage, 0, over, (), *payg_rates(quantity_by_retention(use, terms.item), terms.item))


def _charged_otherwise(use: Use, figure: Figure) -> bool:
    """Whether the same usage and overage are charged by other plans, or otherwise, than when they were published."""
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
