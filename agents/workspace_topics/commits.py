"""Commits the offsets of workspace topics: of those that moved, the less often the more there are."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from faust.types import TP

from agents.intake.app import COMMIT_SECONDS
from agents.intake.intake import Intake
from agents.workspace_topics.reader import WorkspaceTopicReader
from agents.workspace_topics.rights import ShareNotes, denied
from meter.batch.lanes import Runner
from meter.failpoints import reach

#: An offset costs 30 µs here and as much in the broker. So the wait after a commit grows with its offsets, up to here;
#: what was not committed when a worker ends is read again, and known by its identities.
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
            offsets = await self._commit()

    def began(self, tps: Iterable[TP]) -> None:
        """These partitions have lanes now."""
        self._pending.update(tps)

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
        if offsets and topics.app.tables.joined and await topics.consumer.commit_offsets(offsets):
            reach("own-topics.committed")
            for tp, (offset, text) in offsets.items():
                if not self._notes.committed(tp, text):
                    lanes[tp].note_commit(offset)
                    lanes[tp].committed_text = text
        self._pending = {tp for tp, lane in lanes.items() if not self._at_rest(tp, lane)}
        return len(offsets)

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
