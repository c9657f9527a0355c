"""Accounts with closed days for advice, written down: usage by workspace and item, plans, published amounts.

The published figures are those of the replay itself, so that the check passes; `test_replay` holds that to the fold.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal

from meter.advise.history import ClosedDay, History, ItemUse, WorkspaceDay
from meter.advise.replay import Replay
from schemas.catalog import Catalog, load_catalog
from schemas.rows import NO_RETENTION, Package, Plan, Traffic, WorkspaceList

CATALOG = load_catalog()
FIRST = date(2026, 10, 1).toordinal()
MILLION = 1_000_000

#: Workspace -> item -> quantity by retention days (or a quantity) of a day, numbered from 0.
Usage = Mapping[str, Mapping[str, Mapping[int, int] | int]]


def plan(
    plan_id: str,
    package: str,
    *workspaces: str,
    first: int = FIRST - 30,
    traffic: tuple[tuple[str, int, str], ...] = (),
    catalog: Catalog = CATALOG,
) -> Plan:
    """A plan bought 30 days before the first day; traffic as (item, units, discount)."""
    bought = catalog.version(first).plans[package]
    last = first + catalog.validity_days - 1
    return Plan(
        plan_id,
        first,
        last,
        (Package(first, package, bought.price, dict(bought.quotas)),),
        (WorkspaceList(first, workspaces),),
        tuple(
            Traffic(item, units, Decimal(discount), first, last, catalog.version(first).traffic[item].capacity)
            for item, units, discount in traffic
        ),
    )


def history(
    days: int, usage: Callable[[int], Usage], *plans: Plan, catalog: Catalog = CATALOG, account: str = "acct_1"
) -> History:
    """So many closed days; their published figures are the replay's."""
    replay = Replay(catalog)
    closed = [_published(_day(FIRST + number, usage(number)), plans, replay) for number in range(days)]
    return History(account, catalog, plans, tuple(closed), {})


def _day(day: int, usage: Usage) -> ClosedDay:
    workspaces = {
        who: WorkspaceDay(free=False, items={name: _use(quantity) for name, quantity in items.items()})
        for who, items in usage.items()
    }
    return ClosedDay(day, Decimal("0.00"), workspaces)


def _use(quantity: Mapping[int, int] | int) -> ItemUse:
    reported = {NO_RETENTION: quantity} if isinstance(quantity, int) else dict(quantity)
    return ItemUse(reported, 0, 0, Decimal(0))


def _published(day: ClosedDay, plans: tuple[Plan, ...], replay: Replay) -> ClosedDay:
    found = replay.day(day, plans)
    workspaces = {}
    for who, each in day.workspaces.items():
        items = {}
        for name, use in each.items.items():
            item = found.items[name]
            drawn = {plan_id: draws[who] for plan_id, draws in item.drawn.items() if draws.get(who)}
            items[name] = ItemUse(use.reported, item.covered(who), item.overage[who], item.charge[who], drawn)
        workspaces[who] = WorkspaceDay(each.free, items)
    return ClosedDay(day.day, found.due, workspaces)
