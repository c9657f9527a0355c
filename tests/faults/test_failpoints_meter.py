"""A worker dies at every step between a journal record and all that comes of it, each time under load."""

from random import Random

import pytest

from tests.faults import points
from tests.faults.killing import killed_one_after_the_other
from tests.faults.load import load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


def test_a_worker_may_die_at_every_step_from_the_journal_to_the_figures(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    chunk, taking = points.CHUNK, points.TAKING  # what is restored has to be there before
    failpoints = [*rng.sample(chunk, len(chunk)), *rng.sample(taking, len(taking))]
    steps = load(seed, meter.settings).steps
    fed = killed_one_after_the_other(meter, failpoints, steps, rng, fresh=points.TAKING)
    back_to_zero_lag(meter)
    judged(meter, fed)
