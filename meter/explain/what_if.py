"""Changes that would change a figure, all else equal: counted by the rules themselves, never estimated."""

from meter.explain.cell import Cell, Figure, figure_of
from meter.explain.change_model import Listing, PlaceInList, TrafficToZero, UsageBefore, WhatWouldChangeIt
from meter.rules.allocation import Share, allocate
from meter.rules.plans import listed_on
from schemas.money import money_text
from schemas.rows import Plan, WorkspaceList, replaced

#: Plans that more traffic is tried on: those drawn last, which fewest others draw on after it.
TRIED_PLANS = 8
#: Units of traffic in an order, at most.
UNITS_LIMIT = 1_000_000


def what_would_change_it(cell: Cell, figure: Figure) -> WhatWouldChangeIt:
    """Traffic packages until nothing is over, the first place in each list, usage of those before, a list at all."""
    name = cell.own.workspace
    usage = {**cell.usage, name: figure.usage}
    traffic, reason = _traffic(cell, figure, usage)
    return WhatWouldChangeIt(
        traffic=traffic,
        traffic_reason=reason,
        place=[_place(figure, usage, share, name) for share in figure.listing(name)],
        usage_before=[
            UsageBefore(
                plan_id=share.plan_id,
                workspace=who,
                usage=usage[who],
                drawn=figure.drawn.get(share.plan_id, {}).get(who, 0),
            )
            for share in figure.listing(name)
            for who in share.workspaces[: share.workspaces.index(name)]
            if usage.get(who)
        ],
        listing=_listings(cell, figure) if figure.basis == "pay_as_you_go" and figure.usage else [],
    )


def overage_of(shares: tuple[Share, ...], usage: dict[str, int], name: str) -> int:
    """The overage of a listed workspace under other shares."""
    listed = {who: usage[who] for share in shares for who in share.workspaces if who in usage}
    return listed[name] - allocate(shares, listed).covered[name]


def _traffic(cell: Cell, figure: Figure, usage: dict[str, int]) -> tuple[TrafficToZero | None, str | None]:
    if figure.basis != "package":
        return (
            None,
            f"no plan lists {cell.own.workspace}: traffic packages cover only the workspaces that their plan lists",
        )
    if not figure.overage:
        return None, "nothing is over"
    if cell.traffic is None:
        return None, f"the catalog of the day has no traffic packages of {cell.item.name}"
    capacity = cell.traffic.capacity
    found: tuple[int, str] | None = None
    for share in figure.listing(cell.own.workspace)[-TRIED_PLANS:]:
        units = _units_to_zero(figure.shares, usage, cell.own.workspace, share, capacity)
        if found is None or units < found[0]:
            found = (units, share.plan_id)
    assert found is not None, "a plan lists it"
    units, plan_id = found
    if units > UNITS_LIMIT:
        return None, f"it would take {units:,} traffic packages; an order has at most {UNITS_LIMIT:,} in a line"
    price = money_text(cell.traffic.price * units)
    return TrafficToZero(plan_id=plan_id, units=units, capacity=capacity, price_a_day=price), None


def _units_to_zero(shares: tuple[Share, ...], usage: dict[str, int], name: str, share: Share, capacity: int) -> int:
    """The least number, found by bisection: more quota of a plan never raises anybody's overage."""
    place = shares.index(share)

    def over(units: int) -> int:
        larger = share._replace(quota=share.quota + units * capacity)
        return overage_of((*shares[:place], larger, *shares[place + 1 :]), usage, name)

    low, high = 0, -(-sum(usage.get(who, 0) for who in share.workspaces) // capacity)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if over(middle) == 0 else (middle, high)
    return high


def _place(figure: Figure, usage: dict[str, int], share: Share, name: str) -> PlaceInList:
    others = tuple(who for who in share.workspaces if who != name)
    first = share._replace(workspaces=(name, *others))
    shares = tuple(first if each is share else each for each in figure.shares)
    return PlaceInList(
        plan_id=share.plan_id,
        place=share.workspaces.index(name) + 1,
        listed=len(share.workspaces),
        overage_if_first=overage_of(shares, usage, name),
    )


def _listings(cell: Cell, figure: Figure) -> list[Listing]:
    """For each plan in force, the result if it listed the workspace last; the drawing order may change."""
    rows = {plan.plan_id: plan for plan in cell.plans}
    found = []
    for share in figure.shares:
        changed = _listing_too(rows[share.plan_id], cell.day, cell.own.workspace)
        plans = tuple(changed if plan.plan_id == share.plan_id else plan for plan in cell.plans)
        then = figure_of(cell.with_plans(plans))
        found.append(
            Listing(plan_id=share.plan_id, covered=then.covered, overage=then.overage, amount=then.charge.amount)
        )
    return found


def _listing_too(plan: Plan, day: int, name: str) -> Plan:
    return replaced(plan, lists=(WorkspaceList(day, (*listed_on(plan, day), name)),))
