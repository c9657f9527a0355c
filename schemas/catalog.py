"""The catalogue in use: items, plan packages and traffic packages of dated versions.

Frozen slots classes, because every event asks an item for its aggregation and retentions. Equal catalogues have
equal canonical JSON (`catalogue_json`) and the other way round: the journal compares bytes.
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
    CATALOGUE_LIMIT_BYTES,
    ITEMS_LIMIT,
    RETENTIONS_LIMIT,
    CatalogueError,
    CatalogueFile,
    ItemFile,
    VersionFile,
    read_catalogue,
    read_version,
)
from schemas.money import price_text

__all__ = [
    "Catalogue",
    "CatalogueError",
    "Item",
    "PlanPackage",
    "Retention",
    "TrafficPackage",
    "Version",
    "catalogue_from_json",
    "catalogue_json",
    "differences",
    "load_catalogue",
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
class Catalogue:
    """All versions in rising `since`, no two alike; the currency and validity of everything in them."""

    currency: str
    validity_days: int
    versions: tuple[Version, ...]
    _days: tuple[int, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        days = tuple(version.since for version in self.versions)
        assert days, "a catalogue has at least one version"
        assert all(first < second for first, second in pairwise(days)), f"versions rise, not {days}"
        object.__setattr__(self, "_days", days)

    def version(self, day: int) -> Version:
        """The version in force on `day`; days before the first version use the first."""
        return self.versions[max(0, bisect_right(self._days, day) - 1)]

    def with_version(self, version: Version) -> "Catalogue":
        """This catalogue with one more version, or with it in the place of the one that begins on its day."""
        others = [known for known in self.versions if known.since != version.since]
        versions = tuple(sorted([*others, version], key=lambda each: each.since))
        return Catalogue(self.currency, self.validity_days, versions)


def load_catalogue(path: Path | str | None = None) -> Catalogue:
    """The catalogue in the TOML file `path`, or the meter's own; raises CatalogueError with all that is wrong."""
    source = "catalog.toml" if path is None else str(path)
    try:
        if path is None:
            text = resources.files("meter").joinpath("catalog.toml").read_text("utf-8")
        else:
            text = Path(path).read_text("utf-8")
        raw = tomllib.loads(text)
    except (OSError, ValueError, RecursionError) as wrong:  # ValueError: not UTF-8, not TOML, an endless number
        raise CatalogueError(source, [f"the file is TOML in UTF-8: {wrong}"]) from wrong
    catalogue = _catalogue(read_catalogue(raw, source))
    problems = over_limits(catalogue)
    if problems:
        raise CatalogueError(source, problems)
    return catalogue


def over_limits(catalogue: Catalogue) -> list[str]:
    """What of a catalogue is beyond the limits by which rows and outputs are bounded: the law, then the number."""
    size, names = len(catalogue_json(catalogue)), {name for version in catalogue.versions for name in version.items}
    problems = []
    if size > CATALOGUE_LIMIT_BYTES:
        problems.append(f"as JSON it has at most {CATALOGUE_LIMIT_BYTES} bytes, not {size}")
    if len(names) > ITEMS_LIMIT:
        problems.append(f"its versions together have at most {ITEMS_LIMIT} items, not {len(names)}")
    problems += [
        f"items.{item.name} from {date.fromordinal(version.since)}: an item has at most {RETENTIONS_LIMIT} retentions, "
        f"the default one included, not {len(item.retentions)}"
        for version in catalogue.versions
        for item in version.items.values()
        if len(item.retentions) > RETENTIONS_LIMIT
    ]
    return problems


def catalogue_json(catalogue: Catalogue) -> bytes:
    """Canonical JSON: equal catalogues have equal bytes."""
    return _canonical(_catalogue_shape(catalogue))


def catalogue_from_json(content: bytes) -> Catalogue:
    """What `catalogue_json` wrote; raises CatalogueError."""
    return _catalogue(read_catalogue(_parsed(content), "catalogue"))


def version_json(version: Version) -> bytes:
    """Canonical JSON of one version."""
    return _canonical(_version_shape(version))


def version_from_json(content: bytes) -> Version:
    """What `version_json` wrote; raises CatalogueError."""
    return _version(read_version(_parsed(content), "catalogue version"))


def differences(recorded: Catalogue, file: Catalogue, through: int | None = None) -> list[str]:
    """Sentences that name what the two say differently; with `through`, only of versions begun by that day."""
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
            found.append(f"{label} is recorded, the file has none from that day")
        elif old_version is None:
            found.append(f"{label} is not recorded, the file adds it")
        else:
            old, new = _version_shape(old_version), _version_shape(new_version)
            found.extend(f"{label}: {each}" for each in _changes(old, new, ""))
    return found


def _by_day(catalogue: Catalogue, through: int | None) -> dict[int, Version]:
    return {each.since: each for each in catalogue.versions if through is None or each.since <= through}


def _changes(recorded: object, file: object, place: str) -> Iterator[str]:
    if recorded == file:
        return
    if isinstance(recorded, dict) and isinstance(file, dict):
        for name in sorted(recorded.keys() | file.keys()):
            yield from _changes(recorded.get(name), file.get(name), f"{place}.{name}" if place else name)
    elif recorded is None:
        yield f"{place} is not recorded, the file says {_told(file)}"
    elif file is None:
        yield f"{place} is recorded as {_told(recorded)}, the file has none"
    else:
        yield f"{place} is recorded as {_told(recorded)}, the file says {_told(file)}"


def _told(shape: object) -> str:
    return shape if isinstance(shape, str) else json.dumps(shape, ensure_ascii=False)


def _parsed(content: bytes) -> object:
    return json.loads(content.decode("utf-8"))


def _canonical(shape: object) -> bytes:
    return json.dumps(shape, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _catalogue_shape(catalogue: Catalogue) -> dict[str, Any]:
    versions = [_version_shape(version) for version in catalogue.versions]
    return {"currency": catalogue.currency, "validity_days": catalogue.validity_days, "versions": versions}


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


def _catalogue(file: CatalogueFile) -> Catalogue:
    versions = sorted(map(_version, file.versions), key=lambda version: version.since)
    return Catalogue(file.currency, file.validity_days, tuple(versions))


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
