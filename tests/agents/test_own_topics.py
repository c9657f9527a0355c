"""Own topics without a broker: whose they are, and whom an error of reading concerns."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, OffsetOutOfRangeError, TopicAuthorizationFailedError
from faust.types import TP

from agents.intake.resume import PartitionStatus
from agents.workspace_topics.discovery import WorkspaceTopics
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.set_aside import some
from meter.batch.lanes import Lane, Reopen, SetAside
from meter.batch.read_errors import read_error
from meter.batch.stopping import ended
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


class Asked:
    """The part of a worker that begins what is in its share; Kafka answers once `answer` is set."""

    def __init__(self) -> None:
        self.asked, self.answer = asyncio.Event(), asyncio.Event()
        self.followed: list[list[TP]] = []
        self.begun: list[TP] = []
        topics: Any = WorkspaceTopics.__new__(WorkspaceTopics)
        topics.slots, topics.runners, topics._changing, topics._look_now = {}, {}, asyncio.Lock(), asyncio.Event()
        topics._slot_of = {ONE.topic: 1, OTHER.topic: 2}
        topics.checks = SimpleNamespace(known=lambda _: True)
        topics.intake = SimpleNamespace(marks_at=self._marks)
        topics.consumer = SimpleNamespace(follow=self.followed.append)
        topics._commits = SimpleNamespace(began=lambda tps: self.begun.extend(tps))
        topics._starts, topics._lane = self._starts, lambda tp, *_: FakeLane(tp)
        self.topics = topics

    async def _starts(self, tps: list[TP]) -> dict[TP, PartitionStatus]:
        self.asked.set()
        await self.answer.wait()
        return {tp: PartitionStatus(None, "", 0, 0) for tp in tps}

    async def _marks(self, _: Any) -> dict[Any, Any]:
        return {}


class FakeLane(Lane):
    """Never opens."""

    def __init__(self, tp: TP) -> None:
        super().__init__(SimpleNamespace(consumer=SimpleNamespace(pause=lambda _: None)), tp)

    async def open(self) -> int:
        await asyncio.Event().wait()
        return 0


@pytest.mark.parametrize("back", [False, True], ids=["for good", "and back again"])
def test_a_share_that_is_given_away_while_kafka_is_asked_is_not_read_here(back: bool) -> None:
    async def story() -> None:
        stage = Asked()
        topics = stage.topics
        taking = [asyncio.create_task(topics.take(slot)) for slot in (1, 2)]
        await asyncio.sleep(0)
        beginning = asyncio.create_task(topics._begin([ONE, OTHER]))
        await stage.asked.wait()
        leaving = asyncio.create_task(topics.let_go(2))
        await asyncio.sleep(0)
        if back:
            taking.append(asyncio.create_task(topics.take(2)))
            await asyncio.sleep(0)
        stage.answer.set()
        await asyncio.gather(beginning, leaving)
        assert (list(topics.runners), stage.followed, stage.begun) == ([ONE], [[ONE]], [ONE])
        await ended(*taking, topics.runners[ONE].task)

    asyncio.run(story())
