"""Days of one journal partition as a billing person tells them: usage, orders, the day's end, what was then stated.

Times are written out; a record stands in the journal, and reached Kafka, when the story says `at`.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from meter.batch.store import Store
from meter.rules.billing_days import parse_day, parse_time
from meter.rules.fold.closing import SLICE_ITEMS
from meter.rules.fold.fold import Fold
from schemas.catalog import Catalog, catalog_json, load_catalog
from schemas.journal import (
    DayClosed,
    DayExpired,
    Gathered,
    Named,
    Opening,
    OrderEntry,
    OrderGroup,
    Slot,
)
from schemas.orders import canonical, order_from_json
from schemas.rows import NEVER, NO_RETENTION
from tables.partition_state import PartitionState
from tests.rules.announced_world import DictStore
from tests.usage_groups import usage_group

CATALOG = load_catalog(Path(__file__).parents[2] / "meter" / "catalog.toml")
HORIZON_DAYS = 3


def ms(at: str) -> int:
    return parse_time(at) // 1000


class Days:
    """A fold of records in their order, and what it published; `changelog` is what a restore would read."""

    def __init__(
        self,
        opened: str = "2026-01-30T12:00:00Z",
        zone: str = "+00:00",
        catalog: Catalog = CATALOG,
        store: Store | None = None,
    ) -> None:
        self.catalog = catalog
        opening = Opening("m", zone, "CNY", 1, 3600, HORIZON_DAYS, catalog_json(catalog), ms(opened))
        self.store: Any = DictStore() if store is None else store
        self.changelog: list[tuple[bytes, bytes | None]] = []
        self.published: list[tuple[str, str, dict[str, Any]]] = []
        self.directory: dict[str, Named] = {}
        self.offset = -1
        self.chunked = False
        self.reopen()
        self.append(opening, opened)

    def reopen(self) -> None:
        """The worker is gone; another goes on from what was committed."""
        self.state = PartitionState(self.store)
        self.fold = Fold(self.state, self.state.facts())

    def append(self, record: Any, at: str) -> None:
        self.offset += 1
        self.fold.fold(self.offset, ms(at), record)
        if not self.chunked:
            self.commit()

    def commit(self) -> None:
        self.published += [(topic, key, json.loads(value)) for topic, key, value in self.fold.finish()]
        self.state.put_facts(self.fold.known())
        rows = self.state.changes(self.offset)
        self.changelog += rows
        self.state.committed(rows, len(self.changelog))

    @contextmanager
    def one_chunk(self) -> Iterator[None]:
        """What is told inside is committed as one."""
        self.chunked = True
        yield
        self.chunked = False
        self.commit()

    # What happens

    def bind(self, workspace: str, account: str = "acct", commercial: str | None = "2026-01-01") -> None:
        """Known to the intake, which tells it with every record that names the workspace."""
        self.directory[workspace] = Named(workspace, account, NEVER if commercial is None else parse_day(commercial))

    def use(
        self,
        workspace: str,
        item: str,
        quantity: int,
        time: str,
        *,
        at: str | None = None,
        retention: int | None = None,
        corrected: bool = False,
        id: str | None = None,
    ) -> None:
        """One event of this instant; without `at` it comes at once."""
        time_us, name = parse_time(time), id or f"{self.offset}"
        days = self.catalog.versions[0].items[item].default_retention if retention is None else retention
        slot = Slot(0, item, days or NO_RETENTION, self.fold.known().zone.day_of(time_us), corrected)
        group = usage_group(self.offset, ms(at or time), slot, workspace, quantity, time_us, name)
        self.append(Gathered([self.directory[workspace]], [group]), at or time)

    def order(self, order: dict[str, Any], at: str) -> None:
        self.orders([order], at)

    def orders(self, orders: Sequence[dict[str, Any]], at: str) -> None:
        """Orders that come in one journal record."""
        named = dict.fromkeys(workspace for order in orders for workspace in order.get("workspaces", ()))
        day = self.fold.known().zone.day_of(parse_time(at))
        entries = [
            OrderEntry(offset, ms(at), day, canonical(order_from_json(json.dumps(order).encode()), "CNY"))
            for offset, order in enumerate(orders, self.offset)
        ]
        self.append(Gathered([self.directory[each] for each in named], [OrderGroup("plan-purchases", 0, entries)]), at)

    def close(self, day: str, at: str, cursor: str = "", items: int = SLICE_ITEMS) -> None:
        """One entry."""
        self.append(DayClosed(parse_day(day), cursor, items), at)

    def close_next(self, day: str, at: str, items: int) -> bool:
        """The next entry of a day, of so many items; whether the day is still open."""
        self.close(day, at, self.fold.known().closing, items)
        return self.fold.known().closed_through < parse_day(day)

    def expire(self, day: str, at: str, cursor: str = "") -> None:
        """One entry."""
        self.append(DayExpired(parse_day(day), cursor), at)

    def close_through(self, day: str, at: str) -> None:
        """All days up to this one, as their owner would."""
        while (facts := self.fold.known()).closed_through < parse_day(day):
            self.append(DayClosed(facts.closed_through + 1, facts.closing, SLICE_ITEMS), at)
            assert self.fold.known() != facts, "nothing was closed"

    # What was told

    def statements(self, since: int = 0) -> list[tuple[str, bool]]:
        """Keys of the statements told, and whether they are restated."""
        return [(key, value["restated"]) for topic, key, value in self.published[since:] if topic == "statements"]

    def last(self, key: str, topic: str = "statements") -> dict[str, Any]:
        """What was last told under a key."""
        return [value for name, one, value in self.published if (name, one) == (topic, key)][-1]

    def dead(self) -> list[str]:
        return [value["reason"] for topic, _, value in self.published if topic == "dead-letters"]
