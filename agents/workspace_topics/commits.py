"""Commits the offsets of workspace topics: of those that moved, the less often the more there are.

Also before a rebalance and at a stop, with reading halted: the next owner then reads nothing again, and buries nothing
twice.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from faust.types import TP

from agents.intake.app import COMMIT_SECONDS
from agents.intake.intake import Intake
from agents.workspace_topics.reader import WorkspaceTopicReader
from agents.workspace_topics.rights import ShareNotes, denied
from meter.batch.lane_manager import DRAIN_SECONDS
from meter.batch.lanes import Runner
from meter.batch.stopping import spared
from meter.failpoints import reach

log = logging.getLogger(__name__)

#: An offset costs 30 µs here and as much in the broker. So the wait after a commit grows with its offsets, up to here;
#: what was not committed when a worker is killed is read again, and known by its identities.
SECONDS_AN_OFFSET, LONGEST_SECONDS = 0.0005, 2.0


class Share(Protocol):
    """The workspace topics of a worker, as far as their commits need them; `slot`: the number of a topic's share."""

    intake: Intake
    app: Any
    consumer: WorkspaceTopicReader
    runners: dict[TP, Runner]

    @property
    def slots(self) -> Mapping[int, object]: ...
    def slot(self, topic: str) -> int: ...


class Commits:
    """What the group was told of this worker's workspace topics."""

    def __init__(self, topics: Share) -> None:
        self._topics = topics
        self._notes = ShareNotes(topics.intake.topics.journal)
        #: Partitions whose offset may have to be committed: the others stand where they stood.
        self._pending: set[TP] = set()

    async def run(self) -> None:
        """Commit again and again."""
        offsets = 0
        while True:
            await asyncio.sleep(min(LONGEST_SECONDS, max(COMMIT_SECONDS, offsets * SECONDS_AN_OFFSET)))
            try:
                offsets = await spared(self._commit())
            except TimeoutError as error:
                log.info("offsets of workspace topics not committed (%r); they are committed later", error)

    def began(self, tps: Iterable[TP]) -> None:
        """These partitions have lanes now."""
        self._pending.update(tps)

    async def finish(self) -> None:
        """Halt reading, let the chunks under way be handled, and commit; all within DRAIN_SECONDS."""
        topics, until = self._topics, time.monotonic() + DRAIN_SECONDS / 2
        for tp in topics.runners:
            topics.consumer.halt(tp)
        while time.monotonic() < until and any(each.busy and not each.lane.waits for each in topics.runners.values()):
            await asyncio.sleep(0.02)
        try:
            await asyncio.wait_for(spared(self._commit()), DRAIN_SECONDS / 2)
        except TimeoutError:
            log.info("workspace topics: not all offsets were committed in time; their records are read again")

    async def _commit(self) -> int:
        topics, offsets = self._topics, {}
        self._pending |= topics.consumer.moved()
        self._pending |= {tp for tp, runner in topics.runners.items() if runner.aside}
        lanes: dict[TP, Any] = {tp: topics.runners[tp].lane for tp in self._pending if tp in topics.runners}
        for tp in lanes:
            moved = self._moved(topics.runners[tp])
            if moved is not None:
                offsets[tp] = moved
        offsets |= self._notes.due(topics.slots, denied(topics.runners, topics.intake.topics.bare, topics.slot))
        if offsets and self._member() and await topics.consumer.commit_offsets(offsets):
            reach("own-topics.committed")
            for tp, (offset, text) in offsets.items():
                if not self._notes.committed(tp, text):
                    lanes[tp].note_commit(offset)
                    lanes[tp].committed_text = text
        self._pending = {tp for tp, lane in lanes.items() if not self._at_rest(tp, lane)}
        return len(offsets)

    def _member(self) -> bool:
        """Whether the group takes commits: joined, or about to join again."""
        app = self._topics.app
        return bool(app.tables.joined or app.consumer.revoking)

    def _at_rest(self, tp: TP, lane: Any) -> bool:
        """Whether all that was read of a partition is committed; only what is read next can move it."""
        return self._topics.consumer.idle(tp) and lane.opened and not lane.holding and lane.progress() is None

    def _moved(self, runner: Runner) -> tuple[int, str] | None:
        lane: Any = runner.lane
        if runner.aside:
            aside: tuple[int, str] = lane.aside_commit(runner.why)
            return None if lane.committed_text == aside[1] else aside
        if not runner.reading:
            return None
        consumer = self._topics.consumer
        if consumer.idle(lane.tp):
            lane.idle_at(consumer.position(lane.tp))
        moved: tuple[int, str] | None = lane.progress()
        return moved
