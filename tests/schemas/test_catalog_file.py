"""Everything wrong with a catalog is told at once, with its place, its law and its numbers."""

from pathlib import Path

import pytest

from schemas.catalog import CatalogError, load_catalog, version_from_json

GOOD = """
currency = "EUR"
validity_days = 30

[[versions]]
from = 2025-01-01

[versions.items]
seats = { aggregation = "max", unit = 1, price = "0.00125" }
"gb.month" = { aggregation = "sum", unit = 10, price = "0.1", default_retention_days = 1, retentions = {} }

[versions.plans.small]
price = "99.99"
value = "0.04"
quotas = { seats = 1 }

[versions.traffic]
"gb.month" = { capacity = 5, price = "0" }
"""
#: What to change in GOOD, and what is then told.
ONE_PROBLEM = [
    ('currency = "EUR"', 'currency = "eur"', "currency: String should match"),
    ('currency = "EUR"', "", "currency: Field required"),
    ("validity_days = 30", "validity_days = 0", "validity_days: Input should be greater than or equal to 1: 0"),
    ("validity_days = 30", 'colour = "red"\nvalidity_days = 30', "colour: Extra inputs are not permitted: 'red'"),
    ("from = 2025-01-01", "from = 2025-01-01T00:00:00", "versions[0].from: a day must be a string"),
    ("from = 2025-01-01", 'from = "2025-02-29"', "versions[0].from: day is out of range for month"),
    ("unit = 1,", "unit = true,", "versions[0].items.seats.unit: Input should be a valid integer: True"),
    ("unit = 1,", "unit = 1.0,", "versions[0].items.seats.unit: Input should be a valid integer: 1.0"),
    ("unit = 1,", "unit = 0,", "versions[0].items.seats.unit: Input should be greater than or equal to 1: 0"),
    ('price = "0.00125"', "price = 0.00125", "versions[0].items.seats.price: a price must be a decimal string"),
    ('price = "0.00125"', 'price = "-1"', "versions[0].items.seats.price: a price must be a decimal string"),
    ('"max"', '"avg"', "versions[0].items.seats.aggregation: Input should be 'sum' or 'max': 'avg'"),
    ('price = "0.00125"', 'price = "0.00125", default_retention_days = 3', "items.seats: a max item has no retentions"),
    (
        "default_retention_days = 1, retentions = {}",
        'retentions = { 3 = { factor = 1, price = "1" } }',
        "this one has 1 and none",
    ),
    (
        "retentions = {}",
        'retentions = { 1 = { factor = 1, price = "1" } }',
        "the default retention 1 stands in retentions too",
    ),
    (
        "retentions = {}",
        'retentions = { 0 = { factor = 1, price = "1" } }',
        "a retention must be a whole number of days",
    ),
    (
        "retentions = {}",
        'retentions = { 3 = { factor = 0, price = "1" } }',
        "retentions.3.factor: Input should be greater",
    ),
    ("seats = {", "'se ats' = {", "versions[0].items.'se ats': an id must be 1 to 64"),
    (
        "quotas = { seats = 1 }",
        "quotas = { disks = 1 }",
        "plans.small.quotas.disks: it names an item of the version: seats, 'gb.month'",
    ),
    ("capacity = 5", "capacity = 0", "versions[0].traffic.'gb.month'.capacity: Input should be greater"),
    ('"gb.month" = { capacity', '"gb" = { capacity', "versions[0].traffic.gb: it names an item of the version"),
    ('value = "0.04"', 'value = "0.05"', "* 30 days is the stated value: it is 0.04, stated is 0.05"),
]


def _load(path: Path, text: str) -> CatalogError | None:
    path.write_text(text, encoding="utf-8")
    try:
        load_catalog(path)
    except CatalogError as wrong:
        return wrong
    return None


def test_a_catalog_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "catalog.toml"
    path.write_text(GOOD)
    version = load_catalog(path).versions[0]
    assert version.plans["small"].title == "small"
    assert version.items["gb.month"].retentions.keys() == {1}


@pytest.mark.parametrize(("old", "new", "expected"), ONE_PROBLEM)
def test_a_broken_law_is_reported_with_its_place(tmp_path: Path, old: str, new: str, expected: str) -> None:
    assert GOOD.count(old) == 1
    wrong = _load(tmp_path / "catalog.toml", GOOD.replace(old, new))
    assert wrong is not None
    assert any(expected in problem for problem in wrong.problems), wrong.problems


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = GOOD
    for old, new in (
        ('"EUR"', '"eur"'),
        ("unit = 1,", "unit = 0,"),
        ("capacity = 5", "capacity = -5"),
        ("quotas = { seats = 1 }", "quotas = { disks = 1 }"),
        (
            "[[versions]]",
            '[[versions]]\nfrom = 2025-01-01\nitems.x = { aggregation = "max", unit = 1, price = "1" }\n[[versions]]',
        ),
    ):
        text = text.replace(old, new)
    wrong = _load(tmp_path / "catalog.toml", text)
    assert wrong is not None
    lines = str(wrong).splitlines()
    assert lines[0] == f"{tmp_path / 'catalog.toml'}: 5 problems in the catalog"
    assert "  versions: no two begin on one day, 2 begin on 2025-01-01" in lines
    assert len(lines) == 6


@pytest.mark.parametrize(
    "text",
    ["currency =", "a = 1\na = 2", "a = " + "[" * 100_000, "a = " + "1" * 5_000],
    ids=["not TOML", "a key twice", "deep", "an endless number"],
)
def test_a_file_that_cannot_be_parsed_is_reported(tmp_path: Path, text: str) -> None:
    wrong = _load(tmp_path / "catalog.toml", text)
    assert wrong is not None
    assert "the file is TOML in UTF-8" in str(wrong)


def test_a_file_that_cannot_be_read_is_reported(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b"a = '\xff'")
    for path in (tmp_path / "missing.toml", tmp_path, tmp_path / "latin.toml"):
        with pytest.raises(CatalogError, match="the file is TOML in UTF-8"):
            load_catalog(path)


@pytest.mark.parametrize("text", ["versions = 3", "versions = [3]", "versions = []", "[versions]\nitems = 3", ""])
def test_a_file_of_another_shape_is_reported(tmp_path: Path, text: str) -> None:
    assert _load(tmp_path / "catalog.toml", text) is not None


@pytest.mark.parametrize("value", ["0.04", "0.0375", "0.037", "0"])
def test_a_value_is_compared_at_the_decimals_it_states(tmp_path: Path, value: str) -> None:
    wrong = _load(tmp_path / "catalog.toml", GOOD.replace('value = "0.04"', f'value = "{value}"'))
    assert (wrong is None) == (value != "0.037")


def test_a_catalog_that_does_not_fit_the_opening_record_is_reported(tmp_path: Path) -> None:
    items = "\n".join(f'i{n} = {{ aggregation = "max", unit = 1, price = "1" }}' for n in range(9_000))
    wrong = _load(tmp_path / "catalog.toml", GOOD.replace("[versions.items]", f"[versions.items]\n{items}"))
    assert wrong is not None
    assert "it has at most 409600 bytes" in str(wrong)
    assert "its versions together have at most 500 items, not 9002" in str(wrong)


def test_items_are_counted_by_name_over_all_versions(tmp_path: Path) -> None:
    def items(first: int) -> str:
        found = (f'i{n} = {{ aggregation = "max", unit = 1, price = "1" }}' for n in range(first, first + 300))
        return "\n".join(["[versions.items]", *found])

    later = f"[[versions]]\nfrom = 2026-01-01\n\n{items(198)}"
    text = GOOD.replace("[versions.items]", items(0))
    assert _load(tmp_path / "catalog.toml", f"{text}\n{later}") is None
    wrong = _load(
        tmp_path / "catalog.toml",
        f'{text}\n{later.replace("i497 ", "i1497 ")}\ni497 = {{ aggregation = "max", unit = 1, price = "1" }}',
    )
    assert wrong is not None
    assert "its versions together have at most 500 items, not 501" in str(wrong)


@pytest.mark.parametrize(
    ("others", "expected"), [(99, None), (100, "items.gb.month from 2025-01-01: an item has at most 100")]
)
def test_an_item_has_at_most_a_hundred_retentions(tmp_path: Path, others: int, expected: str | None) -> None:
    more = ", ".join(f'{days} = {{ factor = 2, price = "2" }}' for days in range(2, others + 2))
    wrong = _load(tmp_path / "catalog.toml", GOOD.replace("retentions = {}", f"retentions = {{ {more} }}"))
    assert expected in str(wrong) if expected else wrong is None


def test_a_recorded_version_is_judged_too() -> None:
    with pytest.raises(CatalogError, match="catalog version: 1 problem"):
        version_from_json(b'{"from":"2024-01-01","items":{}}')
