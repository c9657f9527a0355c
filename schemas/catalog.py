"""The catalog in use: items, plan packages and traffic packages of dated versions.

Frozen slots classes, because every event asks an item for its aggregation and retentions. Equal catalogs have
equal canonical JSON (`catalog_json`) and the other way round: the journal compares bytes.
"""

import json
import tomllib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from schemas.catalog_file import (
    CATALOG_LIMIT_BYTES,
    ITEMS_LIMIT,
    RETENTIONS_LIMIT,
    CatalogError,
    CatalogFile,
    ItemFile,
    VersionFile,
    read_catalog,
    read_version,
)
from schemas.money import price_text

__all__ = [
    "Catalog",
    "CatalogError",
    "Item",
    "PlanPackage",
    "Retention",
    "TrafficPackage",
    "Version",
    "catalog_from_json",
    "catalog_json",
    "differences",
    "load_catalog",
    "over_limits",
    "version_from_json",
    "version_json",
]


@dataclass(frozen=True, slots=True)
class Retention:
    """A quantity at this retention counts `factor` times; pay-as-you-go a unit costs `price`."""

    factor: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Item:
    """A billing item. `retentions` holds the default one too (factor 1, the item's price), or nothing."""

    name: str
    aggregation: Literal["sum", "max"]
    unit: int
    price: Decimal
    default_retention: int | None
    retentions: dict[int, Retention]


@dataclass(frozen=True, slots=True)
class PlanPackage:
    """A plan package: `quotas` a day by item, `price` for the whole validity, `value` as pay-as-you-go if stated."""

    name: str
    title: str
    quotas: dict[str, int]
    price: Decimal
    value: Decimal | None


@dataclass(frozen=True, slots=True)
class TrafficPackage:
    """A traffic package: `capacity` of `item` a day at `price` a day, of one."""

    item: str
    capacity: int
    price: Decimal


@dataclass(frozen=True, slots=True)
class Version:
    """What is in force from the day `since` (an ordinal) until the next version's."""

    since: int
    items: dict[str, Item]
    plans: dict[str, PlanPackage]
    traffic: dict[str, TrafficPackage]


@dataclass(frozen=True, slots=True)
class Catalog:
    """All versions in rising `since`, no two alike; the currency and validity of everything in them."""

    currency: str
    validity_days: int
    versions: tuple[Version, ...]
    _days: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = tuple(version.since for version in self.versions)
        assert days, "a catalog has at least one version"
        assert all(first < second for first, second in pairwise(days)), f"versions rise, not {days}"
        object.__setattr__(self, "_days", days)

    def version(self, day: int) -> Version:
        """The version in force on `day`; days before the first version use the first."""
        return self.versions[max(0, bisect_right(self._days, day) - 1)]

    def with_version(self, version: Version) -> "Catalog":
        """This catalog with one more version, or with it in the place of the one that begins on its day."""
        others = [known for known in self.versions if known.since != version.since]
        versions = tuple(sorted([*others, version], key=lambda each: each.since))
        return Catalog(self.currency, self.validity_days, versions)


def load_catalog(path: Path | str | None = None) -> Catalog:
    """The catalog in the TOML file `path`, or the meter's own; raises CatalogError with all that is wrong."""
    source = "catalog.toml" if path is None else str(path)
    try:
        if path is None:
            text = resources.files("meter").joinpath("catalog.toml").read_text("utf-8")
        else:
            text = Path(path).read_text("utf-8")
        raw = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as wrong:  # ValueError: not UTF-8, not TOML, an endless number
        raise CatalogError(source, [f"the file is TOML in UTF-8: {wrong}"]) from wrong
    catalog = _catalog(read_catalog(raw, source))
    problems = over_limits(catalog)
    if problems:
        raise CatalogError(source, problems)
    return catalog


def over_limits(catalog: Catalog) -> list[str]:
    """Sentences on limits that the catalog exceeds; the limits bound rows and outputs."""
    size, names = len(catalog_json(catalog)), {name for version in catalog.versions for name in version.items}
    problems = []
    if size > CATALOG_LIMIT_BYTES:
        problems.append(f"as JSON it has at most {CATALOG_LIMIT_BYTES} bytes, not {size}")
    if len(names) > ITEMS_LIMIT:
        problems.append(f"its versions together have at most {ITEMS_LIMIT} items, not {len(names)}")
    problems += [
        f"items.{item.name} from {date.fromordinal(version.since)}: an item has at most {RETENTIONS_LIMIT} retentions, "
        f"the default one included, not {len(item.retentions)}"
        for version in catalog.versions
        for item in version.items.values()
        if len(item.retentions) > RETENTIONS_LIMIT
    ]
    return problems


def catalog_json(catalog: Catalog) -> bytes:
    """Canonical JSON: equal catalogs have equal bytes."""
    return _canonical(_catalog_shape(catalog))


def catalog_from_json(content: bytes) -> Catalog:
    """What `catalog_json` wrote; raises CatalogError."""
    return _catalog(read_catalog(_parsed(content), "catalogue"))


def version_json(version: Version) -> bytes:
    """Canonical JSON of one version."""
    return _canonical(_version_shape(version))


def version_from_json(content: bytes) -> Version:
    """What `version_json` wrote; raises CatalogError."""
    return _version(read_version(_parsed(content), "catalog version"))


def differences(recorded: Catalog, file: Catalog, through: int | None = None) -> list[str]:
    """Sentences on the differences of the two; with `through`, only in versions begun by that day."""
    found = [
        f"{name} is recorded as {old}, the file says {new}"
        for name, old, new in (
            ("currency", recorded.currency, file.currency),
            ("validity_days", recorded.validity_days, file.validity_days),
        )
        if old != new
    ]
    old_versions, new_versions = _by_day(recorded, through), _by_day(file, through)
    for day in sorted(old_versions.keys() | new_versions.keys()):
        label = f"version {date.fromordinal(day).isoformat()}"
        old_version, new_version = old_versions.get(day), new_versions.get(day)
        if new_version is None:
            found.append(f"{label} is in the journal but missing from METER_CATALOG")
        elif old_version is None:
            found.append(f"{label} is not recorded, the file adds it")
        else:
            old, new = _version_shape(old_version), _version_shape(new_version)
            found.extend(f"{label}: {each}" for each in _changes(old, new, ""))
    return found


def _by_day(catalog: Catalog, through: int | None) -> dict[int, Version]:
    return {each.since: each for each in catalog.versions if through is None or each.since <= through}


def _changes(recorded: object, file: object, place: str) -> Iterator[str]:
    if recorded == file:
        return
    if isinstance(recorded, dict) and isinstance(file, dict):
        for name in sorted(recorded.keys() | file.keys()):
            yield from _changes(recorded.get(name), file.get(name), f"{place}.{name}" if place else name)
    elif recorded is None:
        yield f"{place} is not recorded, the file says {_written(file)}"
    elif file is None:
        yield f"{place} is recorded as {_written(recorded)}, the file has none"
    else:
        yield f"{place} is recorded as {_written(recorded)}, the file says {_written(file)}"


def _written(shape: object) -> str:
    return shape if isinstance(shape, str) else json.dumps(shape, ensure_ascii=False)


def _parsed(content: bytes) -> object:
    return json.loads(content.decode("utf-8"))


def _canonical(shape: object) -> bytes:
    return json.dumps(shape, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _catalog_shape(catalog: Catalog) -> dict[str, Any]:
    versions = [_version_shape(version) for version in catalog.versions]
    return {"currency": catalog.currency, "validity_days": catalog.validity_days, "versions": versions}


def _version_shape(version: Version) -> dict[str, Any]:
    return {
        "from": date.fromordinal(version.since).isoformat(),
        "items": {name: _item_shape(item) for name, item in version.items.items()},
        "plans": {name: _plan_shape(plan) for name, plan in version.plans.items()},
        "traffic": {
            name: {"capacity": package.capacity, "price": price_text(package.price)}
            for name, package in version.traffic.items()
        },
    }


def _item_shape(item: Item) -> dict[str, Any]:
    shape: dict[str, Any] = {"aggregation": item.aggregation, "unit": item.unit, "price": price_text(item.price)}
    if item.default_retention is not None:
        shape["default_retention_days"] = item.default_retention
        shape["retentions"] = {
            str(days): {"factor": retention.factor, "price": price_text(retention.price)}
            for days, retention in item.retentions.items()
            if days != item.default_retention
        }
    return shape


def _plan_shape(plan: PlanPackage) -> dict[str, Any]:
    shape: dict[str, Any] = {"title": plan.title, "price": price_text(plan.price), "quotas": plan.quotas}
    if plan.value is not None:
        shape["value"] = price_text(plan.value)
    return shape


def _catalog(file: CatalogFile) -> Catalog:
    versions = sorted(map(_version, file.versions), key=lambda version: version.since)
    return Catalog(file.currency, file.validity_days, tuple(versions))


def _version(file: VersionFile) -> Version:
    return Version(
        since=file.from_.toordinal(),
        items={name: _item(name, item) for name, item in file.items.items()},
        plans={
            name: PlanPackage(name, plan.title or name, dict(plan.quotas), plan.price, plan.value)
            for name, plan in file.plans.items()
        },
        traffic={name: TrafficPackage(name, package.capacity, package.price) for name, package in file.traffic.items()},
    )


def _item(name: str, file: ItemFile) -> Item:
    default = file.default_retention_days
    retentions = {days: Retention(other.factor, other.price) for days, other in file.retentions.items()}
    if default is not None:
        retentions[default] = Retention(1, file.price)
    return Item(name, file.aggregation, file.unit, file.price, default, dict(sorted(retentions.items())))
