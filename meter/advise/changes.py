"""Changes of an account's plans: what they do to the plans, what they cost now and a day, and the commands that order
them.

They are made on plan rows, so that the rules replay days under the changed plans as they would under bought ones.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from meter.errors import UserError
from meter.rules.prices import purchase_price, traffic_price, upgrade_price
from schemas.catalog import Catalog, PlanPackage, Version
from schemas.money import price_text
from schemas.orders import TrafficLine
from schemas.rows import Package, Plan, Traffic, WorkspaceList, replaced

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Buy:
    """A plan package with its traffic packages for a list of workspaces; `plan_id` names it in the replay."""

    plan_id: str
    package: str
    workspaces: tuple[str, ...]
    traffic: tuple[TrafficLine, ...] = ()


@dataclass(frozen=True, slots=True)
class Upgrade:
    """A dearer package in the place of a plan's."""

    plan_id: str
    package: str


@dataclass(frozen=True, slots=True)
class AddTraffic:
    """Traffic packages for a plan, through its last day."""

    plan_id: str
    traffic: tuple[TrafficLine, ...]


@dataclass(frozen=True, slots=True)
class ChangeWorkspaces:
    """A new list, in its new order."""

    plan_id: str
    workspaces: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Without:
    """As if a plan had never been bought: no order does this, a simulation may ask."""

    plan_id: str


Change = Buy | Upgrade | AddTraffic | ChangeWorkspaces | Without


@dataclass(frozen=True, slots=True)
class Days:
    """The days for which changes hold, first and last included."""

    first: int
    last: int


def changed(plans: Sequence[Plan], changes: Iterable[Change], version: Version, days: Days) -> list[Plan]:
    """The plans with all changes, as if made before the first day; `UserError` for a change that is not allowed."""
    found = {plan.plan_id: plan for plan in plans}
    for change in changes:
        match change:
            case Buy(plan_id, package, workspaces, traffic):
                bought = Package(days.first, package, *_terms(package_of(version, package)))
                found[plan_id] = Plan(
                    plan_id,
                    days.first,
                    days.last,
                    (bought,),
                    (WorkspaceList(days.first, workspaces),),
                    _lines(traffic, version, days.first, days.last),
                )
            case Upgrade(plan_id, package):
                plan = _plan(found, plan_id)
                better = Package(plan.first_day, package, *_terms(package_of(version, package)))
                found[plan_id] = replaced(plan, packages=(better,))
            case AddTraffic(plan_id, traffic):
                plan = _plan(found, plan_id)
                more = _lines(traffic, version, plan.first_day, plan.last_day)
                found[plan_id] = replaced(plan, traffic=plan.traffic + more)
            case ChangeWorkspaces(plan_id, workspaces):
                plan = _plan(found, plan_id)
                found[plan_id] = replaced(plan, lists=(WorkspaceList(plan.first_day, workspaces),))
            case Without(plan_id):
                _plan(found, plan_id)
                del found[plan_id]
    return list(found.values())


def _plan(plans: Mapping[str, Plan], plan_id: str) -> Plan:
    if plan_id not in plans:
        there = ", ".join(sorted(plans)) or "none"
        raise UserError(f"the account has no plan {plan_id!r}: its plans are {there}; `meter plans` shows them")
    return plans[plan_id]


def package_of(version: Version, name: str) -> PlanPackage:
    """A plan package of the version; `UserError` if it has none of this name."""
    if name not in version.plans:
        raise UserError(f"unknown plan package {name!r}: the catalog of today has {', '.join(sorted(version.plans))}")
    return version.plans[name]


def _terms(package: PlanPackage) -> tuple[Decimal, dict[str, int]]:
    return package.price, dict(package.quotas)


def _lines(lines: Iterable[TrafficLine], version: Version, since: int, through: int) -> tuple[Traffic, ...]:
    for line in lines:
        if line.item not in version.traffic:
            raise UserError(
                f"unknown item {line.item!r}: the catalog of today has traffic packages of "
                f"{', '.join(sorted(version.traffic))}"
            )
    return tuple(
        Traffic(line.item, line.units, line.discount, since, through, version.traffic[line.item].capacity)
        for line in lines
    )


@dataclass(frozen=True, slots=True)
class Price:
    """What changes cost: in cash today, and a day, spread over the days for which they are paid."""

    now: Decimal
    a_day: Decimal


def price_of(changes: Iterable[Change], plans: Sequence[Plan], catalog: Catalog, today: int) -> Price:
    """What the changes cost if they are ordered today (SPEC §8), each by itself; `plans`: as they are today."""
    version, validity = catalog.version(today), catalog.validity_days
    found = {plan.plan_id: plan for plan in plans}
    now = a_day = ZERO
    for change in changes:
        match change:
            case Buy(_, name, _, traffic):
                package = package_of(version, name).price
                now += purchase_price(package, traffic, version, validity)
                a_day += package / validity + traffic_a_day(traffic, version)
            case Upgrade(plan_id, name):
                plan = _plan(found, plan_id)
                more, whole = (
                    package_of(version, name).price - plan.packages[-1].price,
                    plan.last_day - plan.first_day + 1,
                )
                if more <= 0:
                    raise UserError(
                        f"an upgrade must go up in price: {name} is no dearer than {plan.packages[-1].plan}"
                    )
                left = days_left(plan, today)
                now += upgrade_price(package_of(version, name).price, plan.packages[-1].price, left, whole)
                a_day += more / whole
            case AddTraffic(plan_id, traffic):
                now += traffic_price(traffic, version, days_left(_plan(found, plan_id), today))
                a_day += traffic_a_day(traffic, version)
            case ChangeWorkspaces() | Without():
                pass
    return Price(now, a_day)


def traffic_a_day(lines: Iterable[TrafficLine], version: Version) -> Decimal:
    """What traffic packages cost a day."""
    return sum((version.traffic[line.item].price * line.units * line.discount for line in lines), ZERO)


def days_left(plan: Plan, today: int) -> int:
    """Days of a plan from today on, today included; all of them if it begins later, none if it expired."""
    return max(0, plan.last_day - max(today, plan.first_day) + 1)


def order_lines(account: str, changes: Iterable[Change]) -> list[str]:
    """The commands that order the changes; `Without` has none."""
    lines = []
    for change in changes:
        match change:
            case Buy(_, name, workspaces, traffic):
                lines.append(f"meter buy {account} {name} {' '.join(workspaces)}{_words(traffic)} --pay auto")
            case Upgrade(plan_id, name):
                lines.append(f"meter upgrade {account} {plan_id} {name} --pay auto")
            case AddTraffic(plan_id, traffic):
                lines.append(f"meter add-traffic {account} {plan_id}{_words(traffic)} --pay auto")
            case ChangeWorkspaces(plan_id, workspaces):
                lines.append(f"meter change-workspaces {account} {plan_id} {' '.join(workspaces)}")
            case Without():
                pass
    return lines


def _words(lines: Iterable[TrafficLine]) -> str:
    return "".join(
        f" --traffic {line.item}={line.units}" + ("" if line.discount == 1 else f"@{price_text(line.discount)}")
        for line in lines
    )
