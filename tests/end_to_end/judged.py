"""Everything that can be said against a meter that has settled, in one list."""

from tests import revisions
from tests.end_to_end.kafka import Kafka, Published
from tests.end_to_end.workers import Meter
from tests.oracle import Place, Prediction
from tests.oracle_check import (
    dead_differences,
    dead_places,
    outcome_differences,
    overage_differences,
    summary_differences,
    wallet_differences,
)
from tests.oracle_plans import plan_differences

PARTITIONS = 4
#: How many of a long list a failure shows.
SHOWN = 15


def dead_letters(kafka: Kafka) -> list[tuple[Place, str]]:
    """Place and reason of every record with a dead letter; of one in a summary the reason is `SUMMED_UP`."""
    return places_of(kafka.published("dead-letters"))


def places_of(letters: list[Published]) -> list[tuple[Place, str]]:
    """The same of letters that were read."""
    return [each for letter in letters for each in dead_places(letter.value)]


def figure_problems(meter: Meter, prediction: Prediction) -> list[str]:
    """What is wrong with `overages`, as readers of committed and of uncommitted records see it."""
    committed = meter.kafka.published("overages")
    uncommitted = meter.kafka.published("overages", committed=False)
    return (
        overage_differences(prediction, revisions.latest(committed))
        + history_problems(committed, partitions_of(meter))
        + revisions.deltas_add_up(committed)
        + [f"uncommitted: {problem}" for problem in revisions.one_content_for_a_revision(uncommitted)]
        + [f"uncommitted: {problem}" for problem in overage_differences(prediction, revisions.latest(uncommitted))]
    )


def partitions_of(meter: Meter) -> int:
    """How many partitions its journal and outputs have."""
    return int(meter.variables.get("METER_PARTITIONS", PARTITIONS))


def history_problems(records: list[Published], partitions: int = PARTITIONS) -> list[str]:
    """What is wrong with a topic as a reader of committed records sees it, whatever its figures."""
    return (
        revisions.each_revision_once_and_in_order(records)
        + revisions.every_revision_changes_something(records)
        + revisions.keys_keep_their_partition(records, partitions)
    )


def order_problems(meter: Meter, prediction: Prediction) -> list[str]:
    """What is wrong with `order-outcomes`, `plans` and `wallets`."""
    outcomes = meter.kafka.published("order-outcomes")
    plans = meter.kafka.published("plans")
    wallets = meter.kafka.published("wallets")
    return (
        outcome_differences(prediction, revisions.latest(outcomes))
        + [f"{key}: decided {len(values)} times" for key, values in revisions.by_key(outcomes).items() if values[1:]]
        + plan_differences(prediction, revisions.latest(plans))
        + history_problems(plans, partitions_of(meter))
        + wallet_differences(prediction, revisions.latest(wallets))
        + history_problems(wallets, partitions_of(meter))
    )


def judge(meter: Meter, *, crashed: bool = False) -> Prediction:
    """Fails unless everything is as the oracle says; answers what it said."""
    prediction, letters = meter.predict(), meter.kafka.published("dead-letters")
    problems = {
        "figures": figure_problems(meter, prediction),
        "orders": order_problems(meter, prediction),
        "dead letters": dead_differences(prediction, places_of(letters), crashed)
        + summary_differences(prediction, [record.value for record in letters]),
    }
    collected = [
        f"{len(those)} problems with {what}:\n  " + "\n  ".join(those[:SHOWN])
        for what, those in problems.items()
        if those
    ]
    assert not collected, "\n".join(collected)
    return prediction
