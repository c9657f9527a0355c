"""The replay of closed days equals the published statements: amounts, coverage by plan, overage, charges."""

from dataclasses import replace

from hypothesis import given

from meter.advise.check import checked
from meter.advise.history import History
from meter.advise.replay import Replay
from tests.advise.account_days import Story, Use, days_of, published, stories


def check_of(history: History) -> tuple[str, ...]:
    return checked(history, Replay(history.catalog)).differences


@given(stories())
def test_the_replay_of_what_happened_is_what_was_published(story: Story) -> None:
    history = published(days_of(story))
    assert history.days
    assert not history.left_out
    assert check_of(history) == ()


def test_a_figure_that_was_published_otherwise_is_named() -> None:
    history = published(days_of(Story([], [Use(0, 0, "A", "logs", 5, None, False)], dearer=False)))
    spoiled = replace(history.days[0], due=history.days[0].due + 1)
    [difference] = check_of(replace(history, days=(spoiled, *history.days[1:])))
    assert difference == "2026-02-01: amount due 3.00, published 4.00"
