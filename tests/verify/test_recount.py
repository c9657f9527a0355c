"""The recount of a journal: what the fold published of it, and what the oracle says of the sources.

Journals are those of simulated workers: packed by the real intake, with crashes, repeats and days that end.
"""

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from meter.verify.figures import Figure
from meter.verify.recount import FigureKey
from schemas.journal import Opening
from tests import records, strategies
from tests.oracle import Prediction, predict
from tests.oracle_figures import Figure as OracleFigure
from tests.records import Message
from tests.simulation.days import DayEnds, day_ends_simulated
from tests.simulation.owner import simulated
from tests.simulation.simulator import Simulator
from tests.simulation.world import World, world
from tests.simulation.world import settings as told_settings
from tests.test_imports_floor import files, imported
from tests.verify.held import published_records, recounted, verified

SEEDS = range(150)
SEEDS_OF_DAYS = range(150)


def test_the_recount_agrees_with_the_fold_whatever_went_wrong() -> None:
    wrong, figures = {}, 0
    with simulated():
        for seed in SEEDS:
            simulator = Simulator(seed, world(seed))
            simulator.run()
            result = verified(simulator.cluster, simulator.world.opening, published_records(simulator.cluster))
            figures += result.figures
            if result.differences:
                wrong[seed] = [each.sentence() for each in result.differences]
    assert not wrong, wrong
    assert figures > 3 * len(SEEDS)


def test_and_so_it_does_where_days_close_and_expire() -> None:
    wrong = {}
    with day_ends_simulated():
        for seed in SEEDS_OF_DAYS:
            simulator = DayEnds(seed, world(seed))
            simulator.run()
            result = verified(simulator.cluster, simulator.world.opening, published_records(simulator.cluster))
            if result.differences:
                wrong[seed] = [each.sentence() for each in result.differences]
    assert not wrong, wrong


@settings(max_examples=60, deadline=None)
@given(strategies.histories(), st.integers(0, 1_000))
def test_the_recount_of_a_dense_history_is_what_the_oracle_says(history: list[tuple[int, Message]], seed: int) -> None:
    log = records.Log()
    for kafka_us, message in history:
        log.send(kafka_us, [message])
    oracle_settings, catalog = told_settings()
    opened_ms = history[-1][0] // 1000 + 1  # all of it is there before anything is read: nothing is left to a race
    opening = Opening("m", "+00:00", "CNY", 2, 3600, oracle_settings.horizon_days, catalog, opened_ms)
    with simulated():
        simulator = Simulator(seed, World(oracle_settings, opening, log.sent), faults=0)
        simulator.run()
        prediction = predict(oracle_settings, log.sent)
        made = recounted(simulator.cluster, opening)
    assert {place: plain(figure) for recount in made for place, figure in recount.figures()} == expected(prediction)
    outcomes = {
        (account, order_id): outcome.reason
        for recount in made
        for account, known in recount.accounts.items()
        for order_id, outcome in known.outcomes.items()
    }
    assert outcomes == {key: outcome.reason for key, outcome in prediction.outcomes.items()}


def test_the_recount_shares_no_rule_with_what_it_judges() -> None:
    recount = [path for path in files("meter") if path.parent.name == "verify"]
    names = {name for path in recount for name in imported(path)}
    assert recount
    assert {".".join(name.split(".")[:3]) for name in names if name.startswith("meter.rules.")} == {
        "meter.rules.billing_days"
    }
    assert not {name for name in names if name.startswith(("tables", "agents"))}


Plain = tuple[int, int, int, str, tuple[str, ...], Fraction]


def plain(figure: Figure) -> Plain:
    """A figure as both tell it; of a free day nothing is covered and nothing is over."""
    covered = 0 if figure.basis == "free" else figure.covered
    return figure.usage, covered, figure.overage, figure.basis, figure.plans, figure.charge


def expected(prediction: Prediction) -> dict[FigureKey, Plain]:
    def of(figure: OracleFigure) -> Plain:
        return figure.usage, figure.covered, figure.overage, figure.basis, figure.plans, Fraction(figure.amount)

    return {cell: of(figure) for cell, figure in prediction.figures.items()}
