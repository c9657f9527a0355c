"""What an admin client is told of topics by brokers that do not all know the same yet."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from meter.kafka import admin
from meter.kafka.topics import TopicSpec, wanted_topics
from meter.settings import Settings

SPECS = wanted_topics(Settings.load())
NONE, UNKNOWN = 0, 3


class Cluster:
    """Brokers that are asked in turn, as a client asks any of a cluster; the ones of `late` do not know a topic yet."""

    def __init__(self, late: set[int]) -> None:
        self.late = late
        self.asked = 0

    def knows(self) -> bool:
        self.asked += 1
        return self.asked - 1 not in self.late

    async def describe_topics(self) -> list[dict[str, Any]]:
        known = self.knows()
        return [described(spec) for spec in SPECS] if known else []

    async def describe_configs(self, asked: Any) -> list[Any]:
        code = NONE if self.knows() else UNKNOWN
        resources = [(code, "", 2, spec.name, [(name, value) for name, value in spec.config.items()]) for spec in SPECS]
        return [SimpleNamespace(resources=resources)]


def described(spec: TopicSpec) -> dict[str, Any]:
    """A topic in an answer of metadata: three copies of each partition."""
    partitions = [{"leader": 1, "replicas": [1, 2, 3]} for _ in range(spec.partitions)]
    return {"topic": spec.name, "error_code": 0, "partitions": partitions}


@pytest.mark.parametrize("late", [set(), {0}, {0, 1, 2}, {2}, {1, 4}, {1, 3, 5, 7}])
def test_a_broker_that_has_not_heard_of_a_topic_yet_is_asked_again(late: set[int]) -> None:
    found = asyncio.run(admin.found_topics(Cluster(late), SPECS))
    assert {name: (each.partitions, each.copies) for name, each in found.items()} == {
        spec.name: (spec.partitions, 3) for spec in SPECS
    }


def test_topics_that_no_broker_comes_to_know_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "KNOWN_SECONDS", 0.3)
    with pytest.raises(admin.TopicsRefused, match=r"without a leader, .*: usage, .*look at the broker"):
        asyncio.run(admin.found_topics(Cluster(set(range(1000))), SPECS))
