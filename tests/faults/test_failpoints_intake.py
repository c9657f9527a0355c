"""A worker dies at every step between a source record and its committed offset, each time under load."""

from random import Random

import pytest

from tests.faults import points
from tests.faults.killing import killed_one_after_the_other
from tests.faults.load import load, settings
from tests.faults.verdict import back_to_zero_lag, judged
from tests.meters import StartMeter

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


def test_a_worker_may_die_at_every_step_from_a_source_to_the_journal(
    new_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = new_meter(settings())
    fed = killed_one_after_the_other(meter, points.INTAKE, load(seed, meter.settings).steps, rng)
    back_to_zero_lag(meter)
    judged(meter, fed)
