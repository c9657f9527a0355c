"""Why one figure differs from another, of another day or revision: one group of inputs is exchanged after the other.

Each step is the difference of two figures that the rule itself gives, so the steps add up exactly, in units and money.
The effect of a group depends on what was exchanged before it; the order is `change_model.DRIVERS`.
"""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal

from meter.explain.cell import Cell, Event, Figure, Own, figure_of
from meter.explain.change_model import DRIVERS, Compared, Driver, DriverName, Drivers
from meter.explain.driver_sentences import sentence_of
from meter.rules.billing_days import day_text
from meter.rules.prices import EXACT
from schemas.money import money_text
from schemas.rows import NO_RETENTION


def drivers(before: Cell, after: Cell, revisions: tuple[int, int]) -> Drivers:
    """Why `after` differs from `before`: two cells of one workspace and item; `revisions`: of the published figures."""
    cells = steps(before, after)
    figures = [figure_of(cell) for cell in cells]
    found = []
    for number, name in enumerate(DRIVERS):
        one, other = figures[number], figures[number + 1]
        amount = EXACT.subtract(other.amount, one.amount)
        found.append(
            Driver(
                driver=name,
                units=other.overage - one.overage,
                amount=money_text(amount),
                sentence=sentence_of(name, before, after, figures[0], figures[-1]),
            )
        )
    first, last = figures[0], figures[-1]
    return Drivers(
        before=_compared(before, first, revisions[0]),
        after=_compared(after, last, revisions[1]),
        units=last.overage - first.overage,
        amount=money_text(EXACT.subtract(last.amount, first.amount)),
        steps=found,
    )


def steps(before: Cell, after: Cell) -> list[Cell]:
    """From one cell to the other, one group of inputs after the other, in the order of `DRIVERS`."""
    known = before.own.sums is not None and after.own.sums is not None
    before, after = _with_retention(before), _with_retention(after)
    now, found = before, [before]
    for name in DRIVERS:
        exchange = _EXCHANGES[name] if known or name != "own_volume" else _mix
        now = exchange(now, before, after)
        found.append(now)
    return found


def _prices(now: Cell, _: Cell, after: Cell) -> Cell:
    """Units, prices and factors of the catalog."""
    return replace(now, item=after.item, traffic=after.traffic)


def _plans(now: Cell, _: Cell, after: Cell) -> Cell:
    """Plans in force with their quotas and lists, and whether the workspace is charged at all."""
    return replace(now, plans=after.plans, day=after.day, own=replace(now.own, free=after.own.free))


def _others(now: Cell, _: Cell, after: Cell) -> Cell:
    """The usage of all others; only workspaces before it in a list matter."""
    return replace(now, usage=after.usage)


def _volume(now: Cell, before: Cell, after: Cell) -> Cell:
    """The new total usage, in the old proportions of retentions."""
    sums = scaled(_counted(before), sum(_counted(after).values())) or _counted(after)
    return replace(now, own=_with_sums(now.own, sums, after))


def _mix(now: Cell, _: Cell, after: Cell) -> Cell:
    """The new retentions."""
    return replace(now, own=after.own)


_EXCHANGES = {
    "prices": _prices,
    "plans_and_quota": _plans,
    "workspaces_before": _others,
    "own_volume": _volume,
    "retention_mix": _mix,
}


def scaled(quantities: Mapping[int, int], total: int) -> dict[int, int]:
    """Whole quantities in the proportions of these that make `total`; {} where these are nothing.

    What rounding down leaves goes to the largest remainders; of equal ones to the shortest retention.
    """
    before = sum(quantities.values())
    if not before:
        return {}
    parts = {days: divmod(quantity * total, before) for days, quantity in sorted(quantities.items())}
    left = total - sum(whole for whole, _ in parts.values())
    largest = sorted(parts, key=lambda days: (-parts[days][1], days))[:left]
    return {days: whole + (days in largest) for days, (whole, _) in parts.items()}


def _counted(cell: Cell) -> dict[int, int]:
    """Quantities that count, by retention."""
    return {days: quantity for days, quantity in (cell.own.sums or {}).items() if quantity > 0}


def _with_sums(own: Own, sums: Mapping[int, int], after: Cell) -> Own:
    event: Event | None = after.own.event
    return replace(own, sums=dict(sums), event=event, exact=True)


def _with_retention(cell: Cell) -> Cell:
    """The cell, its usage at the default retention where published records do not say at which."""
    if cell.own.sums is not None:
        return cell
    days = cell.item.default_retention or NO_RETENTION
    return replace(cell, own=replace(cell.own, sums={days: cell.own.usage} if cell.own.usage else {}))


def _compared(cell: Cell, figure: Figure, revision: int) -> Compared:
    return Compared(
        day=day_text(cell.day),
        revision=revision,
        usage=figure.usage,
        covered=figure.covered,
        overage=figure.overage,
        amount=figure.charge.amount,
    )


def total(found: list[Drivers]) -> dict[DriverName, tuple[int, Decimal]]:
    """The steps of many cells added up, by driver; units of different items are no sum, so only use those of one."""
    sums = {name: (0, Decimal(0)) for name in DRIVERS}
    for each in found:
        for step in each.steps:
            units, amount = sums[step.driver]
            sums[step.driver] = (units + step.units, EXACT.add(amount, Decimal(step.amount)))
    return sums
