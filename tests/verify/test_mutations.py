"""The meter broken on purpose, in each thing that is recounted: verifying turns red.

What a broken rule publishes goes by itself, so a recount that shared the rule would agree with it.
"""

import pytest

from tests.simulation.mutations import Mutation, broken
from tests.simulation.owner import simulated
from tests.simulation.simulator import Simulator
from tests.simulation.world import world
from tests.verify.held import published_records, verified

#: A break must show in so many seeds at most.
SEEDS = range(80)

BROKEN = (
    Mutation(
        "a repeat counts again",
        "schemas.columns",
        (("    if without:\n", "    if False:\n"),),
    ),
    Mutation(
        "a later correction of a lower rank stands",
        "meter.rules.fold.usage",
        (("_rank(correction) > _rank(use.correction)", "_rank(correction) < _rank(use.correction)"),),
    ),
    Mutation(
        "converted usage is not floored",
        "meter.rules.conversion",
        (("        if quantity > 0:\n            usage +=", "        if True:\n            usage +="),),
    ),
    Mutation(
        "the widest plan is drawn first",
        "meter.rules.plans",
        (("(len(listed_on(plan, day)), plan.last_day", "(-len(listed_on(plan, day)), plan.last_day"),),
    ),
    Mutation(
        "a plan's last day is left out",
        "meter.rules.plans",
        (("each.since <= day <= each.through", "each.since < day <= each.through"),),
    ),
    Mutation(
        "units are rounded up",
        "meter.rules.charges",
        (("hundredths = 100 * quantity // self._unit", "hundredths = -(-100 * quantity // self._unit)"),),
    ),
    Mutation(
        "a free day is charged",
        "meter.rules.state.figures",
        (("binding.commercial > day", "binding.commercial > day + 1"),),
    ),
    Mutation(
        "deltas begin anew",
        "meter.rules.fold.recalculate",
        (("delta, use.overage = over - use.overage, over", "delta, use.overage = over, over"),),
    ),
    Mutation(
        "a wallet keeps what was drawn",
        "meter.rules.wallets",
        (("_with_balance(wallets[key], -amount)", "_with_balance(wallets[key], 0 * amount)"),),
    ),
    Mutation("upgrades are cheaper", "meter.rules.prices", (("(new - present) * days_left", "(new - present)"),)),
)


@pytest.mark.parametrize("mutation", BROKEN, ids=lambda mutation: mutation.what)
def test_a_broken_meter_is_noticed(mutation: Mutation) -> None:
    with simulated(), broken(mutation):
        assert any(differs(Simulator(seed, world(seed), faults=0)) for seed in SEEDS), mutation.what


def differs(simulator: Simulator) -> bool:
    """Whether verifying a run finds anything; a run that an assertion of the meter stops is noticed too."""
    simulator.run()
    return bool(verified(simulator.cluster, simulator.world.opening, published_records(simulator.cluster)).differences)
