"""When a source partition is handled up to a watermark: committed that far, set aside, gone, or beyond the limit."""

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.meter.watermarks import Watermarks
from meter.kafka.partitioner import partition_of
from meter.kafka.rights import MissingRights, Right
from meter.settings import Settings

END = 10


class ScriptedWatermarks(Watermarks):
    """Watermarks over a cluster that the test tells of: its topics, what each group committed, what is not shown."""

    def __init__(
        self, topics: set[str], committed: dict[str, tuple[int, str]], hidden: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(Settings(topic_prefix="p.", own_topics_max=2), {})
        self.there = topics
        self.committed = committed
        self.hidden = hidden
        #: The ends of logs that are not what they were asked to be.
        self.shorter: dict[str, int] = {}
        #: What the commits of shares say.
        self.notes: dict[TopicPartition, Any] = {}

    async def _asker(self) -> Any:
        return self

    async def end_offsets(self, tps: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.shorter.get(tp.topic, END) for tp in tps}

    async def _cluster(self) -> Any:
        return SimpleNamespace(topics=lambda: self.there)

    async def _lacking(self, rights: Sequence[Right]) -> list[Right]:
        return [right for right in rights if right.name in self.hidden]

    async def _committed(self, group: str) -> Any:
        own = group == self.topics.own_intake_group
        return (self.notes if own else {}) | {
            TopicPartition(topic, 0): SimpleNamespace(offset=offset, metadata=metadata)
            for topic, (offset, metadata) in self.committed.items()
            if (topic != "p.usage") == own
        }


@pytest.mark.parametrize(
    ("topic", "committed", "reached"),
    [
        ("p.usage", (END, "9 1700000000000 5"), True),
        ("p.usage", (END + 3, "begun"), True),
        ("p.usage", (END + 3, ""), False),  # set by another hand: nobody knows what was handled
        ("p.usage", (END - 1, "8 1700000000000 5"), False),
        ("p.usage", None, False),
        ("p.usage.a", (END, "begun"), True),
        ("p.usage.a", None, False),
        ("p.usage.a", (3, "aside 2 1700000000000 5"), True),
        ("p.usage.a", (3, "aside"), True),
        ("p.usage.gone", (3, ""), True),
        ("p.usage.c", None, True),  # the third own topic, where two are read
    ],
)
def test_a_partition_is_waited_for_until_it_is_handled(
    topic: str, committed: tuple[int, str] | None, reached: bool
) -> None:
    found = ScriptedWatermarks(
        {"p.usage", "p.usage.a", "p.usage.b", "p.usage.c"}, {} if committed is None else {topic: committed}
    )
    behind = asyncio.run(found.not_reached({TopicPartition(topic, 0): END}))
    assert behind == ([] if reached else [TopicPartition(topic, 0)])


@pytest.mark.parametrize("hidden", ["p.usage", "p.workspaces", "p.usage.*", "p.usage.gone"])
def test_what_kafka_does_not_show_is_no_topic_that_is_gone(hidden: str) -> None:
    found = ScriptedWatermarks({"p.usage", "p.usage.a"} - {hidden}, {}, frozenset({hidden}))
    with pytest.raises(MissingRights, match="may not Describe topic") as missing:
        asyncio.run(found.not_reached({TopicPartition("p.usage.gone", 0): END}))
    assert [right.name for right in missing.value.rights] == [hidden]
    if hidden != "p.usage.gone":
        with pytest.raises(MissingRights):
            asyncio.run(found.ends())


def test_a_workspace_topic_that_the_intake_may_not_read_is_not_waited_for() -> None:
    ends = {TopicPartition("p.usage.a", 0): END, TopicPartition("p.usage.b", 0): END}
    share = partition_of("a", Settings().partitions)
    for note, waited in (("denied usage.a/0", ["p.usage.b"]), ("denied usage.a/1", ["p.usage.a", "p.usage.b"])):
        found = ScriptedWatermarks({"p.usage.a", "p.usage.b"}, {})
        found.notes = {TopicPartition("p.meter.journal", share): SimpleNamespace(offset=0, metadata=note)}
        assert [tp.topic for tp in asyncio.run(found.not_reached(ends))] == waited


@pytest.mark.parametrize(
    ("end", "committed", "reached"),
    [(4, (4, "3 1700000000000 5"), True), (4, (3, "2 1700000000000 5"), False), (4, None, False), (0, None, True)],
)
def test_a_topic_that_was_made_again_is_waited_for_up_to_the_end_that_it_has_now(
    end: int, committed: tuple[int, str] | None, reached: bool
) -> None:
    found = ScriptedWatermarks({"p.usage.a"}, {} if committed is None else {"p.usage.a": committed})
    found.shorter = {"p.usage.a": end}
    asked = TopicPartition("p.usage.a", 0)
    assert asyncio.run(found.not_reached({asked: END})) == ([] if reached else [asked])
