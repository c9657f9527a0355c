"""Usage of a day: floors, factors, peaks and corrections."""

from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.rules import conversion as usage
from meter.rules.conversion import converted, quantity_by_retention
from schemas.catalog import Item
from schemas.rows import NO_RETENTION, Correction, Use, added, by_retention
from tests.rules.laws import Law
from tests.rules.laws_of_charges import HOSTS, LOGS, USAGE

SMS = Item("sms", "sum", 1, Decimal("0.1"), None, {})


@pytest.mark.parametrize("law", USAGE, ids=lambda law: law.text)
@given(example=st.data())
def test_usage_keeps_law(law: Law, example: st.DataObject) -> None:
    law.holds(usage, example.draw(law.examples))


@pytest.mark.parametrize(
    ("sums", "reported", "used"),
    [
        ({}, {}, 0),
        ({14: 5}, {14: 5}, 5),
        ({60: 2, 3: 1, 30: 4}, {3: 1, 30: 4, 60: 2}, 1 + 8 + 6),
        ({14: -3}, {}, 0),  # the correction came first
        ({14: -3, 30: 4}, {30: 4}, 8),  # it takes nothing from another retention
        ({14: 0}, {}, 0),
        ({60: 20_000 * 10**15}, {60: 2 * 10**19}, 6 * 10**19),  # more than 64 bits
        ({14: 1, 90: 2}, {14: 1, 90: 2}, 3),  # a later catalog dropped 90 days: they count once
    ],
)
def test_sums_are_floored_and_converted_by_retention(sums: dict[int, int], reported: dict[int, int], used: int) -> None:
    use = Use(sums=sums)
    assert list(quantity_by_retention(use, LOGS).items()) == list(reported.items())
    assert converted(use, LOGS) == used


@pytest.mark.parametrize("sums", [7, {NO_RETENTION: 7}], ids=["as now", "as earlier versions wrote it"])
def test_an_item_without_retentions_counts_as_it_is(sums: int | dict[int, int]) -> None:
    use = Use(sums=sums)
    assert quantity_by_retention(use, SMS) == {NO_RETENTION: 7}
    assert converted(use, SMS) == 7


@given(st.lists(st.tuples(st.sampled_from([NO_RETENTION, 14, 30]), st.integers(-9, 9))))
def test_quantities_add_up_by_retention_in_any_order(reported: list[tuple[int, int]]) -> None:
    total: int | dict[int, int] = 0
    expected: Counter[int] = Counter()
    for retention, quantity in reported:
        total = added(total, retention, quantity)
        expected[retention] += quantity
    assert {days: sum_ for days, sum_ in by_retention(total).items() if sum_} == {
        days: sum_ for days, sum_ in expected.items() if sum_
    }


@pytest.mark.parametrize(
    ("peak", "corrected", "used"), [(0, None, 0), (25, None, 25), (25, 20, 20), (0, 3, 3), (9, 0, 0)]
)
def test_a_correction_of_a_max_item_counts_for_its_whole_day(peak: int, corrected: int | None, used: int) -> None:
    use = Use(peak=peak, correction=None if corrected is None else Correction(1, "s", "i", corrected))
    assert converted(use, HOSTS) == used
    assert quantity_by_retention(use, HOSTS) == ({NO_RETENTION: used} if used else {})
