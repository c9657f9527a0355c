"""Differences planted among published records: each is told, to the unit, and nothing else is."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from meter.verify.comparison import Verified, Wanted
from meter.verify.differences import OUTCOMES, OVERAGES, WALLETS
from schemas.journal import Opening
from tests.oracle_time import ordinal
from tests.simulation.kafka import Cluster
from tests.simulation.owner import JOURNAL, simulated
from tests.simulation.simulator import Simulator
from tests.simulation.world import world
from tests.verify.held import PublishedRecord, home, published_records, verified

#: A world with figures under plans and by usage, orders and wallets, in two partitions.
SEED = 3


@dataclass
class Left:
    """What a run left behind; `records` are copies to bend."""

    cluster: Cluster
    opening: Opening
    records: dict[str, list[PublishedRecord]]

    def verified(self, **rest: Any) -> Verified:
        return verified(self.cluster, self.opening, self.records, **rest)

    def sentences(self, **rest: Any) -> list[str]:
        return [each.sentence() for each in self.verified(**rest).differences]

    def last(self, topic: str, basis: str | None = None) -> tuple[int, dict[str, Any]]:
        """FigureKey and content of the last record of a topic whose figure is over."""
        for place in reversed(range(len(self.records[topic]))):
            value = json.loads(self.records[topic][place][2])
            if topic != OVERAGES or (value["overage"] > 0 and basis in (None, value["basis"])):
                return place, value
        raise AssertionError(f"{topic} has no such record; take another seed")

    def bend(self, topic: str, **fields: Any) -> tuple[str, dict[str, Any]]:
        """Change fields of the last record of a topic; its key and what it said before."""
        place, value = self.last(topic)
        partition, key, _ = self.records[topic][place]
        self.records[topic][place] = (partition, key, json.dumps({**value, **fields}).encode())
        return key, value


@pytest.fixture(scope="module")
def run() -> Iterator[tuple[Cluster, Opening]]:
    """A run with nothing wrong."""
    with simulated():
        simulator = Simulator(SEED, world(SEED), faults=0)
        simulator.run()
        yield simulator.cluster, simulator.world.opening


@pytest.fixture
def left(run: tuple[Cluster, Opening]) -> Left:
    """The run's records, to bend."""
    return Left(*run, published_records(run[0]))


def test_without_a_planted_difference_none_is_reported(left: Left) -> None:
    result = left.verified()
    assert result.differences == []
    assert min(result.figures, result.orders, result.wallets, len(result.accounts), len(result.days)) > 0
    assert ", 0 differences, in " in result.sentence()
    left.last(OVERAGES, "package")
    left.last(OVERAGES, "pay_as_you_go")


def test_a_unit_too_much_is_reported_to_the_unit(left: Left) -> None:
    _, value = left.last(OVERAGES)
    over, usage, delta = value["overage"], value["usage"], value["delta"]
    key, _ = left.bend(OVERAGES, overage=over + 1, usage=usage + 1, delta=delta + 1)
    at = f"revision {value['revision']}"
    assert left.sentences() == [
        f"overages {key}: usage {usage + 1}, recounted {usage} (+1), {at}",
        f"overages {key}: overage {over + 1}, recounted {over} (+1), {at}",
    ]


@pytest.mark.parametrize(
    ("field", "bent"),
    [
        ("basis", lambda value: {"basis": "package" if value["basis"] != "package" else "pay_as_you_go"}),
        ("plans", lambda value: {"plans": [*value["plans"], "other"]}),
        ("charge", lambda value: {"charge": {**value["charge"], "amount": "0.01"}}),
        ("currency", lambda value: {"charge": {**value["charge"], "currency": "EUR"}}),
        ("lines", lambda value: {"charge": {**value["charge"], "lines": []}}),
        ("record", lambda value: {"covered": value["covered"] + 1}),
        ("record", lambda value: {"charge": {**value["charge"], "amount": "1e3"}}),
        ("delta", lambda value: {"delta": value["delta"] + 1}),
        ("previous_revision", lambda value: {"previous_revision": 1}),
        ("account", lambda value: {"account": "elsewhere"}),
    ],
)
def test_every_field_of_a_figure_is_looked_at(
    left: Left, field: str, bent: Callable[[dict[str, Any]], dict[str, Any]]
) -> None:
    place = max(place for place in range(len(left.records[OVERAGES])) if _follows(left.records[OVERAGES][place]))
    partition, key, content = left.records[OVERAGES][place]
    value = json.loads(content)
    left.records[OVERAGES][place] = (partition, key, json.dumps({**value, **bent(value)}).encode())
    assert field in {each.field for each in left.verified().differences if each.key == key}


def _follows(record: PublishedRecord) -> bool:
    """Whether a record is a later revision of its key, beyond the first record of its partition."""
    return bool(json.loads(record[2])["previous_revision"] > 1)


def test_what_was_never_published_is_reported(left: Left) -> None:
    place, value = left.last(OVERAGES)
    key = left.records[OVERAGES][place][1]
    left.records[OVERAGES] = [record for record in left.records[OVERAGES] if record[1] != key]
    assert left.sentences() == [f"overages {key}: overage nothing, recounted {value['overage']}"]


def test_what_nobody_used_is_reported(left: Left) -> None:
    place, value = left.last(OVERAGES)
    partition, _, _ = left.records[OVERAGES][place]
    foreign = {**value, "workspace": "nobody", "previous_revision": 0, "delta": value["overage"]}
    key = "/".join((value["account"], "nobody", value["item"], value["day"]))
    left.records[OVERAGES].append((partition, key, json.dumps(foreign).encode()))
    assert left.sentences() == [
        f"overages {key}: usage {value['usage']}, recounted nothing, revision {value['revision']}"
    ]


def test_a_revision_that_says_something_else_the_second_time_is_reported(left: Left) -> None:
    place, value = left.last(OVERAGES)
    partition, key, _ = left.records[OVERAGES][place]
    left.records[OVERAGES].append((partition, key, json.dumps({**value, "overage": 0}).encode()))
    revision = value["revision"]
    assert left.sentences() == [
        f"overages {key}: revision {revision}, recounted more than {revision}, revision {revision}"
    ]


def test_a_revision_of_no_journal_record_is_reported(left: Left) -> None:
    place, value = left.last(OVERAGES)
    partition, key, _ = left.records[OVERAGES][place]
    end = len(left.cluster.log(JOURNAL, partition).records)
    left.records[OVERAGES].append((partition, key, json.dumps({**value, "revision": end}).encode()))
    assert left.sentences() == [
        f"overages {key}: revision {end}, recounted less than the journal's end {end}, revision {end}"
    ]


def test_a_record_in_the_wrong_partition_or_of_no_form_is_reported(left: Left) -> None:
    place, value = left.last(OVERAGES)
    partition, key, content = left.records[OVERAGES][place]
    left.records[OVERAGES] += [(1 - partition, key, content), (partition, "a/b", b"\xff{")]
    assert [each.field for each in left.verified().differences] == ["partition", "record"]
    assert partition == home(value["account"], left.opening.partitions)


def test_a_cent_too_much_in_a_wallet_is_reported(left: Left) -> None:
    key, value = left.bend(WALLETS, balance="1000000.01")
    (difference,) = left.verified().differences
    cents = int(value["balance"].replace(".", ""))
    assert (difference.key, difference.published, difference.recounted) == (key, 100_000_001, cents)
    assert f"({100_000_001 - cents:+,})" in difference.sentence()


def test_an_order_that_became_something_else_is_reported(left: Left) -> None:
    key, value = left.bend(OUTCOMES, outcome="refused", reason="plan_expired", error="it has")
    told_before = value.get("reason", "accepted")
    assert left.sentences()[0] == (
        f"order-outcomes {key}: outcome plan_expired, recounted {told_before}, revision {value['revision']}"
    )
    left.records[OUTCOMES] = left.records[OUTCOMES][:-1]
    assert left.sentences() == [f"order-outcomes {key}: outcome nothing, recounted {told_before}"]


def test_only_what_is_asked_for_is_compared(left: Left) -> None:
    _, value = left.last(OVERAGES)
    left.bend(OVERAGES, usage=value["usage"] + 1, covered=value["covered"] + 1)
    day = ordinal(value["day"])
    assert day is not None
    assert left.sentences(wanted=Wanted(account=value["account"], day=day))
    for other in (Wanted(account="x"), Wanted(day=day + 30), Wanted(day + 1), Wanted(without=frozenset("ab"))):
        assert not left.sentences(wanted=other)


def test_beside_a_running_meter_every_key_is_compared_as_it_stood_when_the_journal_was_read(left: Left) -> None:
    """Whatever the bound, what is published later changes nothing; cut to the later record only, it is left out."""
    ends = {part: len(left.cluster.log(JOURNAL, part).records) for part in range(left.opening.partitions)}
    left_out = 0
    for bound in range(1, max(ends.values()) + 1):
        bounds = {part: min(bound, end) for part, end in ends.items()}
        assert left.sentences(bounds=bounds) == []
        latest = {(topic, record[1]): record for topic, those in left.records.items() for record in those}
        compacted = Left(left.cluster, left.opening, {topic: [] for topic in left.records})
        for (topic, _), record in latest.items():
            compacted.records[topic].append(record)
        result = compacted.verified(bounds=bounds)
        assert result.differences == []
        left_out += result.left_out
    assert left_out > 0
