"""The catalog: the meter's own, canonical JSON, versions, differences."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from schemas.catalog import (
    Catalog,
    Item,
    Retention,
    catalog_from_json,
    catalog_json,
    differences,
    load_catalog,
    version_from_json,
    version_json,
)

OWN = load_catalog()
FIRST = OWN.versions[0]
#: SPEC §3: item -> aggregation, unit, price, default retention, other retentions (factor, price).
ITEMS = {
    "datakit": ("max", 1, "3", None, {}),
    "logs": ("sum", 10**6, "1.5", 14, {3: (1, "1"), 7: (1, "1.2"), 30: (2, "2"), 60: (3, "2.5")}),
    "backup_logs": ("sum", 10**7, "2", None, {}),
    "traces": ("sum", 10**6, "3", 7, {3: (1, "2"), 14: (2, "6")}),
    "pv": ("sum", 10**4, "1", 7, {3: (1, "0.7"), 14: (2, "2")}),
    "api_calls": ("sum", 10**4, "1", None, {}),
    "triggers": ("sum", 10**4, "1", None, {}),
    "sms": ("sum", 1, "0.1", None, {}),
}
#: SPEC §3: plan -> quotas, price, value.
PLANS = {
    "startup": ((20, 40 * 10**6, 5 * 10**6, 400_000, 190_000), 42_000, 72_168),
    "growth": ((100, 400 * 10**6, 50 * 10**6, 2 * 10**6, 1_400_000), 280_000, 517_080),
    "enterprise": ((200, 800 * 10**6, 100 * 10**6, 4 * 10**6, 2_400_000), 510_000, 1_019_280),
}
#: SPEC §3: item -> capacity, price a day.
TRAFFIC = {
    "datakit": (20, "60"),
    "logs": (10**6, "1.5"),
    "backup_logs": (10**7, "2"),
    "traces": (10**6, "3"),
    "pv": (10**5, "10"),
    "api_calls": (10**5, "10"),
    "triggers": (300_000, "30"),
    "sms": (100, "10"),
}


def test_our_own_catalog_says_what_the_specification_says() -> None:
    assert (OWN.currency, OWN.validity_days, FIRST.since) == ("CNY", 372, date(2024, 1, 1).toordinal())
    for name, (aggregation, unit, price, default, others) in ITEMS.items():
        retentions = {days: Retention(factor, Decimal(cost)) for days, (factor, cost) in others.items()}
        if default is not None:
            retentions[default] = Retention(1, Decimal(price))
        assert FIRST.items[name] == Item(name, aggregation, unit, Decimal(price), default, retentions)  # type: ignore[arg-type]
    assert list(FIRST.items) == list(ITEMS)
    assert {name: (each.capacity, str(each.price)) for name, each in FIRST.traffic.items()} == TRAFFIC
    for name, (quotas, plan_price, value) in PLANS.items():
        plan = FIRST.plans[name]
        assert plan.quotas == dict(zip(("datakit", "logs", "traces", "pv", "triggers"), quotas, strict=True))
        assert [plan.price, plan.value] == [plan_price, value]
    assert FIRST.plans.keys() == PLANS.keys()


def test_retentions_include_the_default_one_in_rising_order() -> None:
    assert list(FIRST.items["logs"].retentions) == [3, 7, 14, 30, 60]
    assert FIRST.items["logs"].retentions[14] == Retention(1, Decimal("1.5"))
    assert FIRST.items["sms"].retentions == {}


def test_canonical_json_round_trips() -> None:
    content = catalog_json(OWN)
    assert catalog_from_json(content) == OWN
    assert catalog_json(catalog_from_json(content)) == content
    assert version_from_json(version_json(FIRST)) == FIRST


def test_equal_catalogs_have_equal_bytes(tmp_path: Path) -> None:
    text = """
        validity_days = 372
        currency = "CNY"
        [[versions]]
        from = {}
        [versions.items]
        b = {{ aggregation = "sum", unit = 1_000, price = "{}" }}
        a = {{ price = "2", unit = 1, aggregation = "max" }}
    """
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text(text.format("2024-01-01", "1.50"))
    second.write_text(text.format('"2024-01-01"', "01.5"))
    assert load_catalog(first) == load_catalog(second)
    assert catalog_json(load_catalog(first)) == catalog_json(load_catalog(second))
    assert b'"price":"1.5"' in catalog_json(load_catalog(first))


def test_a_version_is_in_force_until_the_next_and_the_first_before_all() -> None:
    later = replace(FIRST, since=FIRST.since + 10)
    both = OWN.with_version(later)
    assert [both.version(day).since - FIRST.since for day in (1, FIRST.since, FIRST.since + 9)] == [0, 0, 0]
    assert [both.version(day).since - FIRST.since for day in (FIRST.since + 10, 9_999_999)] == [10, 10]


def test_a_version_takes_the_place_of_the_one_that_begins_on_its_day() -> None:
    other = replace(FIRST, traffic={})
    assert OWN.with_version(other).versions == (other,)
    assert OWN.with_version(FIRST) == OWN


def test_versions_that_do_not_rise_are_a_bug() -> None:
    with pytest.raises(AssertionError, match="versions rise"):
        Catalog("CNY", 372, (FIRST, FIRST))


def test_equal_catalogs_have_no_differences() -> None:
    assert differences(OWN, catalog_from_json(catalog_json(OWN))) == []


def test_every_difference_is_named() -> None:
    logs = replace(FIRST.items["logs"], price=Decimal("1.6"), retentions={14: Retention(1, Decimal("1.6"))})
    items = {name: item for name, item in FIRST.items.items() if name != "sms"} | {"logs": logs}
    changed = replace(FIRST, items=items)
    file = Catalog("USD", 372, (changed, replace(FIRST, since=FIRST.since + 1)))
    found = differences(OWN, file)
    assert found[0] == "currency is recorded as CNY, the file says USD"
    assert "version 2024-01-01: items.logs.price is recorded as 1.5, the file says 1.6" in found
    assert (
        'version 2024-01-01: items.logs.retentions.30 is recorded as {"factor": 2, "price": "2"}, the file has none'
        in found
    )
    assert "version 2024-01-02 is not recorded, the file adds it" in found
    assert any(each.startswith("version 2024-01-01: items.sms is recorded as") for each in found)
    assert len(found) == 8
    assert differences(file, OWN)[-1] == "version 2024-01-02 is in the journal but missing from METER_CATALOG"


def test_differences_of_the_future_can_be_left_out() -> None:
    file = OWN.with_version(replace(FIRST, since=FIRST.since + 10))
    assert differences(OWN, file, through=FIRST.since + 9) == []
    assert len(differences(OWN, file, through=FIRST.since + 10)) == 1


def test_entries_in_use_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        FIRST.items["logs"].unit = 2  # type: ignore[misc]
