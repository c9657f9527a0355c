"""Reads workspace topics: one consumer without a group, whose partitions may change at any moment.

A new topic is one more partition to fetch, not a rebalance, so nothing else pauses for it. aiokafka cannot add to an
assignment, so all partitions are assigned again between two rounds, each at its position.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError, TopicAuthorizationFailedError
from aiokafka.structs import OffsetAndMetadata
from faust.types import TP

from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.consumer import ChunkConsumer
from meter.batch.group_offsets import RETRY_SECONDS
from meter.batch.patches.fetched_records import install_batches, lazy, whole
from meter.batch.stopping import stopped

log = logging.getLogger(__name__)

#: A round asks for every partition, so its cost rises with their number; it waits until some records are there.
ROUND_WAIT_MS = 400
ROUND_BYTES = 256 * 1024
PARTITION_FETCH_BYTES = 1 << 20
#: How many batches one round may bring.
ROUND_BATCHES = 20_000
#: Offsets in one commit request: Kafka writes them as one batch, at most 1 MB.
COMMIT_PARTITIONS = 1_000


class WorkspaceTopicReader(ChunkConsumer):
    """Reads partitions in chunks, like its parent, and commits as a member of the group of `app`."""

    round_batches = ROUND_BATCHES

    def __init__(self, app: Any, offer: Callable[[Chunk], None], on_error: Callable[[Exception], bool]) -> None:
        async def never(*_: Any) -> None:
            raise AssertionError("this reader has no group")

        super().__init__(app.transport, never, never, never)
        self._offer = offer
        self._on_error = on_error
        self._followed: set[TP] = set()
        self._wish: set[TP] | None = None
        self._changed: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None

    async def start_reading(self) -> None:
        install_batches()
        self.kafka = aiokafka.AIOKafkaConsumer(
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            key_deserializer=whole,
            value_deserializer=lazy,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=16 * PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=ROUND_WAIT_MS,
            fetch_min_bytes=ROUND_BYTES,
            **self.app.client_kwargs,
        )
        await self.kafka.start()
        self.watch()
        self._task = asyncio.create_task(self._rounds(), name="reading own topics")

    async def stop_reading(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
        if self.kafka is not None:
            await stopped(self.kafka)

    @property
    def reading(self) -> "asyncio.Task[None] | None":
        """The reading task; it ends only by failure or `stop_reading`."""
        return self._task

    async def follow(self, tps: Iterable[TP]) -> None:
        """Read these partitions from now on; new ones wait for `begin`."""
        self._wish = set(tps)
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        self._wake.set()
        await asyncio.shield(self._changed)

    def assignment(self) -> set[TP]:
        return self._followed

    def _change(self) -> None:
        """Assign the wanted partitions, between two rounds, so that no chunk handed out lies beyond a position."""
        wanted, changed = self._wish, self._changed
        if wanted is None or changed is None:
            return
        self._wish = self._changed = None
        positions = {tp: offset for tp, offset in self._next.items() if tp in wanted}
        self.kafka.assign([TopicPartition(*tp) for tp in sorted(wanted)])
        for tp in wanted:
            self.kafka.seek(TopicPartition(*tp), positions.get(tp, 0))
            if tp not in positions:
                self.kafka.pause(TopicPartition(*tp))
        self._begun = {tp: epoch for tp, epoch in self._begun.items() if tp in wanted}
        self._ahead = {tp: ahead for tp, ahead in self._ahead.items() if tp in wanted}
        self._next = positions
        self._followed = wanted
        changed.set_result(None)

    async def _rounds(self) -> None:
        while True:
            self._change()
            wanted = [TopicPartition(*tp) for tp in self._begun if self._ahead[tp] < CHUNKS_AHEAD]
            if not wanted:
                self._wake.clear()
                await asyncio.wait({asyncio.ensure_future(self._wake.wait())}, timeout=1.0)
                continue
            try:
                fetched = await self.kafka.getmany(*wanted, timeout_ms=ROUND_WAIT_MS, max_records=self.round_batches)
            except ConsumerStoppedError:
                return
            except KafkaError as error:
                self._rewind()
                if self.kafka._fetcher.error_future.done():
                    raise
                if not self._on_error(error):
                    log.warning("workspace topics: reading failed (%r); trying again", error)
                    await asyncio.sleep(RETRY_SECONDS)
            else:
                self._hand(fetched)

    def _hand(self, fetched: Mapping[TopicPartition, list[Any]]) -> None:
        for chunk in self._chunks(fetched):
            self._offer(chunk)

    # Commits go through the group, whose member this worker is

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

    async def committed(self, tps: Iterable[TP]) -> dict[TP, OffsetAndMetadata]:
        found: dict[TP, OffsetAndMetadata] = await self.app.consumer.committed(tps)
        return found
