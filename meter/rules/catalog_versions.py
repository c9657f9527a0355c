"""Which catalog is in force: the opened one and the versions announced since, as partition 0 decided them.

A version counts if its entry was appended to partition 0 before its first day began; of several with the same first
day the last such entry counts. Copies in other partitions carry that entry's offset and time, so it does not matter
when, how often or in what order they arrive.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from itertools import pairwise

from meter.rules.billing_days import FIRST_DAY, LAST_DAY, BillingZone
from schemas.catalog import Catalog, Item, Version, differences, over_limits, version_from_json, version_json
from schemas.journal import CatalogVersion
from schemas.rows import replaced

Announced = tuple[CatalogVersion, ...]


@lru_cache(64)
def version_of(content: bytes) -> Version:
    """The version that an entry holds."""
    return version_from_json(content)


def decided(entry: CatalogVersion, offset: int, timestamp_ms: int) -> CatalogVersion:
    """The entry with the offset and time at which partition 0 decided it; a copy carries them already."""
    if entry.decided_offset >= 0:
        return entry
    return replaced(entry, decided_offset=offset, decided_ms=timestamp_ms)


def with_announced(announced: Announced, found: CatalogVersion, zone: BillingZone) -> Announced:
    """The announced versions that count, by first day; the same tuple if this one changes nothing."""
    since = version_of(found.version).since
    if found.decided_ms * 1000 >= zone.begin_of(since):
        return announced
    others = []
    for each in announced:
        if version_of(each.version).since != since:
            others.append(each)
        elif each.decided_offset >= found.decided_offset:
            return announced
    return tuple(sorted([*others, found], key=lambda each: version_of(each.version).since))


def recorded(opened: Catalog, announced: Announced) -> Catalog:
    """All versions in the journal; METER_CATALOG is compared with them."""
    for each in announced:
        opened = opened.with_version(version_of(each.version))
    return opened


def in_force(opened: Catalog, announced: Announced) -> Catalog:
    """The catalog by which figures are calculated.

    An announced version does not change days before its first day: if it is the earliest of all, those days keep the
    first version of the opening.
    """
    now, first = recorded(opened, announced), opened.versions[0]
    return now if now.versions[0] == first else now.with_version(replace(first, since=FIRST_DAY))


def priced(catalog: Catalog, name: str, day: int) -> Item:
    """The item by which counted usage of a day is priced; never an error, whatever was announced since.

    The day's version gives it; if that lacks the item, the last version before it that has the item, else the first
    after it. An item that no version has costs nothing.
    """
    had = [version for version in catalog.versions if name in version.items]
    if not had:
        return Item(name, "sum", 1, Decimal(0), None, {})
    return next((version for version in reversed(had) if version.since <= day), had[0]).items[name]


def repriced(before: Catalog, after: Catalog) -> Iterator[tuple[int, int]]:
    """First and last day of every stretch of days on which some item is priced differently than before."""
    names = {name for version in (*before.versions, *after.versions) for name in version.items}
    days = sorted({FIRST_DAY, *(version.since for version in (*before.versions, *after.versions))})
    for first, following in pairwise([*days, LAST_DAY + 1]):
        if any(priced(before, name, first) != priced(after, name, first) for name in names):
            yield first, following - 1


@dataclass(frozen=True)
class Comparison:
    """How a file differs from the journal: forbidden changes (sentences), versions to announce, versions it lacks."""

    refused: Sequence[str]
    news: Sequence[Version]
    missing: Sequence[Version]


def compared(known: Catalog, file: Catalog, now_us: int, zone: BillingZone) -> Comparison:
    """Compare a file with the journal's catalog; a version whose first day has begun by `now_us` is past."""
    past = [since for since in _first_days(known, file) if zone.begin_of(since) <= now_us]
    refused = [*differences(known, file, through=max(past, default=FIRST_DAY))]
    here, there = _by_first_day(known), _by_first_day(file)
    future = sorted((here.keys() | there.keys()) - set(past))
    news = [there[since] for since in future if since in there and _other(here.get(since), there[since])]
    refused += _too_much(known, news)
    return Comparison(
        refused,
        news,
        [here[since] for since in future if since not in there],
    )


def _too_much(known: Catalog, news: Sequence[Version]) -> Iterator[str]:
    """Limits that the catalog would exceed: the journal keeps versions that the file lacks beside the file's own."""
    if news:
        for version in news:
            known = known.with_version(version)
        for problem in over_limits(known):
            yield f"with the versions already in the journal the catalog is too large: {problem}"


def _other(known: Version | None, file: Version) -> bool:
    return known is None or version_json(known) != version_json(file)


def _first_days(*catalogs: Catalog) -> Iterable[int]:
    return {version.since for catalog in catalogs for version in catalog.versions}


def _by_first_day(catalog: Catalog) -> dict[int, Version]:
    return {version.since: version for version in catalog.versions}
