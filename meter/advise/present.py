"""An account as it is today, laid over the closed days: what advice "from today" compares with.

Packages, lists and traffic packages that are paid are sunk: they cost nothing more, whatever is bought beside them.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from meter.advise.changes import Days
from meter.advise.history import History
from meter.advise.portfolios import Kept, Market
from meter.rules.plans import in_force, package_on
from schemas.catalog import Catalog, Version
from schemas.rows import Plan, Traffic, replaced


def laid_over(plans: Sequence[Plan], today: int, days: Days) -> list[Plan]:
    """The plans that did not expire, as they are today, in force on all days of the window and in their present order.

    A plan that is bought and begins later counts too: it is paid.
    """
    alive = [plan for plan in plans if plan.last_day >= today]
    shift = max([0, *(plan.first_day - days.first for plan in alive)])
    return [_laid_over(plan, plan.first_day - shift, today) for plan in alive]


def _laid_over(plan: Plan, first: int, today: int) -> Plan:
    return replaced(
        plan,
        first_day=first,
        packages=(replaced(plan.packages[-1], since=first),),
        lists=(replaced(plan.lists[-1], since=first),),
        traffic=tuple(replaced(line, since=first) for line in plan.traffic if line.through >= today),
    )


def market_of(plans: Sequence[Plan], catalog: Catalog, today: int) -> Market:
    """What can be bought today, beside the plans that are kept (`laid_over` made them)."""
    kept = [
        Kept(
            plan.plan_id,
            plan.packages[-1].plan,
            plan.packages[-1].price,
            plan.packages[-1].quotas,
            _capacities(plan.traffic),
            plan.last_day,
        )
        for plan in plans
    ]
    return Market(catalog.version(today).plans, catalog.validity_days, kept)


def _capacities(lines: Sequence[Traffic]) -> Mapping[str, int]:
    found: dict[str, int] = {}
    for line in lines:
        found[line.item] = found.get(line.item, 0) + line.units * line.capacity
    return found


def discounts_of(plans: Sequence[Plan], version: Version, offered: Decimal | None) -> dict[str, Decimal]:
    """The discount at which traffic packages are taken to be had: `offered`, else the account's latest, else 1."""
    latest: dict[str, tuple[int, Decimal]] = {}
    for plan in plans:
        for line in plan.traffic:
            if line.item not in latest or latest[line.item][0] <= line.since:
                latest[line.item] = line.since, line.discount
    return {
        item: offered if offered is not None else latest[item][1] if item in latest else Decimal(1)
        for item in version.traffic
    }


def paid_by_day(history: History, plans: Sequence[Plan]) -> list[Decimal]:
    """What packages and traffic packages cost on each day of the history, pro rata over the days they are paid for.

    The price of a traffic package is that of the catalog version of the day it began to count.
    """
    return [sum((_paid(plan, day.day, history.catalog) for plan in plans), Decimal(0)) for day in history.days]


def _paid(plan: Plan, day: int, catalog: Catalog) -> Decimal:
    package = package_on(plan, day)
    if package is None or not in_force(plan, day):
        return Decimal(0)
    paid = package.price / (plan.last_day - plan.first_day + 1)
    for line in plan.traffic:
        traffic = catalog.version(line.since).traffic.get(line.item)
        if traffic is not None and line.since <= day <= line.through:
            paid += traffic.price * line.units * line.discount
    return paid
