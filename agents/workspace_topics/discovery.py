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

from agents.intake.intake import Intake
from agents.intake.marks import Mark
from agents.intake.resume import PartitionStatus
from agents.workspace_topics.app import workspace_topics_app
from agents.workspace_topics.checks import WorkspaceTopicChecks
from agents.workspace_topics.commits import Commits
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.reader import WorkspaceTopicReader
from agents.workspace_topics.rights import hidden, not_shown
from agents.workspace_topics.set_aside import AsideBoard, some
from agents.workspace_topics.together import Together
from meter.batch.chunks import Chunk
from meter.batch.lanes import Reopen, Runner, SetAside
from meter.batch.read_errors import read_error
from meter.batch.stopping import ended, spared, stopped
from meter.batch.waits import woken
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
        self.app = workspace_topics_app(intake, self)
        self._asker = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none", **intake.kwargs
        )
        self.consumer = WorkspaceTopicReader(
            self.app,
            self._asker._client,
            self._topic_id,
            self._offer,
            lambda error: read_error(error, self.runners),
        )
        #: The numbers that the group gave this worker; set once their topics are known.
        self.slots: dict[int, asyncio.Event] = {}
        #: Numbers of topics, each a hash in Python: they are asked for again and again.
        self._slot_of: dict[str, int] = {}
        self._look_now = asyncio.Event()
        #: Held while runners change: the partitions followed and the runners must be the same.
        self._changing = asyncio.Lock()
        self.checks = WorkspaceTopicChecks(intake.settings)
        self._together = Together(intake)
        self._commits = Commits(self)
        self.app.commit_progress = self._commits.finish  # before a rebalance, as for the shared topics
        self.board = AsideBoard(intake.metrics, intake.topics, self._asker)
        #: Topics of this worker's share that nobody reads (beyond METER_OWN_TOPICS_MAX).
        self._not_followed: list[NotRead] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        await self._asker.start()
        await self.checks.start()
        self._tasks = [asyncio.create_task(self._looking()), asyncio.create_task(self._commits.run())]
        for task in (*self._tasks, self.consumer.failed):
            task.add_done_callback(self._ended)
        await self.app.start()

    async def stop(self) -> None:
        await ended(*self._tasks)
        await self._commits.finish()  # before the group is left
        await self.app.stop()
        await self._leave(self.runners)
        await self.consumer.close()
        await stopped(self._asker)
        await self.checks.stop()

    def _ended(self, task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.app.fail(error)

    async def stop_with(self, error: BaseException) -> None:
        """A lane failed for another reason than its topic."""
        self.app.fail(error)

    # The shares of this worker

    async def take(self, slot: int) -> None:
        """The group assigned a number: done when all its topics are read or set aside."""
        taken = self.slots.setdefault(slot, asyncio.Event())
        self._look_now.set()
        await taken.wait()
        while not all(runner.reading or runner.aside for runner in self._of(slot)):
            await asyncio.sleep(OPENING_SECONDS)

    async def let_go(self, slot: int) -> None:
        """The group took a number away: stop reading its topics."""
        self.slots.pop(slot, None)
        await self._leave([runner.lane.tp for runner in self._of(slot)])

    def read_on(self, slot: int) -> None:
        """A rebalance left the number here: its topics, halted before it, are read on."""
        for runner in self._of(slot):
            runner.rejoin()

    def _of(self, slot: int) -> list[Runner]:
        return [runner for tp, runner in self.runners.items() if self.slot(tp.topic) == slot]

    def slot(self, topic: str) -> int:
        """The number of the share to which a topic belongs."""
        number = self._slot_of.get(topic)
        if number is None:
            if len(self._slot_of) > 2 * self.intake.settings.own_topics_max:
                self._slot_of.clear()
            workspace = topic.removeprefix(self.intake.topics.own_prefix)
            number = self._slot_of[topic] = self.intake.directory.partition_of(workspace)
        return number

    # Looking

    async def _looking(self) -> None:
        while True:
            slots = list(self.slots.values())
            try:
                await spared(self._look())
                for taken in slots:
                    taken.set()
            except (KafkaError, TimeoutError, Reopen) as error:
                log.warning("workspace topics: the cluster could not be asked (%r); looking again", error)
            self._look_now.clear()
            await woken(self._look_now, LOOK_SECONDS)

    async def _look(self) -> None:
        """1 list, 2 leave what is not ours, 3 check some of the rest, 4 begin new ones, 5 retry those set aside."""
        found = await asyncio.wait_for(self._topics(), ASK_SECONDS)  # 1
        ours = {tp for tp in found if self.slot(tp.topic) in self.slots}
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
        self.consumer.place(found)
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
        share = {tp.topic for tp in gone if self.slot(tp.topic) in self.slots}
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
            elif lane.topic_id and topic_id and topic_id != lane.topic_id:
                runner.doubt(Reopen("another topic has its name now"))

    async def _topics(self) -> dict[TP, int]:
        """Partitions of workspace topics and their leaders, if any; beyond METER_OWN_TOPICS_MAX the first by name."""
        cluster = await self._asker._client.fetch_all_metadata()
        topics, limit = self.intake.topics, self.intake.settings.own_topics_max
        names, _ = followed(topics, cluster.topics(), limit)
        nobodys = not_followed(topics, cluster.topics(), limit)
        self._not_followed = [each for each in nobodys if self.slot(topics.prefix + each.topic) in self.slots]
        tps = [TP(name, partition) for name in names for partition in cluster.partitions_for_topic(name) or ()]
        leaders = {tp: cluster.leader_for_partition(TopicPartition(*tp)) for tp in tps}
        return {tp: leader for tp, leader in leaders.items() if leader is not None and leader >= 0}

    def _topic_id(self, tp: TP) -> str:
        """Kafka's id of the topic that is to be read: the one its lane looked at, if it did."""
        runner = self.runners.get(tp)
        lane: Any = None if runner is None else runner.lane
        return str(lane.topic_id if lane is not None and lane.topic_id else self.checks.topic_id(tp.topic))

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
        """Ask for commits and offsets of all whose ids are known, at once; follow them, and start their lanes."""
        async with self._changing:
            shares = dict(self.slots)
            asked = sorted(tp for tp in tps if self.slot(tp.topic) in shares and self.checks.known(tp.topic))
            starts = await asyncio.wait_for(self._starts(asked), ASK_SECONDS)
            marks = {tp: Mark.read(start.metadata) for tp, start in starts.items()}
            found = await self.intake.marks_at(
                {
                    tp: mark
                    for tp, mark in marks.items()
                    if mark and starts[tp].beginning <= mark.offset < starts[tp].end
                }
            )
            # Not a share that was given away meanwhile, even if it came back: its other owner may have read on.
            ours = [tp for tp in asked if self.slots.get(self.slot(tp.topic)) is shares[self.slot(tp.topic)]]
            self.consumer.follow([*self._followed(), *ours])
            reach("own-topics.followed")
            for tp in ours:
                self.runners[tp] = Runner(self._lane(tp, starts[tp], found.get(tp)))
            self._commits.began(ours)

    def _lane(self, tp: TP, start: PartitionStatus, found: Mark | None) -> WorkspaceTopicLane:
        workspace = self.intake.topics.workspace_of(tp.topic) or ""
        lane = WorkspaceTopicLane(self, tp, workspace, self.intake, self.checks)
        lane.together, lane.start, lane.found = self._together, start, found
        return lane

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
            if leaving:
                self.consumer.follow(self._followed())

    def _offer(self, chunk: Chunk) -> None:
        runner = self.runners.get(chunk.tp)
        if runner is not None:
            self._together.offer(runner, chunk)

    def read_lanes(self) -> list[WorkspaceTopicLane]:
        """The lanes of the partitions being read: all but those set aside."""
        found: list[Any] = [runner.lane for runner in self.runners.values() if not runner.aside]
        return found

    def lanes(self) -> list[WorkspaceTopicLane]:
        """The lanes of the partitions of this worker's share."""
        found: list[Any] = [runner.lane for runner in self.runners.values()]
        return found
