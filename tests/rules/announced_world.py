"""One journal partition and the catalog of its days, told in a billing person's words.

before  the catalog as opened: `logs` 1.5 a unit of one, `calls` 1, `hosts` (max) 3, from 2026-01-01
do      usage of one commercial workspace that no plan lists, announcements, copies of announcements
after   what each item of a day is charged, as last published
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any

from meter.batch.store import Store
from meter.rules.billing_days import parse_day, parse_time
from meter.rules.fold.fold import Fold
from schemas.catalog import Catalog, Item, Retention, Version, catalog_json, version_json
from schemas.journal import (
    CatalogVersion,
    DayClosed,
    Gathered,
    Named,
    Opening,
    Slot,
)
from schemas.rows import NO_RETENTION
from tables.partition_state import PartitionState
from tests.usage_groups import usage_group

ACCOUNT, WORKSPACE = "acct_1", "wksp_a"
OPENED = parse_time("2026-01-20T08:00:00Z") // 1000


class DictStore(Store):
    """A store without a disk."""

    def __init__(self) -> None:
        """Nothing in it."""
        self.rows: dict[bytes, bytes] = {}

    def get(self, key: bytes) -> bytes | None:
        return self.rows.get(key)

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self.rows.get(key) for key in keys]

    def write(self, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        for key, value in rows:
            if value is None:
                self.rows.pop(key, None)
            else:
                self.rows[key] = value

    def scan(self, prefix: bytes, start: bytes | None = None) -> Iterator[tuple[bytes, bytes]]:
        for key in sorted(key for key in self.rows if key.startswith(prefix) and key >= (start or prefix)):
            yield key, self.rows[key]


def version(since: str, **prices: str) -> Version:
    """A version of sum items at these prices a unit of one; `hosts` is a max item, `logs` has retentions."""
    return Version(parse_day(since), {name: _item(name, price) for name, price in prices.items()}, {}, {})


def _item(name: str, price: str) -> Item:
    if name == "logs":
        retentions = {14: Retention(1, Decimal(price)), 30: Retention(2, Decimal(price) * 2)}
        return Item(name, "sum", 1, Decimal(price), 14, retentions)
    return Item(name, "max" if name == "hosts" else "sum", 1, Decimal(price), None, {})


OPENED_VERSION = version("2026-01-01", logs="1.5", calls="1", hosts="3")


class World:
    """A fold of records as they stand in one partition, and what it published."""

    def __init__(self, *versions: Version, zone: str = "+00:00", chunk: int = 1) -> None:
        """Opened with these versions; what is folded is taken over after every so many records."""
        self.chunk = chunk
        catalog = Catalog("CNY", 372, versions or (OPENED_VERSION,))
        opening = Opening("m", zone, "CNY", 4, 3600, 35, catalog_json(catalog), OPENED)
        self.state = PartitionState(DictStore())
        self.fold = Fold(self.state, None)
        self.offset = -1
        self.published: dict[str, list[dict[str, Any]]] = {}
        self._append(opening, OPENED)

    def _append(self, record: Any, timestamp_ms: int) -> None:
        self.offset += 1
        self.fold.fold(self.offset, timestamp_ms, record)
        if self.offset % self.chunk:
            return
        for topic, _, value in self.fold.finish():
            self.published.setdefault(topic, []).append(json.loads(value))
        self.state.put_facts(self.fold.known())
        self.state.committed(self.state.changes(self.offset), self.offset)

    def announce(self, news: Version, at: str) -> int:
        """The entry itself, in partition 0: it stands where it stands."""
        self._append(CatalogVersion(version_json(news)), parse_time(at) // 1000)
        return self.offset

    def copy(self, news: Version, offset: int, at: str) -> None:
        """A copy of partition 0's entry, which stands there at `offset` since `at`."""
        entry = CatalogVersion(version_json(news), offset, parse_time(at) // 1000)
        self._append(entry, OPENED + 10**9)

    def use(self, item: str, quantity: int, at: str, retention: int = NO_RETENTION) -> None:
        """One event, counted."""
        time_us, day = parse_time(at), self.fold.known().zone.day_of(parse_time(at))
        name = f"{self.offset}"
        slot = Slot(0, item, retention, day, False)
        group = usage_group(self.offset, time_us // 1000, slot, WORKSPACE, quantity, time_us, name)
        self._append(Gathered([Named(WORKSPACE, ACCOUNT, parse_day("2026-01-01"))], [group]), time_us // 1000)

    def close_through(self, day: str) -> None:
        """The days up to this one close in turn, each when its grace is over."""
        for each in range(self.fold.known().closed_through + 1, parse_day(day) + 1):
            self._append(DayClosed(each), self.fold.known().closes_at_us(each) // 1000)

    def reopened(self) -> None:
        """The worker is gone, another goes on from the rows."""
        self.state = PartitionState(self.state.store)
        self.fold = Fold(self.state, self.state.facts())

    def charges(self, day: str) -> Mapping[str, str]:
        """What the items of a day are charged, as last published."""
        found = {each["item"]: each["charge"]["amount"] for each in self.overages() if each["day"] == day}
        return dict(sorted(found.items()))

    def overages(self) -> list[dict[str, Any]]:
        return self.published.get("overages", [])

    def dead(self) -> list[str]:
        """Reasons of dead letters."""
        return [each["reason"] for each in self.published.get("dead-letters", [])]
