"""Catalog versions announced while usage comes: the recount's prices are what the fold published."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from meter.rules.billing_days import parse_day, zone
from meter.verify.catalog import PriceBook
from meter.verify.comparison import Verified, Wanted, compare_figures
from meter.verify.differences import OVERAGES
from meter.verify.published import Published
from meter.verify.recount import Recount, RecountConfig
from schemas.catalog import Catalog, catalog_json
from schemas.journal import Opening
from tests.rules.announced_world import OPENED, OPENED_VERSION, World, version

#: Of few days and with few items, so that a version often takes an item away from usage that stands.
VERSIONS = st.builds(
    lambda since, prices: version(since, **prices),
    st.sampled_from(["2026-02-01", "2026-02-01", "2026-02-02", "2026-02-04"]),
    st.dictionaries(st.sampled_from(["logs", "calls", "hosts", "sms"]), st.sampled_from(["1", "2", "0.5"]), min_size=1),
)
TIMES = [f"2026-0{day}T{time}:00Z" for day in ("1-31", "2-01", "2-02") for time in ("00:00", "23:58")]
ANNOUNCED = st.tuples(st.just("announce"), VERSIONS, st.sampled_from(["2026-01-25T00:00:00Z", *TIMES]))
COPIED = st.tuples(st.just("copy"), VERSIONS, st.integers(1, 40), st.sampled_from(TIMES))
USED = st.tuples(
    st.just("use"),
    st.sampled_from(["logs", "logs", "calls", "hosts", "sms"]),
    st.integers(1, 3),
    st.sampled_from(TIMES),
)


class Recorded(World):
    """The world, and what was appended to its journal."""

    def __init__(self) -> None:
        """Opened with the usual version."""
        self.journal: list[tuple[int, int, Any]] = []
        super().__init__()

    def _append(self, record: Any, timestamp_ms: int) -> None:
        super()._append(record, timestamp_ms)
        self.journal.append((self.offset, timestamp_ms, record))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(ANNOUNCED, COPIED, USED, USED, USED), min_size=2, max_size=14))
def test_whatever_is_announced_the_recount_prices_as_the_fold(steps: list[tuple[Any, ...]]) -> None:
    world = Recorded()
    for kind, *what in steps:
        if kind == "use":
            item, quantity, at = what
            world.use(item, quantity, at, 14 if item == "logs" else 0)
        else:
            getattr(world, kind)(*what)
    assert [each.sentence() for each in verified(world).differences] == []


def verified(world: Recorded) -> Verified:
    """The world's overages against the recount of its journal."""
    catalog, billing = Catalog("CNY", 372, (OPENED_VERSION,)), zone("+00:00")
    opening = Opening("m", "+00:00", "CNY", 4, 3600, 35, catalog_json(catalog), OPENED)
    recount = Recount(RecountConfig(opening, billing), PriceBook(catalog, billing))
    for record in world.journal:
        recount.take(*record)
    published = Published(OVERAGES, {0: world.offset + 1}, lambda account: 0)
    for value in world.overages():
        key = "/".join(value[name] for name in ("account", "workspace", "item", "day"))
        published.take(0, key, json.dumps(value).encode())
    result = Verified(published.differences)
    compare_figures(result, [recount], published, Wanted())
    return result


def test_a_price_that_was_announced_is_compared() -> None:
    world = Recorded()
    world.announce(version("2026-02-01", logs="2"), "2026-01-25T00:00:00Z")
    world.use("logs", 3, "2026-02-01T00:00:00Z", 14)
    assert verified(world).differences == []
    world.overages()[-1]["charge"]["amount"] = "4.50"
    assert [each.field for each in verified(world).differences] == ["charge"]
    assert verified(world).days == {parse_day("2026-02-01")}
