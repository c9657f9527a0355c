"""How fast usage may grow or fall: walked month by month over the days that are paid for."""

from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.advise.alternatives import Ground, alternative_of, base_curve_of, stay
from meter.advise.changes import AddTraffic, Buy, Change, ChangeWorkspaces, Days
from meter.advise.grid import grid_of
from meter.advise.growth import LEAST_GROWTH, MOST_GROWTH, NEAR, days_ahead, grows_while, sampled
from meter.advise.portfolios import Portfolio
from meter.advise.present import laid_over
from meter.advise.replay import Replay
from meter.advise.search import Found
from tests.advise.accounts import CATALOG, FIRST, history, plan

VALIDITY = CATALOG.validity_days


def from_scale(least: float) -> Callable[[float], float]:
    """A package of 100 a day that takes `100 × scale ÷ least` off: it pays from that scale of usage on."""
    return lambda scale: 100 * scale / least - 100


@given(st.floats(0.3, 3), st.integers(1, 500))
def test_at_the_edge_the_months_add_up_to_nothing_saved(least: float, days: int) -> None:
    found = grows_while(from_scale(least), days)
    months = [min(30, days - begin) for begin in range(0, days, 30)]

    def saved(rate: float) -> float:
        return sum(from_scale(least)((1 + rate) ** (number + 0.5)) * length for number, length in enumerate(months))

    if found is None:
        assert saved(MOST_GROWTH) <= 0
        return
    assert found.most == MOST_GROWTH
    assert saved(found.least) > 0
    assert found.least == LEAST_GROWTH or saved(found.least - NEAR) <= 0


def test_what_does_not_pay_today_may_pay_with_growth() -> None:
    found = grows_while(from_scale(1.2), 372)
    assert found is not None
    assert 0.02 < found.least < 0.04, "a fifth more in the mean of a year"
    falling = grows_while(lambda scale: 1 - scale / 0.8, 372)
    assert falling is not None
    assert falling.most < 0 and falling.least == LEAST_GROWTH


def test_what_saves_at_no_rate_holds_at_none() -> None:
    assert grows_while(lambda scale: 0.0, 372) is None


def test_days_ahead_end_with_the_first_plan_that_ends() -> None:
    held = (plan("o-1", "startup", "a", first=FIRST), plan("o-2", "startup", "a", first=FIRST + 100))
    today = FIRST + 200
    assert days_ahead([Buy("new-1", "startup", ("a",))], held, VALIDITY, today) == VALIDITY
    assert days_ahead([AddTraffic("o-2", ())], held, VALIDITY, today) == VALIDITY - 100
    both: list[Change] = [AddTraffic("o-2", ()), ChangeWorkspaces("o-1", ("a",))]
    assert days_ahead(both, held, VALIDITY, today) == VALIDITY - 200
    assert days_ahead(both, held, VALIDITY, FIRST + 10_000) == 1


@pytest.mark.parametrize("scale", [0.07, 0.5, 0.777, 1.0, 1.5, 9.0])
def test_a_sampled_curve_is_the_curve(scale: float) -> None:
    asked: list[float] = []

    def curve(at: float) -> float:
        asked.append(at)
        return float(max(0.0, 1_000 * at - 400) ** 1.5)

    found = sampled(curve)
    assert found(scale) == pytest.approx(max(0.0, 1_000 * scale - 400) ** 1.5, rel=1e-3, abs=1e-6)
    before = len(asked)
    found(scale * 1.0001)
    assert len(asked) <= before + 1


@given(st.lists(st.integers(1, 60), min_size=1, max_size=4))
def test_what_costs_the_same_at_every_scale_is_cheaper_at_none(millions: list[int]) -> None:
    usage = {f"w{number}": {"logs": {14: each * 1_234_567}} for number, each in enumerate(millions)}
    held = history(14, lambda day: usage, plan("o-1", "startup", *usage))
    replay = Replay(CATALOG)
    ground = Ground(held, replay, grid_of(held, replay), laid_over(held.plans, FIRST, Days(FIRST, FIRST)), FIRST, {})
    base = stay(ground)
    same = Found(Portfolio((), None, Decimal(0), {}, True), frozenset(range(len(usage))), (), 0.0)
    found = alternative_of(ground, same, base, base.outcome.due, base_curve_of(ground))
    assert not found.changes and found.saving.mean == 0
    assert found.holds is None and found.growth is None
