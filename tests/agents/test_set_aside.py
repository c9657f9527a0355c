"""Why a workspace topic is not read: kept in the group's commit, said on the board, and no rule of reading."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from agents.intake.marks import Mark, metadata
from agents.intake.operator_commands import Control
from agents.metrics.metrics import Metrics
from agents.workspace_topics import checks as checks_module
from agents.workspace_topics.checks import PAGE_TOPICS, PARTS, WorkspaceTopicChecks
from agents.workspace_topics.set_aside import SHOWN, AsideBoard
from meter.kafka.commit_metadata import is_aside, is_ours, topic_id_of
from meter.kafka.set_aside import UNSAID, NotRead, Reason, Why, not_followed, why_of, why_text
from meter.kafka.topic_ids import TopicState
from meter.kafka.topics import Topics
from schemas.control import Skip

TOPICS = Topics.of("p.")
MARK = Mark(5, 1_700_000_000_000, 99)
COMPACT = Why(Reason.COMPACTED, "usage.w must have cleanup.policy=delete, it has compact: `kafka-configs.sh … @1 | x`")


@pytest.mark.parametrize("mark", [MARK, None])
@pytest.mark.parametrize("topic_id", ["", "0a1b"])
def test_the_reason_in_a_commit_changes_nothing_of_what_it_says(mark: Mark | None, topic_id: str) -> None:
    plain = metadata(mark, aside=True, topic_id=topic_id)
    found = plain + why_text(COMPACT)
    assert why_of(found) == (Reason.COMPACTED, str(COMPACT))
    assert (Mark.read(found), topic_id_of(found)) == (mark, topic_id)
    assert is_aside(found) and is_ours(found)
    assert why_of(plain) == (Reason.UNREADABLE, UNSAID)


def test_a_reason_of_any_length_fits_a_commit() -> None:
    assert (
        len((metadata(MARK, aside=True, topic_id="a" * 32) + why_text(Why(Reason.GONE, "ä" * 9_000))).encode()) < 4_096
    )


@pytest.mark.parametrize("ordered_with", ["", why_text(COMPACT)])
def test_a_skip_holds_for_the_commit_whatever_reason_is_in_it(ordered_with: str) -> None:
    control = Control("meter.control", {})
    mark = metadata(MARK, aside=True)
    skip = Skip(
        kind="skip",
        topic="usage.w",
        partition=0,
        offset=9,
        instead_of=6,
        mark=mark + ordered_with,
        at="2026-01-31T08:00:00Z",
    )
    control._learn(SimpleNamespace(value=skip.json_bytes(), offset=0))
    assert control.skip_for("usage.w", 0, 6, mark + why_text(Why(Reason.GONE, "other"))) is not None
    assert control.skip_for("usage.w", 0, 7, mark) is None


def test_topics_of_no_workspace_and_those_beyond_the_limit_are_listed() -> None:
    names = [
        "p.usage",
        "p.usage._u",
        "p.usage." + "w" * 65,
        "p.usage.",
        "p.usage.a",
        "p.usage.b",
        "q.usage._u",
        "p.usages",
    ]
    listed = {(each.topic, each.reason) for each in not_followed(TOPICS, names, 1)}
    assert listed == {("usage._u", "name"), ("usage." + "w" * 65, "name"), ("usage.", "name"), ("usage.b", "limit")}


def sample(metrics: Metrics, reason: str) -> float | None:
    return metrics.registry.get_sample_value("meter_workspace_topics_set_aside", {"reason": reason})


def test_the_board_counts_topics_by_reason_and_shows_some_of_many() -> None:
    metrics = Metrics()
    board = AsideBoard(metrics, TOPICS, SimpleNamespace())
    assert board.lines() == []
    assert {sample(metrics, reason) for reason in Reason} == {0.0}
    two = [NotRead("usage.w", number, Reason.COMPACTED, COMPACT) for number in range(2)]
    many = [NotRead(f"usage._{number}", None, Reason.NAME, "no id") for number in range(SHOWN)]
    board.show([*two, *many], read=7)
    assert (sample(metrics, "compacted"), sample(metrics, "name"), sample(metrics, "limit")) == (1, SHOWN, 0)
    assert metrics.registry.get_sample_value("meter_workspace_topic_partitions_read") == 7
    assert len(board.lines()) == SHOWN + 1
    assert board.lines()[-1] == "and 2 more are set aside"
    board.show([], read=9)
    assert (board.lines(), sample(metrics, "name")) == ([], 0)


def checks() -> WorkspaceTopicChecks:
    return WorkspaceTopicChecks(SimpleNamespace(topic_prefix="p.", broker="b:1"))  # type: ignore[arg-type] # of settings two


@pytest.mark.parametrize(
    ("code", "policy", "reason"),
    [
        (0, "delete", None),
        (0, "compact", Reason.COMPACTED),
        (0, "compact,delete", Reason.COMPACTED),
        (0, "delete,compact", Reason.COMPACTED),
        (29, "", Reason.DENIED),
        (3, "", None),  # deleted meanwhile: the next look no longer finds it
        (40, "", Reason.UNREADABLE),
    ],
)
def test_a_topic_is_refused_for_what_loses_its_records(code: int, policy: str, reason: Reason | None) -> None:
    looked = checks()
    entries: Any = [("cleanup.policy", policy)]
    looked._judge(code, "told", 2, "p.usage.w", entries)
    why = looked.refusal("p.usage.w")
    assert (None if why is None else why.reason) is reason
    looked._judge(0, "", 2, "p.usage.w", [("cleanup.policy", "delete")])
    assert looked.refusal("p.usage.w") is None


@pytest.mark.parametrize("count", [0, 1, PAGE_TOPICS - 1, PAGE_TOPICS, 5_000])
def test_every_topic_is_asked_about_in_a_few_looks(count: int) -> None:
    looked, names = checks(), [str(number) for number in range(count)]
    for _ in range(2):
        asked = [name for _ in range(PARTS) for name in looked.due(names)]
        assert set(asked) == set(names)


def test_a_topic_that_a_broker_does_not_know_yet_has_not_the_id_of_the_one_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked, name = checks(), "p.usage.w"
    said = {name: TopicState("0a1b", 1)}

    async def states(*_: Any, certain: bool) -> dict[str, TopicState]:
        return dict(said)

    async def no_settings(_: Any) -> list[Any]:
        return []

    admin: Any = SimpleNamespace(describe_configs=no_settings)
    looked._admin = admin
    monkeypatch.setattr(checks_module, "topic_states", states)
    asyncio.run(looked.learn([name]))
    assert (looked.topic_id(name), looked.known(name)) == ("0a1b", True)
    said.clear()
    asyncio.run(looked.learn([name]))
    assert (looked.topic_id(name), looked.known(name)) == ("", False), "it is begun once its own id is known"
