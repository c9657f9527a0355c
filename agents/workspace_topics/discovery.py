"""Workspace topics (`usage.<workspace>`): found while the worker runs, and distributed among workers.

A consumer group of its own distributes them, but not topic by topic: its members share the journal's partition numbers,
and a workspace topic belongs to number murmur2(workspace) mod N. So a new or deleted topic causes no rebalance: its
owner finds it in the cluster's metadata every `LOOK_SECONDS`. Offsets are committed in that group.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from faust.types import TP

from agents.intake.app import COMMIT_SECONDS
from agents.intake.intake import Intake
from agents.intake.marks import Mark
from agents.intake.resume import PartitionStatus
from agents.workspace_topics.app import workspace_topics_app
from agents.workspace_topics.checks import WorkspaceTopicChecks
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.reader import WorkspaceTopicReader
from agents.workspace_topics.rights import ShareNotes, denied, hidden, not_shown
from agents.workspace_topics.set_aside import AsideBoard, some
from meter.batch.chunks import Chunk
from meter.batch.lanes import Reopen, Runner, SetAside
from meter.batch.read_errors import read_error
from meter.batch.stopping import stopped
from meter.failpoints import reach
from meter.kafka.set_aside import NotRead, Reason, not_followed, reason_of
from meter.kafka.topics import followed

log = logging.getLogger(__name__)

#: How often the cluster's topics are listed: a new one is found well within SPEC's 10 s.
LOOK_SECONDS = 2.0
#: A request about many topics may take this long; after that the next look tries again.
ASK_SECONDS = 15.0
#: How often a topic that is set aside is tried again: its right may have been granted.
TRY_AGAIN_SECONDS = 60.0
OPENING_SECONDS = 0.1


class WorkspaceTopics:
    """All workspace topics of this worker; it is the `app` of their lanes."""

    def __init__(self, intake: Intake) -> None:
        self.intake = intake
        self.runners: dict[TP, Runner] = {}
        self.app = workspace_topics_app(intake, self.take, self.let_go)
        self.consumer = WorkspaceTopicReader(self.app, self._offer, lambda error: read_error(error, self.runners))
        self._asker = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none", **intake.kwargs
        )
        self._slots: dict[int, asyncio.Event] = {}
        self._look_now = asyncio.Event()
        #: Held while runners change: the partitions followed and the runners must be the same.
        self._changing = asyncio.Lock()
        self.checks = WorkspaceTopicChecks(intake.settings)
        self._notes = ShareNotes(intake.topics.journal)
        self.board = AsideBoard(intake.metrics, intake.topics, self._asker)
        #: Topics of this worker's share that nobody reads (beyond METER_OWN_TOPICS_MAX).
        self._not_followed: list[NotRead] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._asker.start()
        await self.checks.start()
        await self.consumer.start_reading()
        assert self.consumer.reading is not None
        self._tasks = [asyncio.create_task(self._looking()), asyncio.create_task(self._committing())]
        for task in (*self._tasks, self.consumer.reading):
            task.add_done_callback(self._ended)
        await self.app.start()

    async def stop(self) -> None:
        await self.app.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._leave(self.runners)
        await self.consumer.stop_reading()
        await stopped(self._asker)
        await self.checks.stop()

    def _ended(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.app.fail(error)

    async def stop_with(self, error: BaseException) -> None:
        """A lane failed for another reason than its topic."""
        self.app.fail(error)

    # The shares of this worker

    async def take(self, slot: int) -> None:
        """The group assigned a number: done when all its topics are read or set aside."""
        taken = self._slots.setdefault(slot, asyncio.Event())
        self._look_now.set()
        await taken.wait()
        while not all(runner.reading or runner.aside for runner in self._of(slot)):
            await asyncio.sleep(OPENING_SECONDS)

    async def let_go(self, slot: int) -> None:
        """The group took a number away: stop reading its topics."""
        self._slots.pop(slot, None)
        await self._leave([runner.lane.tp for runner in self._of(slot)])

    def _of(self, slot: int) -> list[Runner]:
        return [runner for tp, runner in self.runners.items() if self._slot(tp.topic) == slot]

    def _slot(self, topic: str) -> int:
        return self.intake.directory.partition_of(topic.removeprefix(self.intake.topics.own_prefix))

    # Looking

    async def _looking(self) -> None:
        while True:
            slots = list(self._slots.values())
            try:
                await self._look()
                for taken in slots:
                    taken.set()
            except (KafkaError, TimeoutError, Reopen) as error:
                log.warning("workspace topics: the cluster could not be asked (%r); looking again", error)
            self._look_now.clear()
            await asyncio.wait({asyncio.ensure_future(self._look_now.wait())}, timeout=LOOK_SECONDS)

    async def _look(self) -> None:
        """1 list, 2 leave what is not ours, 3 check some of the rest, 4 begin new ones, 5 retry those set aside."""
        found = await asyncio.wait_for(self._topics(), ASK_SECONDS)  # 1
        ours = {tp for tp in found if self._slot(tp.topic) in self._slots}
        gone = await self._set_aside_hidden([tp for tp in self.runners if tp not in ours])
        if gone:  # 2
            log.info(
                "workspace topics: stopped reading %d partitions (deleted or reassigned): %s", len(gone), some(gone)
            )
        await self._leave(gone)
        new = ours - self.runners.keys()
        known = sorted({tp.topic for tp in ours - new})
        await asyncio.wait_for(
            self.checks.learn([*self.checks.due(known), *sorted({tp.topic for tp in new})]), ASK_SECONDS
        )  # 3
        self._stop_what_may_not_go_on()
        if new:  # 4
            log.info("workspace topics: %d new partitions: %s", len(new), some(new))
            await self._begin(new)
        aside = [runner for runner in self.runners.values() if runner.aside]
        if aside:  # 5
            await self.intake.control.catch_up()
        again = [runner.lane.tp for runner in aside if runner.lane.tp in ours and self._may_go_on(runner)]
        if again:
            await self._leave(again)
            await self._begin(again)
        await asyncio.wait_for(self.board.look(self.runners, self._not_followed), ASK_SECONDS)

    async def _set_aside_hidden(self, gone: list[TP]) -> list[TP]:
        """Those that are really gone, or another's; the rest exists, and Kafka does not show it to us."""
        share = {tp.topic for tp in gone if self._slot(tp.topic) in self._slots}
        names = await asyncio.wait_for(hidden(self._asker._client, share), ASK_SECONDS)
        for tp in gone:
            if tp.topic in names and not self.runners[tp].aside:
                self.runners[tp].doubt(SetAside(not_shown(tp.topic)))
        return [tp for tp in gone if tp.topic not in names]

    def _stop_what_may_not_go_on(self) -> None:
        """What was read before counts; then the lane sets itself aside, or learns that the topic is another."""
        for tp, runner in self.runners.items():
            lane: Any = runner.lane
            refused, topic_id = self.checks.refusal(tp.topic), self.checks.topic_id(tp.topic)
            if runner.aside or not runner.reading:
                continue
            if refused is not None:
                runner.doubt(SetAside(refused))
            elif lane.topic_id and topic_id != lane.topic_id:
                runner.doubt(Reopen("another topic has its name now"))

    async def _topics(self) -> set[TP]:
        """The partitions of workspace topics that have a leader; beyond METER_OWN_TOPICS_MAX the first by name."""
        cluster = await self._asker._client.fetch_all_metadata()
        topics, limit = self.intake.topics, self.intake.settings.own_topics_max
        names, _ = followed(topics, cluster.topics(), limit)
        nobodys = not_followed(topics, cluster.topics(), limit)
        self._not_followed = [each for each in nobodys if self._slot(topics.prefix + each.topic) in self._slots]
        partitions = {name: cluster.partitions_for_topic(name) or set() for name in names}
        tps = {TP(name, partition) for name, numbers in partitions.items() for partition in numbers}
        return {tp for tp in tps if (cluster.leader_for_partition(TopicPartition(*tp)) or 0) >= 0}

    def _may_go_on(self, runner: Runner) -> bool:
        lane: Any = runner.lane
        now = asyncio.get_running_loop().time()
        lane.aside_at = lane.aside_at or now
        if self.checks.refusal(lane.tp.topic) is not None:
            return False
        if reason_of(runner.why) is Reason.COMPACTED:  # that was mended
            return True
        at, mark = lane.aside_commit()
        skip = self.intake.control.skip_for(lane.topic, lane.tp.partition, at, mark)
        return skip is not None or now - lane.aside_at > TRY_AGAIN_SECONDS

    # Beginning and leaving

    async def _begin(self, tps: Iterable[TP]) -> None:
        """Ask for the commits and offsets of all at once, follow them, and start their lanes."""
        async with self._changing:
            ours = sorted(tp for tp in tps if self._slot(tp.topic) in self._slots)
            lanes = [self._lane(tp) for tp in ours]
            starts = await asyncio.wait_for(self._starts(ours), ASK_SECONDS)
            marks = {tp: Mark.read(start.metadata) for tp, start in starts.items()}
            found = await self.intake.marks_at(
                {
                    tp: mark
                    for tp, mark in marks.items()
                    if mark and starts[tp].beginning <= mark.offset < starts[tp].end
                }
            )
            await self.consumer.follow([*self._followed(), *ours])
            reach("own-topics.followed")
            for lane in lanes:
                lane.start, lane.found = starts[lane.tp], found.get(lane.tp)
                self.runners[lane.tp] = Runner(lane)

    def _lane(self, tp: TP) -> WorkspaceTopicLane:
        workspace = self.intake.topics.workspace_of(tp.topic) or ""
        return WorkspaceTopicLane(self, tp, workspace, self.intake, self.checks)

    def _followed(self) -> list[TP]:
        return [tp for tp, runner in self.runners.items() if not runner.aside]

    async def _starts(self, tps: list[TP]) -> Mapping[TP, PartitionStatus]:
        wanted = [TopicPartition(*tp) for tp in tps]
        # The client knows the leaders only of topics that it was given.
        await self._asker._client.set_topics([tp.topic for tp in tps])
        committed = await self.consumer.committed(tps)
        beginnings = await self._asker.beginning_offsets(wanted)
        ends = await self._asker.end_offsets(wanted)
        starts = {}
        for tp, kafka_tp in zip(tps, wanted, strict=True):
            at = committed.get(tp)
            offset, metadata = (None, "") if at is None else (at.offset, at.metadata)
            starts[tp] = PartitionStatus(offset, metadata, beginnings[kafka_tp], ends[kafka_tp])
        return starts

    async def _leave(self, tps: Iterable[TP]) -> None:
        async with self._changing:
            leaving = [self.runners.pop(tp) for tp in list(tps) if tp in self.runners]
            await asyncio.gather(*(runner.leave() for runner in leaving))
            if leaving and self.consumer.reading is not None and not self.consumer.reading.done():
                await self.consumer.follow(self._followed())

    def _offer(self, chunk: Chunk) -> None:
        runner = self.runners.get(chunk.tp)
        if runner is not None:
            runner.offer(chunk)

    # Committing

    async def _committing(self) -> None:
        while True:
            await asyncio.sleep(COMMIT_SECONDS)
            offsets, lanes = {}, {tp: runner.lane for tp, runner in self.runners.items()}
            for tp, runner in self.runners.items():
                moved = self._moved(runner)
                if moved is not None:
                    offsets[tp] = moved
            offsets |= self._notes.due(self._slots, denied(self.runners, self.intake.topics.bare, self._slot))
            if offsets and self.app.tables.joined and await self.consumer.commit_offsets(offsets):
                reach("own-topics.committed")
                for tp, (offset, text) in offsets.items():
                    if self._notes.committed(tp, text):
                        continue
                    lane: Any = lanes[tp]
                    lane.note_commit(offset)
                    lane.committed_text = text

    def _moved(self, runner: Runner) -> tuple[int, str] | None:
        lane: Any = runner.lane
        if runner.aside:
            aside: tuple[int, str] = lane.aside_commit(runner.why)
            return None if lane.committed_text == aside[1] else aside
        if not runner.reading:
            return None
        if self.consumer.idle(lane.tp):
            lane.idle_at(self.consumer.position(lane.tp))
        moved: tuple[int, str] | None = lane.progress()
        return moved

    def read_lanes(self) -> list[WorkspaceTopicLane]:
        """The lanes of the partitions being read: all but those set aside."""
        found: list[Any] = [runner.lane for runner in self.runners.values() if not runner.aside]
        return found

    def lanes(self) -> list[WorkspaceTopicLane]:
        """The lanes of the partitions of this worker's share."""
        found: list[Any] = [runner.lane for runner in self.runners.values()]
        return found
