"""An order's effect on a day's covered usage and overage, by the meter's own allocation rules.

Before and after are both calculated from the day's usage, so their difference is due to the order alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import NamedTuple

from meter.dashboard.order_models import Effect, EffectItem, EffectWorkspace
from meter.rules.allocation import Share, allocate
from meter.rules.billing_days import day_text
from meter.rules.charges import exact_sum, package_rate, tariff
from meter.rules.plans import plans_on, shares_of
from schemas.catalog import Catalog, Item
from schemas.money import money_text
from schemas.rows import Plan

PACKAGE, BY_USAGE, FREE = "package", "pay_as_you_go", "free"
NOTHING = "0.00"


class Used(NamedTuple):
    """A workspace's usage of an item on the day, and its published charge."""

    workspace: str
    item: str
    usage: int
    charge: str
    basis: str


class Side(NamedTuple):
    """An item before or after: shares in allocation order, coverage, charges by workspace."""

    shares: Sequence[Share]
    covered: Mapping[str, int]
    charges: Mapping[str, str | None]
    listed: frozenset[str]


def effect_of(
    day: int, before: Iterable[Plan], after: Iterable[Plan], used: Iterable[Used], catalog: Catalog, more: int
) -> Effect:
    """The effect of an order that results in the plans `after`; `more`: how many workspaces with usage are unknown."""
    plans = plans_on(before, day), plans_on(after, day)
    by_item: dict[str, list[Used]] = {}
    for cell in used:
        if cell.basis != FREE:
            by_item.setdefault(cell.item, []).append(cell)
    known = catalog.version(day).items
    names = [*(name for name in known if name in by_item), *sorted(by_item.keys() - known.keys())]
    items = [_item(day, name, by_item[name], plans, known.get(name), catalog.currency) for name in names]
    return _summed(day, [each for each in items if each is not None], more)


def _item(
    day: int, name: str, cells: list[Used], plans: tuple[list[Plan], list[Plan]], item: Item | None, currency: str
) -> EffectItem | None:
    """The change of an item; None if the order does not change it."""
    usage = {cell.workspace: cell.usage for cell in cells}
    sides = [_side(shares_of(each, name, day), usage) for each in plans]
    before = sides[0]._replace(charges=_charges_before(cells, sides[0], item, currency))
    after = sides[1]._replace(charges=_charges_after(cells, before, sides[1], item, currency))
    found = [_workspace(each, usage[each], before, after) for each in _in_order(usage, after)]
    if not any(_changed(each) for each in found):
        return None
    quotas = [sum(share.quota for share in side.shares) for side in (before, after)]
    return EffectItem(
        item=name, quota_before=quotas[0], quota=quotas[1], order_before=_in_order(usage, before), workspaces=found
    )


def _side(shares: Sequence[Share], usage: Mapping[str, int]) -> Side:
    listed = frozenset(name for share in shares for name in share.workspaces)
    return Side(shares, allocate(shares, usage).covered, {}, listed)


def _charges_before(cells: Iterable[Used], side: Side, item: Item | None, currency: str) -> dict[str, str | None]:
    """Charges by workspace; the published charge if there is no plan or the catalog has no price."""
    return {
        cell.workspace: (_package_charge(_over(cell, side), item, currency) if cell.workspace in side.listed else None)
        or cell.charge
        for cell in cells
    }


def _charges_after(
    cells: Iterable[Used], before: Side, side: Side, item: Item | None, currency: str
) -> dict[str, str | None]:
    """Charges by workspace; a workspace that no plan lists any more is charged by its own retentions."""
    return {
        cell.workspace: _package_charge(_over(cell, side), item, currency)
        if cell.workspace in side.listed
        else _usage_charge(cell.usage, item, currency)
        if cell.workspace in before.listed
        else cell.charge
        for cell in cells
    }


def _over(cell: Used, side: Side) -> int:
    return cell.usage - side.covered[cell.workspace]


def _package_charge(over: int, item: Item | None, currency: str) -> str | None:
    if not over:
        return NOTHING
    return None if item is None else tariff(package_rate(item), currency).units_and_amount(over)[1]


def _usage_charge(usage: int, item: Item | None, currency: str) -> str | None:
    """The charge of usage with unknown retentions: known only for an item with one price."""
    return _package_charge(usage, item, currency) if not usage or item is None or not item.retentions else None


def _in_order(usage: Mapping[str, int], side: Side) -> list[str]:
    """Workspaces with usage in priority order, then those outside of plans."""
    listed = dict.fromkeys(name for share in side.shares for name in share.workspaces if name in usage)
    return [*listed, *sorted(usage.keys() - listed.keys())]


def _workspace(name: str, usage: int, before: Side, after: Side) -> EffectWorkspace:
    return EffectWorkspace(
        workspace=name,
        usage=usage,
        covered_before=before.covered[name],
        covered=after.covered[name],
        overage_before=usage - before.covered[name],
        overage=usage - after.covered[name],
        charge_before=before.charges[name] or NOTHING,
        charge=after.charges[name],
        basis_before=PACKAGE if name in before.listed else BY_USAGE,
        basis=PACKAGE if name in after.listed else BY_USAGE,
    )


def _changed(each: EffectWorkspace) -> bool:
    return each.covered_before != each.covered or each.basis_before != each.basis or each.charge_before != each.charge


def _summed(day: int, items: list[EffectItem], more: int) -> Effect:
    cells = [each for item in items for each in item.workspaces]
    before = exact_sum(Decimal(each.charge_before) for each in cells)
    known = [Decimal(each.charge) for each in cells if each.charge is not None]
    after = exact_sum(known) if len(known) == len(cells) else None
    return Effect(
        day=day_text(day),
        items=items,
        charge_before=money_text(before),
        charge=None if after is None else money_text(after),
        difference=None if after is None else money_text(after - before),
        more=more,
    )
