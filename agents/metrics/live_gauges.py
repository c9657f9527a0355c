"""The gauges that say what is now: shown whenever `/metrics` is asked for, and looked at once a second in between."""

import asyncio
from math import nan

from agents.metrics.behind import Behind
from agents.metrics.metrics import SHARED_TOPICS, WORKSPACE_TOPICS, Metrics
from agents.readiness import Readiness
from agents.workspace_topics.discovery import WorkspaceTopics
from meter.batch.faust_app import ChunkApp
from meter.batch.lanes import Lane

#: How often what passes is looked at: a partition with nothing left, of which nobody asks at that moment.
LOOK_SECONDS = 1.0


class LiveGauges:
    """One worker's; the parts of its roles are set as they start."""

    def __init__(self, metrics: Metrics, readiness: Readiness, topic_prefix: str) -> None:
        self._metrics, self._readiness, self._prefix = metrics, readiness, topic_prefix
        self._journal, self._shared, self._workspace_topics = Behind(), Behind(), Behind()
        self.journal_app: ChunkApp | None = None
        self.intake_app: ChunkApp | None = None
        self.workspace_topics: WorkspaceTopics | None = None

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            await asyncio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Set every gauge to what is now."""
        self._metrics.ready.set(self._readiness.ready())
        ages = []
        if self.journal_app is not None:
            self._look_at_journal(self.journal_app)
            ages.append(self._journal.seconds)
        if self.intake_app is not None and self.workspace_topics is not None:
            self._look_at_sources(self.intake_app, self.workspace_topics)
            ages += [self._shared.seconds, self._workspace_topics.seconds]
        unknown = not ages or any(age != age for age in ages)
        self._metrics.freshness_seconds.set(nan if unknown else max(ages))

    def _look_at_journal(self, app: ChunkApp) -> None:
        lanes = app.tables.lanes()
        _look(self._journal, lanes, app)
        self._metrics.journal_lag.set(self._journal.records)
        self._metrics.partitions.set(len(lanes))

    def _look_at_sources(self, app: ChunkApp, own: WorkspaceTopics) -> None:
        metrics, lanes = self._metrics, app.tables.lanes()
        _look(self._shared, lanes, app)
        _look(self._workspace_topics, [*own.read_lanes()], own.app)
        metrics.source_lag.set(self._shared.records + self._workspace_topics.records + own.board.unread)
        for topic in SHARED_TOPICS:
            name = self._prefix + topic
            metrics.source_partitions.labels(topic).set(app.consumer.topic_partitions(name) or nan)
            assigned = sum(lane.tp.topic == name for lane in lanes)
            metrics.source_partitions_assigned.labels(topic).set(assigned)
        metrics.source_partitions_assigned.labels(WORKSPACE_TOPICS).set(len(own.runners))


def _look(behind: Behind, lanes: list[Lane], app: ChunkApp) -> None:
    behind.look(lanes, member=app.tables.member(), joined=app.tables.joined)
