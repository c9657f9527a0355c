"""The generator makes what it promises, and the oracle reads a whole scenario in seconds."""

import time
from collections import Counter

import pytest

from tests.bad_records import BAD
from tests.oracle import Prediction, predict
from tests.oracle_statements import statements
from tests.oracle_time import billing_day, instant
from tests.records import Log
from tests.scenarios import Scenario, midnight_zone, scenario

NOW = instant("2026-11-24T11:33:21.123456Z") or 0
ZONE = midnight_zone(NOW)


def predicted(made: Scenario) -> tuple[Log, Prediction]:
    """The scenario as a broker without delay would acknowledge it."""
    log = Log()
    for step in made.steps:
        log.send(NOW + 2_000_000, step)
    return log, predict(made.settings, log.sent)


@pytest.fixture(scope="module")
def full() -> tuple[Scenario, Log, Prediction]:
    made = scenario(1, now_us=NOW, zone=ZONE)
    return made, *predicted(made)


def test_the_same_seed_makes_the_same_scenario() -> None:
    one, other = (scenario(7, now_us=NOW, zone=ZONE, accounts=5, events=300) for _ in range(2))
    assert one == other
    assert one != scenario(8, now_us=NOW, zone=ZONE, accounts=5, events=300)


@pytest.mark.parametrize("seed", range(20))
def test_small_scenarios_are_made_and_read(seed: int) -> None:
    made = scenario(seed, now_us=NOW, zone=ZONE, accounts=3, events=60, days=2)
    prediction = predicted(made)[1]
    assert sum(sum(counts.values()) for counts in prediction.counts.values()) == len(made.messages)


def test_the_oracle_reads_a_full_scenario_in_seconds() -> None:
    made = scenario(2, now_us=NOW, zone=ZONE)
    began = time.process_time()
    prediction = predicted(made)[1]
    assert statements(prediction)
    assert time.process_time() - began < 20
    assert len(prediction.events) > 19_000


def test_midnight_is_near_so_that_three_days_are_in_reach(full: tuple[Scenario, Log, Prediction]) -> None:
    for hour in range(24):
        moment = NOW + hour * 3_600_000_000
        zone = midnight_zone(moment, 200)
        assert billing_day(moment + 130_000_000, zone) < billing_day(moment + 201_000_000, zone)
    days = Counter(day for _, _, _, day in full[2].figures)
    today = billing_day(NOW, ZONE)
    assert set(days) == {today - 1, today, today + 1}
    assert min(days.values()) > 300


def test_every_kind_of_bad_record_is_there_and_dead_for_its_reason(full: tuple[Scenario, Log, Prediction]) -> None:
    made, log, prediction = full
    kinds = set()
    for sent, message in zip(log.sent, made.messages, strict=True):
        if message.note in BAD:
            kinds.add(message.note)
            assert prediction.dead[sent.place][0] == BAD[message.note].reason, message.note
    assert kinds == set(BAD)
    assert len({reasons[0] for reasons in prediction.dead.values()}) >= 13


def test_good_records_count_and_repeats_and_conflicts_are_reported(full: tuple[Scenario, Log, Prediction]) -> None:
    made, log, prediction = full
    for sent, message in zip(log.sent, made.messages, strict=True):
        if message.note in ("recorded", "corrected", "conflicting", "repeated"):
            assert prediction.dead.get(sent.place, ("conflicting_duplicate",)) == ("conflicting_duplicate",)
    counts = prediction.counts["usage"]
    assert sum(counts.values()) == sum(1 for sent in log.sent if sent.topic == "usage")
    assert 700 < counts["duplicate"] < 1_100
    assert counts["null"] == 5
    conflicts = [reasons for reasons in prediction.dead.values() if reasons == ("conflicting_duplicate",)]
    assert len(conflicts) > 50
    assert not prediction.contested


def test_every_basis_and_both_sides_of_every_quota_are_usual(full: tuple[Scenario, Log, Prediction]) -> None:
    figures = full[2].figures
    bases = Counter(figure.basis for figure in figures.values())
    assert min(bases[basis] for basis in ("package", "pay_as_you_go", "free")) > 300
    package = [figure for figure in figures.values() if figure.basis == "package"]
    assert sum(1 for figure in package if figure.overage > 0 and figure.covered > 0) > 30
    assert sum(1 for figure in package if figure.overage > 0) > 200
    assert sum(1 for figure in package if figure.covered > 0) > 200
    assert sum(1 for figure in package if len(figure.by_plan) > 1) > 10
    assert all(figure.covered + figure.overage == figure.usage for figure in figures.values() if figure.basis != "free")


def test_orders_of_every_kind_are_accepted_and_refused_for_every_reason(
    full: tuple[Scenario, Log, Prediction],
) -> None:
    made, _, prediction = full
    accepted = Counter(outcome.order.kind for outcome in prediction.outcomes.values() if outcome.reason is None)
    for kind in ("top_up", "purchase", "add_traffic", "upgrade", "change_workspaces"):
        assert accepted[kind] > 10, kind
    refused = {outcome.reason for outcome in prediction.outcomes.values() if outcome.reason}
    promised = {note.removeprefix("refused: ") for note in made.notes if note.startswith("refused: ")}
    assert refused >= promised
    assert len(refused) == 17, "all of them but those that need another day: plan_expired, instrument_expired"
    assert all(wallet.balance >= 0 for book in prediction.accounts.values() for wallet in book.wallets.values())
