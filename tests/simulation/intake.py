"""Intake workers: the real lanes read and pack, the journal is written group by group, and anything may come between.

A worker reads a chunk of a source partition only when the last one is handled (the real `SourceLane` does, too). What
it has read waits in line for each journal partition, in order; a crash loses the line and the offsets not yet
committed, a zombie still writes its line when another has begun anew.
"""

from collections import deque
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from agents.intake.catalog_follower import KnownCatalog
from agents.intake.journal_entries import Builder, pack
from agents.intake.journal_writer import next_record
from agents.intake.orders_lane import OrdersLane
from agents.intake.source_lane import SourceLane
from agents.intake.usage_lane import UsageLane
from agents.intake.usage_reader import UsageReader
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_directory import WorkspaceDirectory
from agents.intake.workspaces_lane import WorkspacesLane
from meter.batch.chunks import Chunk
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from schemas.dead_letters import DeadLetter
from tests.simulation.kafka import Cluster
from tests.simulation.steps import at_once

GROUP = "intake"


class KnownHomes(WorkspaceDirectory):
    """The real map of workspaces, read from the simulated log."""

    def __init__(self, cluster: Cluster, facts: JournalFacts) -> None:
        super().__init__("workspaces", facts.zone, facts.opening.partitions, {})
        self.log = cluster.log("workspaces", 0)

    async def catch_up(self, *, within: float = 0.0) -> int:
        if self.read_to < len(self.log.records):
            self.learn(self.log.records[self.read_to :])
        self.read_to = len(self.log.records)
        return self.read_to


class NoMetrics:
    """Counts nothing: what the intake counts is repeated after a crash."""

    def count(self, kind: str, outcome: str, records: int = 1) -> None: ...
    def dead(self, reason: str, records: int = 1) -> None: ...


class Work:
    """A chunk that is being handled: done when everything of it is written."""

    def __init__(self, tp: TP, end: int) -> None:
        self.tp = tp
        self.end = end
        self.waiting = 0


class IntakeWorker:
    """One process: what it knows, what it has read, what it has not written yet."""

    def __init__(self, cluster: Cluster, facts: JournalFacts) -> None:
        self.cluster = cluster
        self.facts = facts
        self.topics = Topics.of("")
        self.topic_ids: dict[str, str] = {}
        self.metrics = NoMetrics()
        self.reader = UsageReader(facts.catalog, facts.zone, facts.opening.restatement_horizon_days)
        self.directory = KnownHomes(cluster, facts)
        self.validation_cache = ValidationCache()
        self.catalog = KnownCatalog()
        self.writers = [SimpleNamespace(add=self._adder(number)) for number in range(facts.opening.partitions)]
        self.lines: list[deque[tuple[Builder, Work]]] = [deque() for _ in self.writers]
        self.lanes: dict[TP, SourceLane] = {}
        self.under_way: dict[TP, Work] = {}
        self.done: dict[TP, int] = {}
        self._work: Work | None = None
        at_once(self.directory.catch_up())

    def _adder(self, partition: int) -> Any:
        def add(builder: Builder) -> None:
            assert self._work is not None
            self._work.waiting += 1
            self.lines[partition].append((builder, self._work))

        return add

    async def bury(self, letter: DeadLetter) -> None:
        """Awaited before the chunk counts as handled: here it is at once in the log."""
        key = letter.record_key().encode()
        self.cluster.log("dead-letters", 0).append(key, letter.json_bytes())

    def lane(self, tp: TP) -> SourceLane:
        lane = self.lanes.get(tp)
        if lane is None:
            kinds: dict[str, type[SourceLane]] = {"workspaces": WorkspacesLane, "plan-purchases": OrdersLane}
            kind = kinds.get(tp.topic) or (_own(tp.topic) if tp.topic.startswith("usage.") else UsageLane)
            lane = self.lanes[tp] = kind(None, tp, self)  # type: ignore[arg-type]
        return lane

    def position(self, tp: TP, committed: int) -> int:
        return self.done.get(tp, committed)

    def read(self, tp: TP, start: int, end: int) -> None:
        """Read records of one partition into the lines."""
        self._work = self.under_way[tp] = Work(tp, end)
        records = self.cluster.log(*tp).records[start:end]
        at_once(self.lane(tp).read(Chunk(tp, records, end, 0), []))
        self._settle(self._work)

    def write(self, partition: int, most: int, now_ms: int, unheard: bool) -> None:
        """Write one journal record, of what stands first in the line; `unheard`: its acknowledgement is lost."""
        line = self.lines[partition]
        first = deque(line.popleft() for _ in range(min(most, len(line))))
        builders, done = next_record(first)
        line.extendleft(reversed(first))
        for value in pack(builders):
            self.cluster.log("meter.journal", partition).append(None, value, now_ms)
        if unheard:  # whatever waits is not written, its lanes read it again (`JournalWriter.fail`)
            self.forget()
            return
        for work in done:
            work.waiting -= 1
            self._settle(work)

    def forget(self) -> None:
        """Drop what is not done: it is read again from where it was committed."""
        for line in self.lines:
            line.clear()
        self.under_way.clear()

    def _settle(self, work: Work) -> None:
        if work.waiting == 0:
            self.done[work.tp] = work.end
            self.under_way.pop(work.tp, None)


def _own(topic: str) -> type[UsageLane]:
    return type("WorkspaceTopicLane", (UsageLane,), {"own": topic.removeprefix("usage.")})
