"""What is recorded of the catalog stays within a catalog's limits, whatever files announce one after the other."""

from meter.rules.billing_days import parse_time, zone
from meter.rules.catalog_versions import compared
from schemas.catalog import Catalog, Item, Version, over_limits
from schemas.catalog_file import CATALOG_LIMIT_BYTES, ITEMS_LIMIT
from tests.rules.announced_world import OPENED_VERSION, version

NOW = parse_time("2026-01-20T08:00:00Z")


def large(since: str, letter: str, items: int = 200, price: str = "1") -> Version:
    """A version of so many items with names of its own."""
    each = version(since, logs=price)
    some: Item = each.items["logs"]
    named = {f"{letter}{number:063d}" for number in range(items)}
    return Version(each.since, dict.fromkeys(named, some) | OPENED_VERSION.items, {}, {})


def catalog(*versions: Version) -> Catalog:
    return Catalog("CNY", 372, (OPENED_VERSION, *versions))


def test_versions_that_the_file_lacks_count_beside_its_own() -> None:
    known, file = catalog(large("2026-03-01", "a", 300)), catalog(large("2026-04-01", "b", 300))
    assert not over_limits(file)
    found = compared(known, file, NOW, zone("+00:00"))
    assert [version.since for version in found.news] == [file.versions[1].since]
    assert any(f"at most {ITEMS_LIMIT} items, not 603" in problem for problem in found.refused), found.refused


def test_files_one_after_the_other_cannot_record_more_than_a_catalog_takes() -> None:
    known, days = catalog(), 0
    while not (logged := compared(known, catalog(large(f"2026-03-{days + 1:02d}", "a")), NOW, zone("+00:00"))).refused:
        for news in logged.news:
            known = known.with_version(news)
        days += 1
        assert days < 31, "there is an end"
    assert days > 3
    assert any(f"at most {CATALOG_LIMIT_BYTES} bytes" in problem for problem in logged.refused)


def test_a_worker_whose_file_adds_nothing_starts_whatever_is_recorded() -> None:
    known = catalog(large("2026-03-01", "a", 300), large("2026-04-01", "b", 300))
    assert not compared(known, catalog(), NOW, zone("+00:00")).refused
