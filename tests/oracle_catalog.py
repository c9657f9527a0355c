"""The oracle's own reading of the catalog of SPEC section 3, typed from its tables, not from `catalog.toml`.

Two readings of one table: a slip of the pen in either shows in `tests/test_oracle.py`.
"""

import datetime
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.catalog import Catalog

MILLION = 1_000_000


@dataclass(frozen=True)
class Item:
    """`retentions`: retention days -> (factor, price); empty for items without. `default` is one of them."""

    aggregation: str
    unit: int
    price: Decimal
    default: int | None
    retentions: dict[int, tuple[int, Decimal]]


@dataclass(frozen=True)
class PlanPackage:
    """A plan package: its price and its quotas, item -> a day."""

    price: Decimal
    quotas: dict[str, int]


@dataclass(frozen=True)
class TrafficPackage:
    """What one traffic package of an item adds to a day, and its price a day."""

    capacity: int
    price: Decimal


@dataclass(frozen=True)
class Version:
    """What is in force from the day `since` on (a proleptic ordinal, as all days here)."""

    since: int
    items: dict[str, Item]
    plans: dict[str, PlanPackage]
    traffic: dict[str, TrafficPackage]


@dataclass(frozen=True)
class Book:
    """A catalog: its currency, how many days a plan is valid, and its versions."""

    currency: str
    validity_days: int
    versions: tuple[Version, ...]

    def on(self, day: int) -> Version:
        """The version in force on a day; days before the first use the first."""
        found = min(self.versions, key=lambda version: version.since)
        for version in sorted(self.versions, key=lambda version: version.since):
            if version.since <= day:
                found = version
        return found


def _item(
    aggregation: str,
    unit: int,
    price: str,
    default: int | None = None,
    others: tuple[tuple[int, int, str], ...] = (),
) -> Item:
    retentions = {} if default is None else {default: (1, Decimal(price))}
    for days, factor, payg in others:
        retentions[days] = (factor, Decimal(payg))
    return Item(aggregation, unit, Decimal(price), default, retentions)


def _plan(price: int, datakit: int, logs: int, traces: int, pv: int, triggers: int) -> PlanPackage:
    quotas = {"datakit": datakit, "logs": logs, "traces": traces, "pv": pv, "triggers": triggers}
    return PlanPackage(Decimal(price), quotas)


ITEMS = {
    "datakit": _item("max", 1, "3"),
    "logs": _item("sum", MILLION, "1.5", 14, ((3, 1, "1"), (7, 1, "1.2"), (30, 2, "2"), (60, 3, "2.5"))),
    "backup_logs": _item("sum", 10 * MILLION, "2"),
    "traces": _item("sum", MILLION, "3", 7, ((3, 1, "2"), (14, 2, "6"))),
    "pv": _item("sum", 10_000, "1", 7, ((3, 1, "0.7"), (14, 2, "2"))),
    "api_calls": _item("sum", 10_000, "1"),
    "triggers": _item("sum", 10_000, "1"),
    "sms": _item("sum", 1, "0.1"),
}
PLANS = {
    "startup": _plan(42_000, 20, 40 * MILLION, 5 * MILLION, 400_000, 190_000),
    "growth": _plan(280_000, 100, 400 * MILLION, 50 * MILLION, 2 * MILLION, 1_400_000),
    "enterprise": _plan(510_000, 200, 800 * MILLION, 100 * MILLION, 4 * MILLION, 2_400_000),
}
TRAFFIC = {
    "datakit": TrafficPackage(20, Decimal("60")),
    "logs": TrafficPackage(MILLION, Decimal("1.5")),
    "backup_logs": TrafficPackage(10 * MILLION, Decimal("2")),
    "traces": TrafficPackage(MILLION, Decimal("3")),
    "pv": TrafficPackage(100_000, Decimal("10")),
    "api_calls": TrafficPackage(100_000, Decimal("10")),
    "triggers": TrafficPackage(300_000, Decimal("30")),
    "sms": TrafficPackage(100, Decimal("10")),
}
DEFAULT = Book("CNY", 372, (Version(datetime.date(2020, 1, 1).toordinal(), ITEMS, PLANS, TRAFFIC),))


def of_product(catalog: "Catalog") -> Book:
    """The same shape made of a catalog that the product loaded, for catalogs other than the default."""
    versions = []
    for version in catalog.versions:
        items = {
            name: Item(
                item.aggregation,
                item.unit,
                item.price,
                item.default_retention,
                {days: (retention.factor, retention.price) for days, retention in item.retentions.items()},
            )
            for name, item in version.items.items()
        }
        plans = {name: PlanPackage(plan.price, dict(plan.quotas)) for name, plan in version.plans.items()}
        traffic = {name: TrafficPackage(pack.capacity, pack.price) for name, pack in version.traffic.items()}
        versions.append(Version(version.since, items, plans, traffic))
    return Book(catalog.currency, catalog.validity_days, tuple(versions))
