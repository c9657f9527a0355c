"""Laws of SPEC section 4 that the oracle itself must keep over whole histories: who judges must be judged first."""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.catalog import load_catalog
from tests import strategies
from tests.oracle import Prediction, predict
from tests.oracle_catalog import of_product
from tests.oracle_figures import plan_order
from tests.oracle_reading import Event, Settings, read_usage
from tests.oracle_statements import statements
from tests.records import Log, Message

DENSE = Settings("+00:00", of_product(load_catalog(Path(__file__).with_name("dense_catalog.toml"))))
History = list[tuple[int, Message]]


def predicted(history: Iterable[tuple[int, Message]]) -> Prediction:
    log = Log()
    for kafka_us, message in history:
        log.send(kafka_us, [message])
    return predict(DENSE, log.sent)


@settings(max_examples=50)
@given(strategies.histories())
def test_coverage_and_overage_are_usage_and_no_plan_gives_more_than_it_has(history: History) -> None:
    prediction = predicted(history)
    for figure in prediction.figures.values():
        assert figure.basis == "free" or figure.covered + figure.overage == figure.usage
        assert set(figure.by_plan) <= set(figure.plans)
    for statement in statements(prediction).values():
        assert all(use.unused >= 0 for use in statement.plans.values())


@settings(max_examples=50)
@given(strategies.histories())
def test_nobody_is_over_while_a_plan_that_lists_it_has_quota_left(history: History) -> None:
    prediction = predicted(history)
    for (account, day), statement in statements(prediction).items():
        plans = prediction.accounts[account].plans if account in prediction.accounts else {}
        for plan in plan_order(plans.values(), day):
            for (workspace, item), figure in statement.items.items():
                use = statement.plans.get((plan.plan_id, item))
                if figure.basis == "package" and figure.overage and use and use.unused:
                    assert workspace not in plan.listed(day)


@settings(max_examples=50)
@given(strategies.histories(), st.randoms(use_true_random=False))
def test_repeats_and_another_order_of_usage_change_nothing(history: History, random: Random) -> None:
    orders = [entry for entry in history if entry[1].topic != "usage"]
    usage = [entry for entry in history if entry[1].topic == "usage"]
    last = max(kafka_us for kafka_us, _ in history)
    once = predicted([*orders, *[(last, message) for message in first_of_each(usage)]])
    again = first_of_each(usage) * 2
    random.shuffle(again)
    twice = predicted([*orders, *[(last, message) for message in again]])
    assert once.figures == twice.figures


def first_of_each(usage: History) -> list[Message]:
    """The messages whose identities come for the first time: without conflicts, order must not matter."""
    known: set[tuple[str, str, str]] = set()
    kept = []
    everybody = dict.fromkeys(strategies.OWNERS, "a")
    for kafka_us, message in usage:
        log = Log()
        log.send(kafka_us, [message])
        event = read_usage(log.sent[0], DENSE, everybody)
        if isinstance(event, Event) and event.identity not in known:
            known.add(event.identity)
            kept.append(message)
    return kept


def test_histories_are_dense() -> None:
    """Not a law but a measure: quotas run dry beside workspaces that need more, in every tenth history at least."""
    seen = Counter[str]()

    @settings(max_examples=60, database=None, derandomize=True)
    @given(strategies.histories())
    def look(history: History) -> None:
        prediction = predicted(history)
        package = [figure for figure in prediction.figures.values() if figure.basis == "package"]
        seen["histories"] += 1
        seen["covered"] += any(figure.covered for figure in package)
        seen["over"] += any(figure.overage for figure in package)
        seen["conflict"] += any(reasons[0] == "conflicting_duplicate" for reasons in prediction.dead.values())
        seen["bought"] += any(len(account.plans) > 1 for account in prediction.accounts.values())

    look()
    assert min(seen.values()) * 10 > seen["histories"], seen
