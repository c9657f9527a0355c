"""The range of a saving, and the scales of usage between which an alternative is cheaper."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.advise.savings import holds_while, saving_of, widened_by


def money(*amounts: int) -> list[Decimal]:
    return [Decimal(each) for each in amounts]


def test_weeks_that_are_alike_leave_no_doubt_however_their_days_differ() -> None:
    saving = saving_of(money(*([10] * 5 + [-4] * 2) * 5))
    assert saving.p10 == saving.median == saving.p90 == saving.mean == 6


def test_the_same_days_give_the_same_range() -> None:
    days = money(*range(35))
    assert saving_of(days) == saving_of(days)
    assert saving_of(days).p10 < saving_of(days).median < saving_of(days).p90


def test_fewer_days_give_a_wider_range() -> None:
    assert widened_by(35) == widened_by(400) == 1
    assert widened_by(14) == pytest.approx(1.58, abs=0.01)
    two_weeks = saving_of(money(*[1] * 7 + [3] * 7))
    assert (two_weeks.p10, two_weeks.p90) == (Decimal("0.42"), Decimal("3.58")), "1 and 3, widened around 2"


@given(st.floats(0.55, 0.95), st.floats(1.05, 1.9))
def test_the_edges_are_found_to_a_percent(low: float, high: float) -> None:
    found = holds_while(lambda scale: 1.0 if low <= scale <= high else -1.0)
    assert found is not None
    assert found.least == pytest.approx(low, abs=0.01)
    assert found.most == pytest.approx(high, abs=0.01)


def test_what_is_not_cheaper_holds_nowhere() -> None:
    assert holds_while(lambda scale: 0.0) is None
