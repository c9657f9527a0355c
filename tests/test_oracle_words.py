"""The oracle's small words: instants, days, and the catalog that it typed for itself."""

from pathlib import Path

import pytest

from schemas.catalog import load_catalog
from tests import oracle_catalog
from tests.oracle_time import billing_day, day_text, instant, start_of, time_text

CATALOG = Path(__file__).parent.parent / "meter" / "catalog.toml"


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T08:00:00.0000019+08:00", 1),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("1970-01-01T00:00:00-00:01", 60_000_000),
        ("1970-01-01T24:00:00Z", None),
        ("1970-01-01T00:00:60Z", None),
        ("1970-02-29T00:00:00Z", None),
        ("1970-01-01t00:00:00Z", None),
        ("1970-01-01T00:00:00", None),
        ("1970-01-01T00:00:00.Z", None),
        ("1970-01-01T00:00:00.1234567890Z", None),
        ("1970-01-01T00:00:00Z\n", None),
        ("１970-01-01T00:00:00Z", None),
        ("0000-01-01T00:00:00Z", None),
        ("1970-01-01T00:00:00+24:00", None),
    ],
)
def test_instants(text: str, micros: int | None) -> None:
    assert instant(text) == micros


def test_days_of_zones() -> None:
    moment = instant("2026-01-30T15:59:59.999999999Z") or 0
    assert day_text(billing_day(moment, "Asia/Shanghai")) == "2026-01-30"
    assert (
        day_text(billing_day(moment + 1, "Asia/Shanghai"))
        == day_text(billing_day(moment + 1, "+08:00"))
        == "2026-01-31"
    )
    assert day_text(billing_day(instant("0001-01-01T00:00:00+23:59") or 0, "Asia/Shanghai")) == "0001-01-01"
    assert day_text(billing_day(instant("9999-12-31T23:59:59-23:59") or 0, "+05:37")) == "9999-12-31"
    assert start_of(billing_day(moment, "+05:37"), "+05:37") <= moment
    assert instant(time_text(moment)) == instant(time_text(moment, "-03:30")) == moment


def test_the_tables_of_the_catalog_are_typed_right() -> None:
    for name, value in {"startup": 72_168, "growth": 517_080, "enterprise": 1_019_280}.items():
        quotas = oracle_catalog.PLANS[name].quotas
        items = oracle_catalog.ITEMS
        assert sum(quota * items[item].price / items[item].unit for item, quota in quotas.items()) * 372 == value


def test_the_products_catalog_says_what_spec_says() -> None:
    product = oracle_catalog.of_product(load_catalog(CATALOG))
    own = oracle_catalog.DEFAULT
    assert (product.currency, product.validity_days) == (own.currency, own.validity_days)
    for version in product.versions:
        assert (version.items, version.plans, version.traffic) == (own.on(0).items, own.on(0).plans, own.on(0).traffic)
