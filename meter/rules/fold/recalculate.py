"""Settling a cell after a record: allocate anew, and publish whose figures changed.

The figures of a cell are a function of its totals, the plans and the bindings; what a record did only decides the
`cause`. A workspace's key appears when its overage or charge first exceeds 0; from then on every change is told.
Looked at are those whom plans list and those whom the record is about: whoever is neither has the figures it had,
however many they are. Most cells have one plan, which lists everybody: of those only what changed is looked at.
"""

from collections.abc import Collection, Container, Generator, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, NamedTuple

from meter.rules.allocation import Allocation, allocate
from meter.rules.charges import charge_of, package_rate, payg_rates, tariff
from meter.rules.conversion import converted, quantity_by_retention
from meter.rules.outputs.overages import overages_of, tell
from meter.rules.outputs.quota_alerts import alert
from meter.rules.outputs.quota_balances import appear
from meter.rules.state.context import Cell
from meter.rules.state.quota_cache import Terms
from schemas.overages import ChargeStruct, footing_text
from schemas.record import encode
from schemas.rows import Rate, Use

if TYPE_CHECKING:
    from meter.rules.allocation import Share
    from meter.rules.fold.fold import Fold
    from meter.rules.state.cause import Touch
    from meter.rules.state.quota_cache import Stake
    from schemas.catalog import Item

#: Workspaces that are looked at in one step of the fold: some 2 ms if all are published.
STEP_WORKSPACES = 256
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


def settle(fold: "Fold", touch: "Touch") -> Iterator[None]:
    """Bring a touched cell's figures up to date and publish what changed of them."""
    cell, terms = touch.cell, touch.cell.terms
    fresh = terms is None or touch.resettled or len(cell.uses) != terms.workspaces
    if terms is None or fresh:
        terms = reckon(fold, cell)
    yield
    moved = yield from _convert(cell.uses, terms.item, cell.uses if touch.everything else touch.used)
    cell.changed |= moved
    if touch.resettled or terms.only is None:
        yield from _settle_any(fold, touch, terms, moved)
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
    if _one_plan_lists_all(fold, cell, stake):
        terms.only = stake.shares[0]
        terms.names = [name for name in stake.plans if name in cell.uses]
        terms.line = [cell.uses[name] for name in terms.names]
    cell.given = _given(allocation_of(cell, stake))
    return terms


def _one_plan_lists_all(fold: "Fold", cell: Cell, stake: "Stake") -> bool:
    if len(stake.shares) != 1 or len(cell.uses) > len(stake.plans):
        return False
    return all(basis_of(fold, stake, name, cell.day) == PACKAGE for name in cell.uses)


def allocation_of(cell: Cell, stake: "Stake") -> Allocation:
    """What the cell's plans cover, of the workspaces that they list; nothing of others."""
    uses = cell.uses
    return allocate(stake.shares, {name: uses[name].usage for name in stake.plans if name in uses})


def _convert(uses: Mapping[str, Use], item: "Item", names: Collection[str]) -> Generator[None, None, set[str]]:
    """Convert the usage of these workspaces; whose is another than before."""
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


def steps(names: Iterable[str]) -> Iterator[list[str]]:
    """As many of them as are looked at in one step, then as many again."""
    rest = iter(names)
    while part := list(islice(rest, STEP_WORKSPACES)):
        yield part


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


def _settle_any(fold: "Fold", touch: "Touch", terms: Terms, moved: Container[str]) -> Iterator[None]:
    """Settle any cell: allocate, make the figures of all who may have others than before, publish those that do."""
    cell = touch.cell
    covered = allocation_of(cell, terms.stake)
    cell.given = _given(covered)
    for part in steps(_looked_at(touch, terms.stake)):
        for name in part:
            _settle_one(fold, touch, terms, name, covered.covered.get(name, 0), name in moved)
        yield


def _settle_one(fold: "Fold", touch: "Touch", terms: Terms, name: str, covered: int, moved: bool) -> None:
    """Settle one workspace of any cell."""
    cell, use = touch.cell, touch.cell.uses[name]
    before, over = use.overage, use.usage - covered
    if over != before:
        use.overage = over
        cell.changed.add(name)
    elif not (touch.resettled or name in touch.used):
        return
    basis = basis_of(fold, terms.stake, name, cell.day)
    if basis == FREE or not (over or use.revision):
        return  # a free day is never on `overages`, and what was always covered has nothing to tell yet
    figure = figure_of(use, terms, name, basis)
    if moved or over != before or _charged_otherwise(use, figure):
        delta = over - before if use.revision else over
        use.plans, use.rates = figure.plans, figure.rates
        use.quantities = () if figure.plans else figure.quantities
        charge = _charge(figure.rates, figure.quantities, fold.known().opening.currency)
        tell(fold, touch, terms, name, use, delta, _footing(basis, use.plans), charge)


def _given(allocation: Allocation) -> dict[str, int]:
    return {plan_id: sum(draws.values()) for plan_id, draws in allocation.drawn.items()}


def _looked_at(touch: "Touch", stake: "Stake") -> Iterable[str]:
    """Who may have other figures, in the order in which it is told: as plans list them, then as the record has them."""
    uses, plans = touch.cell.uses, stake.plans
    if touch.everything:
        others: Iterable[str] = uses
    else:
        others = dict.fromkeys(chain(touch.used, touch.repriced, *touch.left.values()))
    listed = [name for name in plans if name in uses]
    return chain(listed, (name for name in others if name not in plans and name in uses))


def stated_otherwise(fold: "Fold", touch: "Touch") -> Iterable[str]:
    """Whose statements a settled touch may have changed, also some twice.

    Of those whom one plan lists, coverage changes with overage, which was then published; where several do, they may
    give other parts of the same coverage.
    """
    cell = touch.cell
    stake = (cell.terms or reckon(fold, cell)).stake
    if touch.resettled:
        return _looked_at(touch, stake)
    uses, now = cell.uses, fold.revision
    shifted = (
        name for name, plans in stake.plans.items() if name in uses and (len(plans) > 1 or uses[name].revision == now)
    )
    return chain(touch.used, shifted)


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
