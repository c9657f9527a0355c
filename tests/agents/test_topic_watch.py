"""What a start learns of its topics, from brokers that do not all know the same yet or say nothing for a while."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from agents import topic_watch
from agents.topic_watch import TopicWatch
from meter.kafka.admin import TopicsUnknown
from meter.kafka.topic_ids import TopicState
from meter.kafka.topics import wanted_topics
from meter.kafka.troubles import asked_again, of_kafka
from meter.settings import Settings

SETTINGS = Settings.load()
ALL = frozenset(spec.name for spec in wanted_topics(SETTINGS))
#: What a broker says that is connected to, and does not answer.
SILENCE = None


class Cluster:
    """Brokers that are asked in turn, the last one again and again: the topics that each knows, or its silence."""

    def __init__(self, *brokers: frozenset[str] | None) -> None:
        self.brokers = list(brokers)
        self.connections = self.asked = 0

    @asynccontextmanager
    async def connected(self, _: Settings) -> AsyncIterator["Cluster"]:
        self.connections += 1
        yield self

    async def states(self, _: Any, names: Iterable[str]) -> dict[str, TopicState]:
        known = self.brokers[min(self.asked, len(self.brokers) - 1)]
        self.asked += 1
        if known is SILENCE:
            await asyncio.Event().wait()
        return {name: TopicState(f"id of {name}", 1) for name in names if known is None or name in known}


def started(cluster: Cluster, monkeypatch: pytest.MonkeyPatch, seconds: float = 60.0) -> Mapping[str, TopicState]:
    """The topics that a start knows, which asks again for so long."""
    monkeypatch.setattr(topic_watch, "connected_admin", cluster.connected)
    monkeypatch.setattr(topic_watch, "topic_states", cluster.states)

    async def story() -> Mapping[str, TopicState]:
        watch = TopicWatch(SETTINGS)
        try:
            await asked_again(watch.start, seconds, pause=0.0)
            return watch.known
        finally:
            await watch.stop()

    return asyncio.run(story())


@pytest.mark.parametrize("late", [frozenset({"workspaces"}), ALL - {"usage"}, frozenset[str]()])
def test_a_broker_that_has_not_heard_of_a_topic_yet_is_asked_again(
    late: frozenset[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster(late, late, ALL)
    assert started(cluster, monkeypatch).keys() == ALL
    assert (cluster.connections, cluster.asked) == (1, 3)


def test_topics_that_no_broker_comes_to_know_end_the_start_with_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "KNOWN_SECONDS", 0.05)
    with pytest.raises(TopicsUnknown, match="no broker asked knows usage, workspaces; look at the broker"):
        started(Cluster(ALL - {"workspaces", "usage"}), monkeypatch)


def test_a_broker_that_says_nothing_at_first_is_asked_again_over_the_same_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(topic_watch, "ASK_SECONDS", 0.02)
    cluster = Cluster(SILENCE, SILENCE, ALL)
    assert started(cluster, monkeypatch).keys() == ALL
    assert (cluster.connections, cluster.asked) == (1, 3)


def test_a_broker_that_says_nothing_for_long_is_kafkas_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(topic_watch, "ASK_SECONDS", 0.02)
    with pytest.raises(Exception, match="no answer about the topics") as silence:
        started(Cluster(SILENCE), monkeypatch, seconds=0.1)
    assert of_kafka(silence.value)
