"""A column of a few integers is packed as an array of them would be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.columns import column, ints, packed_small, small_column, unpacked, width_of

INTEGERS = st.integers(0, 200) | st.integers(-(1 << 63), (1 << 63) - 1) | st.sampled_from([127, 128, -128, -129])


@given(st.lists(INTEGERS, min_size=1, max_size=20))
def test_a_few_integers_are_packed_like_an_array_of_them(values: list[int]) -> None:
    packed = packed_small(values)
    assert packed == column(ints(values))
    assert list(small_column(packed)) == unpacked(packed).tolist() == values


@given(INTEGERS, INTEGERS)
def test_a_column_is_no_wider_than_its_integers_need(one: int, other: int) -> None:
    least, most = sorted((one, other))
    fitting = [width for width in (1, 2, 4, 8) if -(1 << 8 * width - 1) <= least and most < 1 << 8 * width - 1]
    assert width_of(least, most) == fitting[0]


@pytest.mark.parametrize("beyond", [1 << 63, -(1 << 63) - 1])
def test_what_needs_more_than_64_bits_is_in_no_column(beyond: int) -> None:
    with pytest.raises(IndexError):
        packed_small([0, beyond])
