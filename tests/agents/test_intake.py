"""What the lanes of the intake share: marks read for many partitions at once, and what none of them may read."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, TopicAuthorizationFailedError
from faust.types import TP

from agents.intake import intake as intake_module
from agents.intake.intake import Intake
from agents.intake.marks import Mark
from agents.intake.resume import PartitionStatus
from agents.intake.source_lane import SourceLane
from agents.workspace_topics.lanes import WorkspaceTopicLane
from meter.batch.lanes import Reopen, SetAside
from meter.batch.unopened import LazyBatch, UnreadableRecord
from meter.kafka.set_aside import Reason, reason_of
from tests.record_batches import Made

ONE, OTHER, DENIED = TP("usage.a", 0), TP("usage.b", 0), TP("usage.denied", 0)
#: The record that stands at every offset that is asked for.
STANDING = Mark(7, 1_000, 0)


class Asker:
    """A consumer of partitions that answer, say nothing, or are denied."""

    def __init__(self, *answering: TP, position: int = 7) -> None:
        self.answering = {TopicPartition(*tp) for tp in answering}
        self.at = position
        self.assigned: set[TopicPartition] = set()

    def assign(self, tps: list[TopicPartition]) -> None:
        self.assigned = set(tps)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        assert tp in self.assigned

    def pause(self, tp: TopicPartition) -> None:
        assert tp in self.assigned

    async def position(self, tp: TopicPartition) -> int:
        return self.at

    async def getmany(self, *tps: TopicPartition, timeout_ms: int, max_records: int | None = None) -> dict[Any, Any]:
        await asyncio.sleep(0.01)
        if TopicPartition(*DENIED) in tps:
            raise TopicAuthorizationFailedError(DENIED.topic)
        record = SimpleNamespace(offset=7, timestamp=1_000, value=None)
        return {tp: LazyBatch(tp, [Made([record])]) for tp in tps if tp in self.answering}


def asking(asker: Asker) -> Any:
    """The part of an intake that asks for records."""
    asked: Any = SimpleNamespace(_asker=asker, _asking=asyncio.Lock())
    asked.record_at = lambda tp, offset: Intake.record_at(asked, tp, offset)
    return asked


def own_lane(asker: Asker, tp: TP, standing: Mark | None) -> WorkspaceTopicLane:
    lane = WorkspaceTopicLane.__new__(WorkspaceTopicLane)
    lane.tp, lane.found = tp, standing
    lane.intake = asking(asker)
    return lane


async def marks(asker: Asker, *tps: TP) -> dict[TP, Mark]:
    return await Intake.marks_at(asking(asker), dict.fromkeys(tps, STANDING))


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake_module, "RECORD_MS", 300)


def run(story: Callable[[], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await story()

    asyncio.run(scenario())


def test_no_answer_is_no_other_mark() -> None:
    async def story() -> None:
        asker = Asker(ONE)
        assert await marks(asker, ONE, OTHER) == {ONE: STANDING}
        assert await own_lane(asker, ONE, STANDING).marked(STANDING) == STANDING
        with pytest.raises(Reopen, match="did not give its record 7"):
            await own_lane(asker, OTHER, None).marked(STANDING)

    run(story)


def test_where_the_record_is_gone_the_mark_is_another() -> None:
    async def story() -> None:
        assert await own_lane(Asker(position=9), ONE, None).marked(STANDING) is None

    run(story)


def test_one_partition_that_is_denied_holds_up_no_other_and_is_set_aside_alone() -> None:
    async def story() -> None:
        asker = Asker(ONE)
        assert await marks(asker, ONE, DENIED) == {}
        assert await own_lane(asker, ONE, None).marked(STANDING) == STANDING
        with pytest.raises(SetAside, match="does not let us read"):
            await own_lane(asker, DENIED, None).marked(STANDING)

    run(story)


def test_an_error_of_the_broker_is_a_doubt() -> None:
    async def story() -> None:
        class Broken(Asker):
            async def getmany(self, *tps: Any, **_: Any) -> dict[Any, Any]:
                raise KafkaError("the broker is away")

        with pytest.raises(Reopen, match="could not be read"):
            await own_lane(Broken(), ONE, None).marked(STANDING)

    run(story)


def never_committed(asker: Asker, tp: TP) -> Any:
    """The lane of a topic of which the group has no offset, in a meter that was opened long ago."""
    lane: Any = own_lane(asker, tp, None)
    lane.topic, lane.topic_id, lane.held = tp.topic, "", []
    lane.intake.facts = SimpleNamespace(opening=SimpleNamespace(opened_ms=0))
    lane.checks = SimpleNamespace(topic_id=lambda _: "id", refusal=lambda _: None)
    return lane


EXPIRED = PartitionStatus(None, "", 7, 9)


def test_a_topic_never_committed_that_is_denied_is_set_aside_once_its_first_records_are_gone() -> None:
    async def story() -> None:
        lane = never_committed(Asker(), DENIED)
        with pytest.raises(SetAside, match="does not let us read it; grant the right Read"):
            await lane._discontinued(EXPIRED)
        assert lane.beginning == 7

    run(story)


def test_a_first_record_that_nobody_can_read_says_nothing_of_when_the_log_began() -> None:
    async def story() -> None:
        class Spoiled(Asker):
            async def getmany(self, *tps: Any, **_: Any) -> dict[Any, Any]:
                raise UnreadableRecord(TopicPartition(*ONE), 7, CorruptRecordException())

        lane = never_committed(Spoiled(), ONE)
        why = await lane._discontinued(EXPIRED)
        assert why.reason is Reason.GONE
        assert "records 0 to 6 are gone" in why and "`meter skip usage.a 0 7` accepts" in why
        lane.intake.facts.opening.opened_ms = 1 << 60
        assert await lane._discontinued(EXPIRED) is None, "a new meter reads it, and says which record it is"

    run(story)


#: As Kafka answers for the end of a partition, and as aiokafka tells what it answers for the group's offset of it.
HIDDEN = [TopicAuthorizationFailedError(DENIED.topic), KafkaError(repr(TopicAuthorizationFailedError()))]


@pytest.mark.parametrize("error", HIDDEN)
def test_a_topic_whose_offsets_are_hidden_is_set_aside_when_it_reopens(error: KafkaError) -> None:
    async def story() -> None:
        async def committed(_: Any) -> Any:
            raise error

        lane: Any = own_lane(Asker(), DENIED, None)
        lane.start, lane._opened, lane.app = None, False, SimpleNamespace(consumer=SimpleNamespace(committed=committed))
        with pytest.raises(SetAside, match="does not show us its offsets; grant the right Describe") as aside:
            await lane.asked()
        assert reason_of(aside.value.why) is Reason.DENIED

    run(story)


@pytest.mark.parametrize("kind", [SourceLane, WorkspaceTopicLane])
def test_every_lane_that_opens_renews_what_is_uncertain_before_it_reads(kind: type[SourceLane]) -> None:
    async def story() -> None:
        mended: list[bool] = []

        async def mend() -> None:
            mended.append(True)
            raise Reopen("a new producer did not start")

        lane: Any = kind.__new__(kind)
        lane.intake = SimpleNamespace(mend=mend)
        with pytest.raises(Reopen):
            await lane.open()
        assert mended == [True]

    run(story)
