"""A closed day counted again by the production rules, under the plans that it had or under others.

What was reported is fixed; plans, lists and quotas may be others. Everything is exact: integers for quantities,
decimals for money, rounded once a day as a statement is. So the replay of a day under its own plans equals its
statement.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.advise.history import ClosedDay
from meter.rules.allocation import Share, allocate
from meter.rules.catalog_versions import priced
from meter.rules.charges import due, exact_sum, package_rate, payg_rates, tariff
from meter.rules.conversion import converted
from meter.rules.plans import shares_on
from schemas.catalog import Catalog, Item
from schemas.rows import Plan, Rate, Use

NOTHING = Decimal(0)


@dataclass(slots=True)
class ItemReplay:
    """An item of a replayed day, by workspace; `drawn` by plan and workspace (> 0 only); `shares`: quotas by plan."""

    item: Item
    usage: dict[str, int]
    overage: dict[str, int]
    charge: dict[str, Decimal]
    drawn: dict[str, dict[str, int]]
    shares: list[Share]

    def covered(self, workspace: str) -> int:
        """What plans covered of a workspace's usage."""
        return sum(draws.get(workspace, 0) for draws in self.drawn.values())


@dataclass(slots=True)
class DayReplay:
    """A replayed day; `due`: what its statement would ask for, `exact`: the same before it is rounded."""

    day: int
    due: Decimal
    exact: Decimal
    items: dict[str, ItemReplay]

    def charge_of(self, workspace: str) -> Decimal:
        """What a workspace is charged for the day, exactly."""
        return exact_sum(item.charge.get(workspace, NOTHING) for item in self.items.values())

    def unused(self) -> Decimal:
        """Quota that nobody used, at the items' prices."""
        total = NOTHING
        for each in self.items.values():
            quota = sum(share.quota for share in each.shares)
            left = quota - sum(sum(draws.values()) for draws in each.drawn.values())
            total += each.item.price * left / each.item.unit
        return total


class Reported:
    """What was reported of an item on a day, by workspace: the same under all plans, so it is worked out once.

    `unlisted`: what each workspace pays on a day that no plan lists it.
    """

    __slots__ = ("item", "unlisted", "usage")

    def __init__(self, item: Item, reported: Mapping[str, Mapping[int, int]]) -> None:
        self.item = item
        self.usage = {who: usage_of(quantities, item) for who, quantities in reported.items()}
        self.unlisted = {who: pay_as_you_go(quantities, item) for who, quantities in reported.items()}


class Replay:
    """Replays days of one history."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._items: dict[tuple[str, int], Item] = {}
        self._reported: dict[tuple[str, int], Reported] = {}

    def priced(self, name: str, day: int) -> Item:
        """The item by which usage of a day is priced."""
        found = self._items.get((name, day))
        if found is None:
            found = self._items[(name, day)] = priced(self._catalog, name, day)
        return found

    def reported(self, name: str, day: ClosedDay) -> Reported:
        """What was reported of an item on a day of the history."""
        found = self._reported.get((name, day.day))
        if found is None:
            by_workspace = {
                who: each.items[name].reported for who, each in day.workspaces.items() if name in each.items
            }
            found = self._reported[(name, day.day)] = Reported(self.priced(name, day.day), by_workspace)
        return found

    def day(self, day: ClosedDay, plans: Sequence[Plan]) -> DayReplay:
        """The day under these plans."""
        names = {name for workspace in day.workspaces.values() for name in workspace.items}
        names.update(name for plan in plans for name in items_of(plan))
        items = {name: self._item(day, name, plans) for name in sorted(names)}
        exact = exact_sum(amount for item in items.values() for amount in item.charge.values())
        return DayReplay(day.day, due([exact]), exact, items)

    def _item(self, day: ClosedDay, name: str, plans: Sequence[Plan]) -> ItemReplay:
        """One item of the day: converted, allocated and charged as `meter.rules.fold.recalculate` does it."""
        reported = self.reported(name, day)
        shares = shares_on(plans, name, day.day)
        listed = {workspace for share in shares for workspace in share.workspaces}
        usage, rate = reported.usage, package_rate(reported.item)
        drawing = {who: used for who, used in usage.items() if who in listed and not day.workspaces[who].free}
        covered, drawn = allocate(shares, drawing)
        found = ItemReplay(reported.item, usage, {}, {}, drawn, shares)
        for who, used in usage.items():
            if day.workspaces[who].free:
                over, charge = 0, NOTHING
            elif who in listed:
                over = used - covered[who]
                charge = amount_of(rate, over)
            else:
                over, charge = used, reported.unlisted[who]
            found.overage[who], found.charge[who] = over, charge
        return found


def items_of(plan: Plan) -> Iterator[str]:
    """The items that a plan has or had a quota for."""
    for package in plan.packages:
        yield from package.quotas
    for line in plan.traffic:
        yield line.item


def usage_of(reported: Mapping[int, int], item: Item) -> int:
    """Reported quantities, converted."""
    if item.aggregation == "max":
        return converted(Use(peak=max(reported.values(), default=0)), item)
    return converted(Use(sums=dict(reported)), item)


def pay_as_you_go(reported: Mapping[int, int], item: Item) -> Decimal:
    """What a workspace pays that no plan lists: a line for each retention."""
    rates, quantities = payg_rates(reported, item)
    return exact_sum(amount_of(rate, quantity) for rate, quantity in zip(rates, quantities, strict=True))


def amount_of(rate: Rate, quantity: int) -> Decimal:
    """The exact amount of one charge line."""
    if quantity <= 0:
        return NOTHING
    return Decimal(tariff(rate, "").units_and_amount(quantity)[1])
