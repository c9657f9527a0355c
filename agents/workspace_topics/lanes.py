"""Lanes of workspace topics: like those of `usage`, but a topic that cannot go on is set aside by itself."""

from typing import Any, Protocol

from faust.types import TP

from agents.intake.held import HELD_OF_ONE_WORKSPACE
from agents.intake.intake import Intake
from agents.intake.marks import Mark, metadata
from agents.intake.resume import PartitionStatus
from agents.intake.usage_lane import UsageLane
from agents.workspace_topics.checks import WorkspaceTopicChecks
from agents.workspace_topics.together import Home, Together
from meter.batch.chunks import Chunk
from meter.batch.lanes import Lane, SetAside
from meter.failpoints import reach
from meter.kafka.commit_metadata import is_aside, topic_id_of
from meter.kafka.set_aside import Reason, Why, why_text


class WorkspaceTopicLane(UsageLane):
    """A partition of a workspace topic."""

    takes_given_times = True
    holds_most = HELD_OF_ONE_WORKSPACE

    def __init__(self, app: Any, tp: TP, workspace: str, intake: Intake, checks: WorkspaceTopicChecks) -> None:
        self.own = workspace
        #: Packs small chunks with those of other topics, and what it has to know of the workspace for that.
        self.together: Together | None = None
        self.home: Home | None = None
        #: The chunk that was last left to this lane: it is not tried again.
        self.left: Chunk | None = None
        super().__init__(app, tp, intake)
        self.checks = checks
        #: For the first opening only, asked for many lanes at once: the partition's status, and the mark found there.
        self.start: PartitionStatus | None = None
        self.found: Mark | None = None
        #: Kafka's id of the topic that was read; while set aside, the name may belong to another topic now.
        self.read_id = ""
        #: The log's first offset, if nothing was read yet.
        self.beginning = 0
        #: While set aside: since when (0.0: just now), and the metadata last committed.
        self.aside_at = 0.0
        self.committed_text = ""

    async def open(self) -> int:
        offset = await super().open()
        self.read_id = self.topic_id
        return offset

    async def handle(self, chunk: Chunk) -> None:
        """First wait until the workspace's account can be known: every record of the topic needs it."""
        assert self.own is not None, "it is a workspace's topic"
        if await self._packed(chunk):
            return
        directory = self.intake.directory
        end = directory.read_to if directory.known(self.own) is not None else await directory.catch_up()
        while directory.known(self.own) is None and directory.read_to < end:
            await self.wait_for_workspaces()
        await super().handle(chunk)

    async def _packed(self, chunk: Chunk) -> bool:
        """Whether the chunk was small and plain enough to be packed with those of other topics, and is written."""
        left, self.left = self.left, None
        if self.together is None or self.holding or chunk is left:
            return False
        packed = self.together.add(self, chunk)
        if packed is None:
            return False
        if await packed is False:
            return False
        self.acknowledge(chunk)
        return True

    def acknowledge(self, chunk: Chunk) -> None:
        """A chunk that was packed with others is in the journal."""
        reach("own-topics.acknowledged")
        self.outcomes.begin()
        self.position, self.mark = chunk.position, Mark.of(chunk.last)
        self.handled_ms = self.received(chunk.last)

    async def asked(self) -> PartitionStatus:
        start, self.start = self.start, None
        return start if start is not None else await super().asked()

    async def marked(self, mark: Mark) -> Mark | None:
        found, self.found = self.found, None
        return found if found is not None else await super().marked(mark)

    async def _discontinued(self, start: PartitionStatus) -> str | None:
        """Also refuse by the topic's checks, and apply a `meter skip` to a topic that was set aside."""
        self.topic_id = self.checks.topic_id(self.tp.topic) or self.topic_id
        self.read_id = topic_id_of(start.metadata) or self.topic_id
        self.beginning = start.beginning if start.committed is None else 0
        refused = self.checks.refusal(self.tp.topic)
        if refused is not None:
            self.refuse(refused)
        why = await super()._discontinued(start)
        if why is None and is_aside(start.metadata):
            at = (self.topic, self.tp.partition, start.committed or 0, start.metadata)
            why = f"{self.source} was set aside" if self.intake.control.skip_for(*at) else None
        return why

    def refuse(self, why: str) -> None:
        raise SetAside(why)

    def unreadable(self, why: str) -> Exception:
        return SetAside(why if isinstance(why, Why) else Why(Reason.DENIED, why))

    def aside_commit(self, why: str = "") -> tuple[int, str]:
        """What to commit while the topic is set aside: the offset reached, and metadata that says so and why."""
        text = metadata(self.mark, aside=True, foreign=self.foreign, topic_id="" if self.foreign else self.read_id)
        return max(self.committed, self.handled_to(), self.beginning), text + why_text(why)


class Shares(Protocol):
    """Who reads the workspace topics of a share, by its number."""

    async def take(self, slot: int) -> None: ...
    async def let_go(self, slot: int) -> None: ...
    def read_on(self, slot: int) -> None: ...


class SlotLane(Lane):
    """A journal partition in the workspace topics' group: only a number of a share, never read."""

    reads = False

    def __init__(self, app: Any, tp: TP, shares: Shares) -> None:
        super().__init__(app, tp)
        self._shares = shares

    async def open(self) -> int:
        await self._shares.take(self.tp.partition)
        return 0

    def read_on(self) -> None:
        self._shares.read_on(self.tp.partition)

    async def close(self) -> None:
        await self._shares.let_go(self.tp.partition)
