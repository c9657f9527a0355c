"""What the intake itself decides of records is counted once, when the offset behind them is committed."""

from collections import Counter

from agents.intake.outcomes import SourceOutcomes
from agents.meter.chunk_counts import ChunkCounts
from agents.metrics.metrics import Metrics
from meter.rules.state.repeats import Source
from schemas.reasons import DeadReason


def counted(metrics: Metrics) -> Counter[str]:
    """Records by outcome, and dead letters by reason."""
    found: Counter[str] = Counter()
    for family in metrics.registry.collect():
        for sample in family.samples:
            if sample.name == "meter_records_total":
                found[sample.labels["outcome"]] += int(sample.value)
            elif sample.name == "meter_dead_letters_total":
                found[sample.labels["reason"]] += int(sample.value)
    return +found


def chunk(outcomes: SourceOutcomes, nulls: int, dead: int) -> None:
    outcomes.begin()
    outcomes.add("null", nulls)
    outcomes.add("dead", dead, DeadReason.NOT_JSON)


def test_outcomes_count_once_their_offset_is_committed() -> None:
    metrics = Metrics()
    outcomes = SourceOutcomes(metrics, "usage")
    chunk(outcomes, 2, 3)
    outcomes.handled(5)
    chunk(outcomes, 1, 0)
    outcomes.handled(6)
    assert not counted(metrics)
    outcomes.committed(5)
    assert counted(metrics) == {"null": 2, "dead": 3, "not_json": 3}
    outcomes.committed(8)
    assert counted(metrics) == {"null": 3, "dead": 3, "not_json": 3}


def test_a_chunk_that_is_read_again_after_a_failure_counts_once() -> None:
    metrics = Metrics()
    outcomes = SourceOutcomes(metrics, "usage")
    chunk(outcomes, 2, 3)  # fails in the middle
    outcomes.read_again(0)
    chunk(outcomes, 2, 3)
    outcomes.handled(5)
    outcomes.committed(5)
    assert counted(metrics) == {"null": 2, "dead": 3, "not_json": 3}


def test_a_chunk_that_was_handled_but_not_committed_counts_with_its_repeat() -> None:
    metrics = Metrics()
    outcomes = SourceOutcomes(metrics, "usage")
    chunk(outcomes, 2, 3)
    outcomes.handled(5)
    chunk(outcomes, 4, 0)
    outcomes.handled(9)
    outcomes.read_again(5)  # the commit of 5 was done, its answer lost
    chunk(outcomes, 4, 0)
    outcomes.handled(9)
    outcomes.committed(9)
    assert counted(metrics) == {"null": 6, "dead": 3, "not_json": 3}


def test_the_counts_of_a_chunk_in_doubt_are_as_its_position_says() -> None:
    folded: dict[Source, int] = {}
    metrics = Metrics()
    counts = ChunkCounts(metrics, folded)
    for committed, total in ((False, 0), (True, 7)):
        repeats = counts.reopened(-1)
        repeats.passed("usage", 0, 100)
        counts.committing(10, {("usage", "counted"): 7})
        repeats = counts.reopened(10 if committed else 9)
        assert counted(metrics)["counted"] == total
        assert repeats.known("usage", 0, 100) is committed
    counts.committing(11, {("usage", "duplicate"): 1})
    counts.committed()
    counts.reopened(11)
    assert counted(metrics) == {"counted": 7, "duplicate": 1}
