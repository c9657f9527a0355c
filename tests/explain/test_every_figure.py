"""Every published figure of random histories, at every revision, is what its explanation makes of its own numbers."""

import logging

import pytest

from meter.explain.model import Explanation
from tests.explain import laws
from tests.explain.journal_world import PublishedFigure, World, histories

#: Seeds of the simulation: crashes, repeats, conflicts, orders, days that close and expire.
SEEDS = range(240)
SLICE = 60


def explained(world: World, said: PublishedFigure) -> Explanation:
    """Why a revision is what it is."""
    value = said.value
    return world.explained(value["account"], value["workspace"], value["item"], value["day"], said.offset)


@pytest.mark.parametrize("first", range(0, len(SEEDS), SLICE))
def test_every_revision_is_explained(first: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    figures = 0
    for history in histories(SEEDS[first : first + SLICE]):
        for world in history.worlds:
            for each in world.published():
                found = explained(world, each)
                problems = [*laws.of_figure(found, each.value), *laws.of_history(found)]
                assert not problems, f"seed {history.seed}, {each.key} at {each.offset}: {problems}"
                figures += 1
    assert figures > 2 * SLICE, "a test of nothing"
