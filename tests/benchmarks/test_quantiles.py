"""Quantiles are values that were measured."""

import math

import pytest

from benchmarks.quantiles import quantile, spread


@pytest.mark.parametrize(
    ("share", "value"), [(0, 1), (0.01, 1), (0.5, 50), (0.505, 51), (0.99, 99), (0.999, 100), (1, 100)]
)
def test_a_quantile_is_the_least_value_that_so_many_do_not_exceed(share: float, value: int) -> None:
    assert quantile(list(range(100, 0, -1)), share) == value


def test_the_quantile_of_one_value_is_that_value() -> None:
    assert {quantile([7.0], share) for share in (0, 0.5, 0.999, 1)} == {7.0}


def test_the_quantile_of_nothing_is_no_number() -> None:
    assert math.isnan(quantile([], 0.5))


def test_a_spread_gives_median_and_range() -> None:
    assert spread([3.0, 1.0, 2.0]) == "2.0 (1.0–3.0)"
    assert spread([]) == "–"
