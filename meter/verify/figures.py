"""The figures of one account, item and day from its totals: usage, coverage, overage, charge (docs/spec.md §4 to §6).

Money is a `Fraction` and quantities are integers, so nothing can round.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from meter.verify.plans import Plan
from schemas.catalog import Item

#: The retention of items without retentions, as in the journal.
NONE = 0
PACKAGE, PAY_AS_YOU_GO, FREE = "package", "pay_as_you_go", "free"


@dataclass
class Totals:
    """What one workspace reported of an item on a day; `correction`: (instant, source, id, count) of max items."""

    sums: dict[int, int] = field(default_factory=dict)
    peak: int = 0
    correction: tuple[int, str, str, int] | None = None


@dataclass(frozen=True)
class Line:
    """One line of a charge; `retention` None where the item has none; `units` in hundredths."""

    retention: int | None
    quantity: int
    hundredths: int
    unit_price: Fraction

    @property
    def amount(self) -> Fraction:
        return Fraction(self.hundredths, 100) * self.unit_price


@dataclass(frozen=True)
class Figure:
    """The content of a record of `overages`, without its cause and revisions."""

    usage: int
    covered: int
    basis: str
    plans: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def overage(self) -> int:
        return self.usage - self.covered

    @property
    def charge(self) -> Fraction:
        return sum((line.amount for line in self.lines), Fraction(0))


def reported(totals: Totals, item: Item) -> dict[int, int]:
    """Quantities above 0 by retention."""
    if item.aggregation == "max":
        count = totals.peak if totals.correction is None else totals.correction[3]
        return {NONE: count} if count > 0 else {}
    return {days: total for days, total in totals.sums.items() if total > 0}


def figures(
    item: Item, day: int, pot: Mapping[str, Totals], plans: Sequence[Plan], commercial: Mapping[str, int]
) -> dict[str, Figure]:
    """The figures of every workspace with counted usage; `commercial`: each workspace's first charged day."""
    quantities = {workspace: reported(totals, item) for workspace, totals in pot.items()}
    usage = {workspace: _converted(those, item) for workspace, those in quantities.items()}
    charged = {workspace: used for workspace, used in usage.items() if commercial[workspace] <= day}
    in_force = [plan for plan in plans if plan.first_day <= day <= plan.last_day]
    in_force.sort(key=lambda plan: (len(plan.listed(day)), plan.last_day, plan.first_day, plan.plan_id))
    uncovered = dict(charged)
    for plan in in_force:
        _draw(plan.quota(item.name, day), plan.listed(day), uncovered)
    lists = [(plan.plan_id, frozenset(plan.listed(day))) for plan in in_force]
    found = {}
    for workspace, used in usage.items():
        listing = tuple(plan_id for plan_id, names in lists if workspace in names)
        if workspace not in charged:
            found[workspace] = Figure(used, used, FREE, (), ())
        elif listing:
            over = uncovered[workspace]
            one = (_line(over, item, item.default_retention),) if over > 0 else ()
            found[workspace] = Figure(used, used - over, PACKAGE, listing, one)
        else:
            each = sorted(quantities[workspace].items())
            lines = tuple(_line(quantity, item, days or None) for days, quantity in each)
            found[workspace] = Figure(used, 0, PAY_AS_YOU_GO, (), lines)
    return found


def _converted(quantities: Mapping[int, int], item: Item) -> int:
    factors = {days: retention.factor for days, retention in item.retentions.items()}
    return sum(quantity * factors.get(days, 1) for days, quantity in quantities.items())


def _draw(quota: int, listed: Sequence[str], uncovered: dict[str, int]) -> None:
    """What a workspace draws: what the quota covers of the list up to it, less what it covers before it."""
    wanted = covered = 0
    for workspace in listed:
        wanted += uncovered.get(workspace, 0)
        up_to_here = min(quota, wanted)
        if workspace in uncovered:
            uncovered[workspace] -= up_to_here - covered
        covered = up_to_here


def _line(quantity: int, item: Item, retention: int | None) -> Line:
    price = item.price
    if retention is not None and retention in item.retentions:
        price = item.retentions[retention].price
    return Line(retention, quantity, quantity * 100 // item.unit, Fraction(price))
