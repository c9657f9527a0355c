"""How topics are named and made, and which differences the meter refuses."""

from collections.abc import Mapping

import pytest

from meter.kafka.topics import OUTPUTS, Found, Topics, TopicSpec, judged, missing_sentence, satisfies, wanted_topics
from meter.settings import Settings

DAY_MS = 86_400_000
WANTED = {spec.name: spec for spec in wanted_topics(Settings.load(partitions=3))}


def found(spec: TopicSpec, changed: Mapping[str, str] = {}, partitions: int | None = None) -> Found:
    """The topic as the spec wants it, with some settings changed."""
    config = {**spec.config, **changed}
    return Found(spec.partitions if partitions is None else partitions, config)


def test_every_name_has_the_prefix() -> None:
    names = Topics.of("staging.")
    assert names.usage == "staging.usage"
    assert names.plan_purchases == "staging.plan-purchases"
    assert names.journal == "staging.meter.journal"
    assert names.dead_letters == "staging.dead-letters"
    assert names.outputs == tuple(f"staging.{word}" for word in OUTPUTS)
    assert names.bare(names.overages) == "overages"
    assert names.transactional_id(2) == "staging.meter-2"
    assert len({names.intake_group, names.own_intake_group, names.meter_group}) == 3


@pytest.mark.parametrize("word", OUTPUTS)
def test_the_name_of_an_output_is_the_field_of_that_name(word: str) -> None:
    assert getattr(Topics.of("p."), word.replace("-", "_")) == f"p.{word}"


@pytest.mark.parametrize("prefix", ["", "p."])
def test_a_workspaces_own_topic_names_it(prefix: str) -> None:
    names = Topics.of(prefix)
    for workspace in ("wksp_a", "a.b-c", "usage"):
        assert names.workspace_of(names.own_topic(workspace)) == workspace
    for other in ("usage", "usage.", "usage..a", "usage." + "x" * 65, "overages", "q.usage.a"):
        assert names.workspace_of(prefix + other) is None


def test_topics_of_another_prefix_are_none_of_ours() -> None:
    assert Topics.of("").workspace_of("p.usage.a") is None
    assert Topics.of("p.").workspace_of("usage.a") is None


def test_every_topic_is_made_as_the_contract_says() -> None:
    assert [spec.name for spec in WANTED.values() if spec.partitions == 1] == [
        "workspaces",
        "plan-purchases",
        "meter.control",
    ]
    for name in ("usage", "workspaces", "plan-purchases", "meter.journal"):
        assert WANTED[name].config["message.timestamp.type"] == "LogAppendTime"
    for name in ("workspaces", "plan-purchases", "meter.control"):
        assert WANTED[name].config["retention.ms"] == "-1"
        assert WANTED[name].config["cleanup.policy"] == "delete"
    assert WANTED["meter.changelog"].config["cleanup.policy"] == "compact"
    assert WANTED["meter.journal"].config["retention.ms"] == str(45 * DAY_MS)
    for word in OUTPUTS:
        result = word in ("order-outcomes", "plans", "wallets")
        assert WANTED[word].partitions == 3
        assert WANTED[word].config["cleanup.policy"] == ("compact" if result else "compact,delete")
        assert WANTED[word].config["min.compaction.lag.ms"] == str(7 * DAY_MS)
        assert WANTED[word].config.get("retention.ms") == (None if result else str(400 * DAY_MS))


@pytest.mark.parametrize("spec", WANTED.values(), ids=lambda spec: spec.name)
def test_a_topic_as_it_is_made_is_taken(spec: TopicSpec) -> None:
    verdict = judged(spec, found(spec), "b:1")
    assert verdict.refusals == ()
    assert verdict.warnings == ()


@pytest.mark.parametrize("name", ["usage", "workspaces", "plan-purchases"])
def test_an_input_whose_producers_say_the_time_is_refused(name: str) -> None:
    verdict = judged(WANTED[name], found(WANTED[name], {"message.timestamp.type": "CreateTime"}), "b:1")
    (result,) = verdict.refusals
    assert result == (
        f"{name} must have message.timestamp.type=LogAppendTime, it has CreateTime: `kafka-configs.sh "
        f"--bootstrap-server b:1 --entity-type topics --entity-name {name} --alter "
        "--add-config message.timestamp.type=LogAppendTime`"
    )


@pytest.mark.parametrize("name", ["workspaces", "plan-purchases", "meter.control", "meter.journal", *OUTPUTS])
def test_another_number_of_partitions_is_refused(name: str) -> None:
    spec = WANTED[name]
    (result,) = judged(spec, found(spec, partitions=8), "b:1").refusals
    assert result.startswith(f"{name} must have {spec.partitions} partition")
    assert ", it has 8: " in result


def test_usage_may_have_any_number_of_partitions() -> None:
    assert judged(WANTED["usage"], found(WANTED["usage"], partitions=64), "b:1").refusals == ()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("usage", {"cleanup.policy": "compact"}),
        ("workspaces", {"cleanup.policy": "compact"}),
        ("meter.journal", {"cleanup.policy": "compact,delete"}),
        ("meter.journal", {"retention.ms": str(44 * DAY_MS)}),
        ("meter.journal", {"max.message.bytes": "1048588"}),
        ("meter.changelog", {"cleanup.policy": "compact,delete"}),
        ("meter.changelog", {"max.message.bytes": "1048588"}),
    ],
)
def test_what_could_make_a_figure_wrong_is_refused(name: str, changed: dict[str, str]) -> None:
    verdict = judged(WANTED[name], found(WANTED[name], changed), "b:1")
    assert len(verdict.refusals) == 1
    assert verdict.warnings == ()


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("workspaces", {"retention.ms": str(7 * DAY_MS)}),
        ("overages", {"retention.ms": str(7 * DAY_MS)}),
        ("overages", {"cleanup.policy": "delete"}),
        ("plans", {"min.compaction.lag.ms": "0"}),
    ],
)
def test_what_the_operator_decides_is_only_a_warning(name: str, changed: dict[str, str]) -> None:
    verdict = judged(WANTED[name], found(WANTED[name], changed), "b:1")
    assert verdict.refusals == ()
    assert len(verdict.warnings) == 1


@pytest.mark.parametrize(
    ("name", "want", "have", "answer"),
    [
        ("retention.ms", "100", "100", True),
        ("retention.ms", "100", "101", True),
        ("retention.ms", "100", "99", False),
        ("retention.ms", "100", "-1", True),
        ("retention.ms", "-1", "100", False),
        ("retention.ms", "100", "", False),
        ("cleanup.policy", "compact,delete", "delete,compact", True),
        ("cleanup.policy", "delete", "compact,delete", False),
        ("message.timestamp.type", "LogAppendTime", "", False),
    ],
)
def test_more_is_as_good_and_for_ever_is_the_most(name: str, want: str, have: str, answer: bool) -> None:
    assert satisfies(name, want, have) is answer


def test_missing_topics_are_listed_with_what_they_need() -> None:
    sentence = missing_sentence(WANTED.values())
    assert sentence.startswith("14 topics are missing and METER_CREATE_TOPICS is false")
    assert "\n  workspaces: 1 partition, message.timestamp.type=LogAppendTime cleanup.policy=delete" in sentence
