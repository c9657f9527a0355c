"""The meter's consumer groups: progress per partition, members, and how long records wait."""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment
from aiokafka.errors import KafkaError

from meter.dashboard.operations_models import GroupView, PartitionView
from meter.dashboard.watch.arrivals import Arrivals
from meter.kafka.groups import group_members
from meter.kafka.topics import Topics

#: Partitions shown per group, furthest behind first.
PARTITIONS_SHOWN = 200
#: Seconds without a commit, while records wait, after which a group is stuck.
STUCK_SECONDS = 60.0


class Role(NamedTuple):
    """A group and what it does."""

    group: str
    words: str


def roles(topics: Topics) -> tuple[Role, ...]:
    """The groups of a meter."""
    return (
        Role(topics.intake_group, "takes in usage, workspaces and orders of the shared topics"),
        Role(topics.own_intake_group, "takes in usage of workspace topics"),
        Role(topics.meter_group, "folds the journal and publishes figures"),
    )


class Groups:
    """Observes the groups repeatedly."""

    def __init__(self, topics: Topics) -> None:
        self._topics = topics
        self._arrivals: dict[tuple[str, TopicPartition], Arrivals] = {}

    async def look(self, admin: AIOKafkaAdminClient, consumer: Any, now_us: int) -> list[GroupView]:
        """All groups now; raises KafkaError."""
        return [await self._group(admin, consumer, role, now_us) for role in roles(self._topics)]

    async def _group(self, admin: AIOKafkaAdminClient, consumer: Any, role: Role, now_us: int) -> GroupView:
        commits = await admin.list_consumer_group_offsets(role.group)
        state, members, owners = await self._members(admin, role.group)
        wanted = self._wanted(role, commits, owners, await self._there(admin))
        ends = await consumer.end_offsets(wanted) if wanted else {}
        views = [self._partition(role, place, commits.get(place), ends[place], owners, now_us) for place in wanted]
        waits = [view.lag_seconds for view in views if view.lag_seconds is not None]
        views.sort(key=lambda view: (-(view.lag or 0), view.topic, view.partition))
        return GroupView(
            group=role.group,
            role=role.words,
            members=members,
            state=state,
            lag=sum(view.lag or 0 for view in views),
            lag_seconds=max(waits, default=None),
            partitions=views[:PARTITIONS_SHOWN],
        )

    async def _members(
        self, admin: AIOKafkaAdminClient, group: str
    ) -> tuple[str | None, int | None, dict[TopicPartition, str]]:
        """A group's state, its number of members, and the member that reads each partition."""
        try:
            state, found = await group_members(admin, group)
        except KafkaError:
            return None, None, {}
        owners = {
            TopicPartition(topic, number): f"{member.client} at {member.host}"
            for member in found
            for topic, numbers in _assignment(member.assignment)
            for number in numbers
        }
        return state, len(found), owners

    async def _there(self, admin: AIOKafkaAdminClient) -> set[str]:
        return set(await admin.list_topics())

    def _wanted(
        self,
        role: Role,
        commits: Mapping[TopicPartition, Any],
        owners: Mapping[TopicPartition, str],
        there: set[str],
    ) -> list[TopicPartition]:
        """The partitions that a group reads, without the journal shares that represent workspace topics."""
        every = {place for place in (*commits, *owners) if place.topic in there}
        if role.group == self._topics.own_intake_group:
            every = {place for place in every if self._topics.workspace_of(place.topic) is not None}
        return sorted(every)

    def _partition(
        self,
        role: Role,
        place: TopicPartition,
        commit: Any,
        end: int,
        owners: Mapping[TopicPartition, str],
        now_us: int,
    ) -> PartitionView:
        committed = None if commit is None or commit.offset < 0 else int(commit.offset)
        arrivals = self._arrivals.setdefault((role.group, place), Arrivals())
        wait = arrivals.wait_us(now_us, end, committed or 0)
        return PartitionView(
            topic=self._topics.bare(place.topic),
            partition=place.partition,
            committed=committed,
            end=end,
            lag=max(0, end - (committed or 0)),
            lag_seconds=None if wait is None else round(wait / 1e6, 1),
            member=owners.get(place),
        )


def _assignment(content: bytes) -> Iterable[tuple[str, list[int]]]:
    """Topics and partitions of a member; empty for a joining member."""
    if not content:
        return ()
    try:
        found: list[tuple[str, list[int]]] = ConsumerProtocolMemberAssignment.decode(content).assignment
    except (ValueError, IndexError):
        return ()
    return found
