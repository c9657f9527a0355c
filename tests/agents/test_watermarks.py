"""When a source partition is handled up to a watermark: committed that far, set aside, gone, or beyond the limit."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition

from agents.watermarks import Watermarks

END = 10


class Told(Watermarks):
    """Watermarks over a cluster that the test tells of: its topics, and what each group committed."""

    def __init__(self, topics: set[str], committed: dict[str, tuple[int, str]]) -> None:
        settings: Any = SimpleNamespace(topic_prefix="p.", own_topics_max=2)
        super().__init__(settings, {})
        self.there = topics
        self.committed = committed

    async def _cluster(self) -> Any:
        return SimpleNamespace(topics=lambda: self.there)

    async def _committed(self, group: str) -> Any:
        own = group == self.topics.own_intake_group
        return {
            TopicPartition(topic, 0): SimpleNamespace(offset=offset, metadata=metadata)
            for topic, (offset, metadata) in self.committed.items()
            if topic.startswith("p.usage.") == own
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
    told = Told({"p.usage", "p.usage.a", "p.usage.b", "p.usage.c"}, {} if committed is None else {topic: committed})
    behind = asyncio.run(told.not_reached({TopicPartition(topic, 0): END}))
    assert behind == ([] if reached else [TopicPartition(topic, 0)])
