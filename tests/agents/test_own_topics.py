"""Own topics without a broker: whose they are, and whom an error of reading concerns."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError, TopicAuthorizationFailedError
from faust.types import TP

from agents.workspace_topics.discovery import WorkspaceTopics
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.set_aside import some
from meter.batch.lanes import Reopen, SetAside
from meter.batch.read_errors import read_error
from meter.kafka.topics import Topics, followed

TOPICS = Topics.of("p.")
ONE, OTHER = TP("p.usage.a", 0), TP("p.usage.b", 0)


class Notified:
    """A runner that only remembers what it was told."""

    def __init__(self, tp: TP) -> None:
        self.lane: Any = SimpleNamespace(tp=tp, unreadable=lambda why: WorkspaceTopicLane.unreadable(self.lane, why))
        self.doubts: list[Exception] = []

    def doubt(self, reason: Exception) -> None:
        self.doubts.append(reason)


def notified(error: Exception) -> tuple[bool, list[type[Exception]], list[type[Exception]]]:
    runners: Any = {tp: Notified(tp) for tp in (ONE, OTHER)}
    answer = read_error(error, runners)
    one, other = ([type(doubt) for doubt in runners[tp].doubts] for tp in (ONE, OTHER))
    return answer, one, other


def test_an_error_concerns_the_partition_it_names() -> None:
    assert notified(OffsetOutOfRangeError({TopicPartition(*ONE): 7})) == (True, [Reopen], [])
    assert notified(TopicAuthorizationFailedError(OTHER.topic)) == (True, [], [SetAside])
    assert notified(OffsetOutOfRangeError({TopicPartition("p.usage.gone", 0): 7})) == (False, [], [])
    assert notified(CorruptRecordException()) == (False, [], [])


def test_what_an_own_topic_cannot_do_sets_it_aside() -> None:
    lane: Any = SimpleNamespace()
    with pytest.raises(SetAside, match="it is gone"):
        WorkspaceTopicLane.refuse(lane, "it is gone")
    assert isinstance(WorkspaceTopicLane.unreadable(lane, "no right"), SetAside)


def test_only_workspaces_own_topics_are_followed_and_all_workers_agree_on_which() -> None:
    names = ["p.usage", "p.usage.b", "p.usage.a", "usage.c", "p.usage.", "p.usage.a/b", "q.usage.a", "p.overages"]
    assert followed(TOPICS, names, 5) == (["p.usage.a", "p.usage.b"], [])
    assert followed(TOPICS, reversed(names), 1) == (["p.usage.a"], ["p.usage.b"])
    assert followed(TOPICS, names, 0) == ([], ["p.usage.a", "p.usage.b"])


@pytest.mark.parametrize(("kind", "expected"), [(0, False), (1, True)])
def test_a_time_that_the_producer_gave_is_no_arrival(kind: int, expected: bool) -> None:
    record = SimpleNamespace(timestamp=-1, timestamp_type=kind)
    lane: Any = SimpleNamespace()
    assert (WorkspaceTopicLane.received(lane, record) == -1) is expected


def test_many_are_named_in_a_line() -> None:
    assert some([ONE, OTHER]) == "p.usage.a, p.usage.b"
    assert some(TP(f"t{number}", 0) for number in range(9)) == "t0, t1, t2 and 6 more topics"


def test_looking_for_topics_goes_on_after_a_connection_was_given_up() -> None:
    async def story() -> None:
        looks = 0

        async def look() -> None:
            nonlocal looks
            looks += 1
            topics._look_now.set()
            if looks == 1:
                raise asyncio.CancelledError

        topics: Any = SimpleNamespace(slots={}, _look=look, _look_now=asyncio.Event())
        looking = asyncio.create_task(WorkspaceTopics._looking(topics))
        while looks < 3 and not looking.done():
            topics._look_now.set()
            await asyncio.sleep(0)
        assert not looking.done()
        looking.cancel()

    asyncio.run(story())
