"""A plan on one day: the list and the quota in force, from its history."""

from dataclasses import dataclass, field
from decimal import Decimal

from schemas.days import parse_date
from schemas.plans import Plan as PlanRecord


@dataclass(frozen=True)
class TrafficOf:
    """Traffic packages of one item: what they add to the quota of each day from `since` on."""

    item: str
    a_day: int
    since: int


@dataclass(frozen=True)
class Package:
    """A plan package as it was bought."""

    quotas: dict[str, int]
    price: Decimal


@dataclass
class Plan:
    """One purchase. `packages` and `lists`: each with its first day, in the order of the orders."""

    plan_id: str
    first_day: int
    last_day: int
    packages: list[tuple[int, Package]] = field(default_factory=list)
    lists: list[tuple[int, tuple[str, ...]]] = field(default_factory=list)
    traffic: list[TrafficOf] = field(default_factory=list)

    def listed(self, day: int) -> tuple[str, ...]:
        """The latest list that begins by this day; before all known lists, the first."""
        return ([names for since, names in self.lists if since <= day] or [self.lists[0][1]])[-1]

    def known_from(self) -> int:
        """The first day for which list and package are known: a published plan may leave out its oldest history."""
        return max(self.packages[0][0], self.lists[0][0])

    def quota(self, item: str, day: int) -> int:
        """Its quota of an item on a day on which it is in force."""
        package = ([package for since, package in self.packages if since <= day] or [self.packages[0][1]])[-1]
        return package.quotas.get(item, 0) + sum(
            each.a_day for each in self.traffic if each.item == item and each.since <= day
        )


def published_plan(record: PlanRecord) -> Plan:
    """A plan from its record on `plans`, for a journal that no longer holds its orders."""
    plan = Plan(record.plan_id, _day(record.first_day), _day(record.last_day))
    plan.packages = [(_day(each.from_), Package(dict(each.quotas), each.price)) for each in record.packages]
    plan.lists = [(_day(each.from_), tuple(each.workspaces)) for each in record.lists]
    plan.traffic = [TrafficOf(each.item, each.units * each.capacity, _day(each.from_)) for each in record.traffic]
    return plan


def _day(text: str) -> int:
    return parse_date(text).toordinal()
