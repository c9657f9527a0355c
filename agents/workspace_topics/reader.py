"""Reads workspace topics, by fetch sessions without a group; their offsets are committed for the group of an app.

A new topic is one more partition to fetch from, not a rebalance: nothing else halts for it.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.group_offsets import RETRY_SECONDS
from meter.batch.sessions.reader import SessionReader
from meter.batch.stopping import spared

log = logging.getLogger(__name__)

#: Offsets in one commit request: Kafka writes them as one batch, at most 1 MB.
COMMIT_PARTITIONS = 1_000


class WorkspaceTopicReader(SessionReader):
    """Reads single partitions in chunks; it commits as a member of the group of `app`."""

    def __init__(
        self,
        app: Any,
        client: AIOKafkaClient,
        topic_id: Callable[[TP], str],
        offer: Callable[[Chunk], None],
        on_error: Callable[[Exception], bool],
    ) -> None:
        super().__init__(client, topic_id, offer, on_error)
        self.app = app

    async def commit_offsets(self, offsets: Mapping[TP, tuple[int, str]]) -> bool:
        """Commit for the group; False if it is rebalancing or a topic is gone: the caller tries again later."""
        group = self.app.consumer.kafka._coordinator
        every = [(TopicPartition(*tp), OffsetAndMetadata(*at)) for tp, at in offsets.items()]
        committed = True
        for first in range(0, len(every), COMMIT_PARTITIONS):
            try:
                await group.ensure_coordinator_known()
                async with group._commit_lock:
                    # Not `commit_offsets`, which would retry for ever for a deleted topic.
                    await group._do_commit_offsets(None, dict(every[first : first + COMMIT_PARTITIONS]))
            except TopicAuthorizationFailedError as error:
                log.info("offsets of workspace topics that may not be read are not committed: %s", error)
            except KafkaError as error:
                log.info("offsets of workspace topics not committed (%r); they are committed later", error)
                committed = False
        return committed

    async def confirm(self, tp: TP, at: tuple[int, str] | None) -> bool:
        """Whether the group still takes us for the owner of `tp`, asked by a commit; waits for a broker."""
        while tp in self.assignment():
            try:
                if at is None:
                    await spared(self.committed([tp]))
                    return True
                if await spared(self.commit_offsets({tp: at})):
                    return True
            except (KafkaError, TimeoutError) as error:
                log.warning("no answer about %s/%d (%r); asking again", tp.topic, tp.partition, error)
            await asyncio.sleep(RETRY_SECONDS)
        return False

    async def committed(self, tps: Iterable[TP]) -> dict[TP, OffsetAndMetadata]:
        """The group's offsets with their metadata; a partition without one is left out."""
        found: dict[TP, OffsetAndMetadata] = await self.app.consumer.committed(tps)
        return found
