"""Reads the watermarks of the source partitions, the intake's commits, and the broker's time.

These are the day end's questions to Kafka; `agents.meter.day_end` decides. It is connected only while a day is ending.
"""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from meter.batch.stopping import stopped
from meter.batch.transactions import let_go
from meter.batch.waits import within
from meter.kafka.access import missing
from meter.kafka.commit_metadata import denied_by, is_aside, is_ours
from meter.kafka.partitioner import partition_of
from meter.kafka.rights import MissingRights, Operation, Resource, Right, of_role
from meter.kafka.topics import Topics, followed
from meter.settings import Settings
from schemas.journal import DayClosed, DayExpired, encode

REQUEST_MS = 10_000
#: So many partitions are asked at once whether their logs were made again.
ASKED_AT_ONCE = 100
#: Closing a connection may take so long.
CLOSE_SECONDS = 2.0


class Written(NamedTuple):
    """Where and when the broker appended a journal record."""

    offset: int
    timestamp_ms: int


class Watermarks:
    """The requests of the day's end; each may raise KafkaError or MissingRights."""

    def __init__(self, settings: Settings, client_kwargs: Mapping[str, Any]) -> None:
        self.topics = Topics.of(settings.topic_prefix)
        self._limit = settings.own_topics_max
        self._settings = settings
        self._rights = of_role(settings, "meter")
        self._kwargs = client_kwargs
        self._producer: AIOKafkaProducer | None = None
        self._reader: aiokafka.AIOKafkaConsumer | None = None
        self._admin: AIOKafkaAdminClient | None = None

    async def ends(self) -> dict[TopicPartition, int]:
        """The high watermark of every source partition that is read and holds anything.

        Asked `read_uncommitted`: records behind an open transaction have reached Kafka too.
        """
        cluster = await self._cluster()
        await self._require_sight()
        names = self._read(cluster)
        tps = [TopicPartition(name, each) for name in names for each in cluster.partitions_for_topic(name) or ()]
        if not tps:
            return {}
        reader = await self._asker()
        beginnings = await reader.beginning_offsets(tps)
        ends = await reader.end_offsets(tps)
        return {tp: end for tp, end in ends.items() if end > beginnings[tp]}

    async def not_reached(self, ends: Mapping[TopicPartition, int]) -> list[TopicPartition]:
        """The partitions whose committed offset is before these ends, without those set aside or no longer read."""
        committed = {**await self._committed(self.topics.intake_group)}
        own = await self._committed(self.topics.own_intake_group)
        committed |= own
        behind = [tp for tp, end in ends.items() if not (_reached(committed.get(tp), end) or self._denied(tp, own))]
        if not behind:
            return []
        names = self._read(await self._cluster())
        await self._require_sight({tp.topic for tp in behind if tp.topic not in names})
        there = [tp for tp in behind if tp.topic in names]
        made_again = await self._shorter(there[:ASKED_AT_ONCE], ends)
        return [tp for tp in there if tp not in made_again or not _reached(committed.get(tp), made_again[tp])]

    async def _shorter(self, tps: Sequence[TopicPartition], ends: Mapping[TopicPartition, int]) -> dict[Any, int]:
        """The ends of logs that are before these ends: their topics were deleted and made again meanwhile."""
        now = await (await self._asker()).end_offsets(tps) if tps else {}
        return {tp: end for tp, end in now.items() if end < ends[tp]}

    def _denied(self, tp: TopicPartition, own: Mapping[TopicPartition, Any]) -> bool:
        """Whether a workspace topic is set aside because the intake may not read it; its share's commit says so."""
        workspace = self.topics.workspace_of(tp.topic)
        if workspace is None:
            return False
        share = partition_of(workspace, self._settings.partitions)
        at = own.get(TopicPartition(self.topics.journal, share))
        return at is not None and f"{self.topics.bare(tp.topic)}/{tp.partition}" in denied_by(at.metadata or "")

    async def _require_sight(self, gone: Iterable[str] = ()) -> None:
        """Raise MissingRights if Kafka may hide source topics: a day would close before their usage."""
        sources = [right for right in self._rights if right.operation is Operation.DESCRIBE]
        sources += [Right(Operation.DESCRIBE, Resource.TOPIC, name) for name in sorted(gone)]
        lacking = await self._lacking(sources)
        if lacking:
            raise MissingRights(self._settings, "the day's end", lacking)

    async def _lacking(self, rights: Sequence[Right]) -> list[Right]:
        return await missing(await self._asking(), rights, 0)

    async def append(self, partition: int, entry: DayClosed | DayExpired) -> Written:
        """Append an entry to a journal partition. The fold ignores a repeat, so it may be tried again."""
        if self._producer is None:
            producer = AIOKafkaProducer(
                acks="all", enable_idempotence=True, request_timeout_ms=REQUEST_MS, **self._kwargs
            )
            self._producer = producer
            await producer.start()
        written = await self._producer.send_and_wait(self.topics.journal, encode(entry), partition=partition)
        return Written(written.offset, written.timestamp)

    async def close(self) -> None:
        """Close the connections."""
        producer, reader, admin = self._producer, self._reader, self._admin
        self._producer = self._reader = self._admin = None
        if producer is not None:
            await let_go(producer)
        if reader is not None:
            await stopped(reader)
        if admin is not None:
            with suppress(KafkaError, TimeoutError):
                await within(CLOSE_SECONDS, admin.close())

    def _read(self, cluster: Any) -> set[str]:
        """The existing source topics, without those beyond METER_OWN_TOPICS_MAX."""
        there = cluster.topics()
        own, _ = followed(self.topics, there, self._limit)
        return {*own, *(name for name in self.topics.shared_sources if name in there)}

    async def _cluster(self) -> Any:
        return await (await self._asker())._client.fetch_all_metadata()

    async def _asker(self) -> aiokafka.AIOKafkaConsumer:
        if self._reader is None:
            reader = aiokafka.AIOKafkaConsumer(
                isolation_level="read_uncommitted",
                enable_auto_commit=False,
                request_timeout_ms=REQUEST_MS,
                **self._kwargs,
            )
            self._reader = reader
            await reader.start()
        return self._reader

    async def _asking(self) -> AIOKafkaAdminClient:
        if self._admin is None:
            admin = AIOKafkaAdminClient(request_timeout_ms=REQUEST_MS, **self._kwargs)
            self._admin = admin
            await admin.start()
        return self._admin

    async def _committed(self, group: str) -> Mapping[TopicPartition, Any]:
        found: Mapping[TopicPartition, Any] = await (await self._asking()).list_consumer_group_offsets(group)
        return found


def _reached(at: Any, end: int) -> bool:
    if at is None:
        return end == 0
    metadata = at.metadata or ""
    return is_aside(metadata) or (at.offset >= end and is_ours(metadata))
