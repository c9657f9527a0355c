"""The long life's plan: which faults come, and when its midnight is."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.long_life.faults import FAULTS, schedule
from benchmarks.long_life.traffic import offset_for
from meter.rules.billing_days import zone


def test_a_seed_gives_one_order_of_faults_in_which_every_kind_comes_as_often_as_another() -> None:
    faults = schedule(5, 60, 2)
    assert faults == schedule(5, 60, 2)
    assert faults != schedule(6, 60, 2)
    assert set(Counter(kind for kind, _ in faults).values()) == {60 // len(FAULTS)}
    assert {player for _, player in faults} == {0, 1}


@given(
    now=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1)),  # noqa: DTZ001 # made aware below
    minutes=st.integers(1, 600),
)
def test_midnight_comes_when_it_was_ordered(now: datetime, minutes: int) -> None:
    begun = now.replace(tzinfo=UTC)
    billing = zone(offset_for(begun, minutes * 60))

    def day(after: timedelta) -> int:
        return billing.day_of(int((begun + after).timestamp() * 1e6))

    wanted, minute = timedelta(minutes=minutes), timedelta(minutes=1)
    assert day(wanted + minute) == day(wanted - minute) + 1
