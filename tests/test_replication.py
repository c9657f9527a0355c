"""How many copies a topic has, and how many must hold a record: what is asked for, what is found, what is said."""

import pytest

from meter.kafka.replication import LEAST_IN_SYNC, creation_config, kafkas_own
from meter.kafka.topics import Found, TopicSpec, Verdict, judged, missing_sentence, wanted_topics
from meter.settings import Settings

THREE = {spec.name: spec for spec in wanted_topics(Settings.load(replication_factor=3))}


def verdict(spec: TopicSpec, copies: int, least: int, wanted: int | None = 3) -> Verdict:
    """What is said of a topic that is as it should be but for its copies."""
    return judged(spec, Found(spec.partitions, {**spec.config, LEAST_IN_SYNC: str(least)}, copies), "a:1,b:2", wanted)


@pytest.mark.parametrize(("copies", "config"), [(None, {}), (1, {}), (2, {}), (3, "2"), (5, "2")])
def test_three_copies_are_made_with_two_that_must_hold_a_record(copies: int | None, config: object) -> None:
    assert creation_config(copies) == (config if config == {} else {LEAST_IN_SYNC: config})
    for spec in wanted_topics(Settings.load(replication_factor=copies)):
        assert spec.config.get(LEAST_IN_SYNC, {}) == config, "every topic of ours, internal ones too"


def test_missing_topics_are_listed_for_who_creates_them_by_hand() -> None:
    assert missing_sentence(THREE.values()).count("min.insync.replicas=2") == len(THREE)


@pytest.mark.parametrize("name", THREE)
def test_three_copies_of_which_one_is_enough_are_reported_with_the_command(name: str) -> None:
    found = verdict(THREE[name], 3, 1)
    assert found.refusals == ()
    (result,) = found.warnings
    assert result == (
        f"{name} has 3 copies and should have min.insync.replicas=2, it has 1: a record that only one broker has is "
        "acknowledged, and lost with it: `kafka-configs.sh --bootstrap-server a:1,b:2 --entity-type topics "
        f"--entity-name {name} --alter --add-config min.insync.replicas=2`"
    )


@pytest.mark.parametrize(
    ("copies", "least", "wanted", "expected"),
    [
        (3, 2, 3, []),
        (3, 2, None, []),
        (1, 1, None, []),
        (2, 1, None, []),
        (2, 1, 2, []),
        (1, 1, 3, ["should have 3 copies (METER_REPLICATION_FACTOR), it has 1"]),
        (2, 1, 3, ["should have 3 copies (METER_REPLICATION_FACTOR), it has 2"]),
        (3, 1, None, ["should have min.insync.replicas=2, it has 1"]),
        (2, 2, None, ["below its 2 copies, it has 2: without any one broker Kafka takes no record"]),
        (3, 3, 3, ["below its 3 copies, it has 3: without any one broker Kafka takes no record"]),
    ],
)
def test_what_copies_are_worth_is_reported(copies: int, least: int, wanted: int | None, expected: list[str]) -> None:
    found = verdict(THREE["meter.journal"], copies, least, wanted)
    assert found.refusals == ()
    assert len(found.warnings) == len(expected)
    assert all(part in warning for part, warning in zip(expected, found.warnings, strict=True))


def test_a_topic_that_takes_no_record_is_refused() -> None:
    (found,) = verdict(THREE["usage"], 1, 2, None).refusals
    assert found.startswith(
        "usage must have min.insync.replicas of at most its 1 copy, it has 2, and Kafka takes no record"
    )
    assert found.endswith("--alter --add-config min.insync.replicas=1`")


def test_kafkas_own_topics_are_looked_at_where_copies_are_asked_for() -> None:
    counts = {"__consumer_offsets": [3, 1], "__transaction_state": [3, 3], "other": [1]}
    (found,) = kafkas_own(counts, 3)
    assert found.startswith("__consumer_offsets should have 3 copies (METER_REPLICATION_FACTOR), it has 1")
    assert kafkas_own(counts, None) == kafkas_own(counts, 1) == kafkas_own({}, 3) == []
