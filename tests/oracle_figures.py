"""The oracle's own reading of SPEC sections 4 to 6: usage of a day, allocation, charges; every cell from scratch."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal

from tests.oracle_catalog import Item
from tests.oracle_orders import Account, Market, Plan
from tests.oracle_reading import Event

#: Sums have any size, and money is exact: more digits than anything here can have.
EXACT = Context(prec=500)
#: (account, workspace, item, day)
Cell = tuple[str, str, str, int]


@dataclass(frozen=True)
class Line:
    """One line of a charge; `retention` None for items without."""

    retention: int | None
    quantity: int
    units: Decimal
    unit_price: Decimal
    amount: Decimal


@dataclass(frozen=True)
class Figure:
    """All that is known of one cell. `plans`: those that list the workspace; `by_plan`: what they gave (> 0)."""

    usage: int
    covered: int
    overage: int
    basis: str
    plans: tuple[str, ...]
    lines: tuple[Line, ...]
    reported: dict[int | None, int] = field(default_factory=dict)
    by_plan: dict[str, int] = field(default_factory=dict)

    @property
    def amount(self) -> Decimal:
        total = Decimal(0)
        for each in self.lines:
            total = EXACT.add(total, each.amount)
        return total


def reported(events: Sequence[Event], item: Item) -> dict[int | None, int]:
    """Quantity by retention of one workspace, item and day (None: no retention); only what is above 0."""
    if item.aggregation == "max":
        corrections = [event for event in events if event.corrected]
        if corrections:
            highest = max(corrections, key=lambda event: (event.time_us, event.source, event.id)).quantity
        else:
            highest = max(event.quantity for event in events)
        return {None: highest} if highest > 0 else {}
    sums: dict[int | None, int] = {}
    for event in events:
        sums[event.retention] = sums.get(event.retention, 0) + event.quantity
    return {retention: total for retention, total in sums.items() if total > 0}


def converted(quantities: Mapping[int | None, int], item: Item) -> int:
    """Usage: the quantities times their retentions' factors."""
    total = 0
    for retention, quantity in quantities.items():
        total += quantity * (1 if retention is None else item.retentions[retention][0])
    return total


def plan_order(plans: Iterable[Plan], day: int) -> list[Plan]:
    """The plans in force on a day, in the order in which they are drawn."""
    in_force = [plan for plan in plans if plan.in_force(day)]
    return sorted(in_force, key=lambda plan: (len(plan.listed(day)), plan.last_day, plan.first_day, plan.plan_id))


def allocate(quotas: Sequence[tuple[str, int, Sequence[str]]], usage: Mapping[str, int]) -> dict[tuple[str, str], int]:
    """What each plan gives each workspace: (plan id, workspace) -> quantity > 0. Quotas in the order they are drawn."""
    uncovered = dict(usage)
    drawn: dict[tuple[str, str], int] = {}
    for plan_id, quota, workspaces in quotas:
        left = quota
        for workspace in workspaces:
            given = min(left, uncovered.get(workspace, 0))
            if given > 0:
                drawn[(plan_id, workspace)] = given
                uncovered[workspace] -= given
                left -= given
    return drawn


def line(quantity: int, item: Item, retention: int | None) -> Line:
    """Quantity ÷ unit, cut to two decimals, times the price of the retention."""
    whole, hundredths = divmod(quantity * 100 // item.unit, 100)
    units = Decimal(f"{whole}.{hundredths:02d}")
    price = item.price if retention is None else item.retentions[retention][1]
    return Line(retention, quantity, units, price, EXACT.multiply(units, price))


def figures(events: Iterable[Event], accounts: Mapping[str, Account], market: Market) -> dict[Cell, Figure]:
    """Every cell that has a counted event."""
    cells: defaultdict[Cell, list[Event]] = defaultdict(list)
    for event in events:
        cells[(market.accounts[event.workspace], event.workspace, event.item, event.day)].append(event)
    pots: defaultdict[tuple[str, str, int], dict[str, dict[int | None, int]]] = defaultdict(dict)
    for (account, workspace, item, day), those in cells.items():
        pots[(account, item, day)][workspace] = reported(those, market.book.on(day).items[item])
    found: dict[Cell, Figure] = {}
    for (account, name, day), quantities in pots.items():
        plans = plan_order(accounts[account].plans.values(), day) if account in accounts else []
        for workspace, figure in _pot(name, day, quantities, plans, market).items():
            found[(account, workspace, name, day)] = figure
    return found


def _pot(
    name: str, day: int, quantities: dict[str, dict[int | None, int]], plans: list[Plan], market: Market
) -> dict[str, Figure]:
    """The figures of one account, item and day."""
    item = market.book.on(day).items[name]
    charged = {workspace for workspace in quantities if market.commercial.get(workspace, day + 1) <= day}
    usage = {workspace: converted(those, item) for workspace, those in quantities.items()}
    shares = [(plan.plan_id, plan.quota(name, day), plan.listed(day)) for plan in plans]
    drawn = allocate(shares, {workspace: used for workspace, used in usage.items() if workspace in charged})
    found = {}
    for workspace, used in usage.items():
        listing = tuple(plan.plan_id for plan in plans if workspace in plan.listed(day))
        by_plan = {plan: given for (plan, who), given in drawn.items() if who == workspace}
        over = used - sum(by_plan.values())
        if workspace not in charged:
            figure = Figure(used, 0, 0, "free", (), (), quantities[workspace])
        elif listing:
            one = (line(over, item, item.default),) if over > 0 else ()
            figure = Figure(used, used - over, over, "package", listing, one, quantities[workspace], by_plan)
        else:
            each = sorted(quantities[workspace].items(), key=lambda pair: pair[0] or 0)
            lines = tuple(line(quantity, item, retention) for retention, quantity in each)
            figure = Figure(used, 0, used, "pay_as_you_go", (), lines, quantities[workspace])
        found[workspace] = figure
    return found
