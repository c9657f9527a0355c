"""A Faust consumer that yields one message for each fetched chunk of a partition.

It runs in the app's event loop (so heartbeats stop when the fold is stuck, as they should), reads committed records,
never resets an offset by itself, and leaves positions and commits to the lanes: a partition is read only after its
lane called `begin`, and a chunk is handled when its lane called `release`.
"""

import asyncio
import itertools
import logging
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import aiokafka
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import ConsumerStoppedError, KafkaError
from faust.types import TP
from faust.types.tuples import ConsumerMessage

from meter.batch.chunks import CHUNKS_AHEAD, Chunk
from meter.batch.fetched import fetched_of
from meter.batch.group_offsets import RETRY_SECONDS, GroupOffsets
from meter.batch.patches.fetched_records import install_batches, lazy, whole
from meter.batch.silent_ends import watch_tasks
from meter.batch.stopping import stopped

log = logging.getLogger(__name__)

#: How long one fetch may wait for records, in ms; records that are there are answered at once.
FETCH_WAIT_MS = 250
#: The most bytes of one partition in one fetch; it bounds memory and the time of one chunk.
PARTITION_FETCH_BYTES = 2 << 20
#: In place of the number of unreleased chunks, for a halted partition.
HALTED = 1 << 30


class _Listener(ConsumerRebalanceListener):
    """Hands aiokafka's rebalance to the Faust app, stopping all reading at once."""

    def __init__(self, consumer: "ChunkConsumer") -> None:
        self.consumer = consumer

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        consumer = self.consumer
        consumer.app.on_rebalance_start()
        await consumer.on_partitions_revoked({TP(tp.topic, tp.partition) for tp in revoked})
        consumer.revoking = True
        try:
            await cast(Any, consumer.app).tables.drain()
        finally:
            consumer.revoking = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        consumer = self.consumer
        tps = {TP(tp.topic, tp.partition) for tp in assigned}
        consumer.hold(tps)
        consumer.heard = time.monotonic()
        generation = consumer.kafka._coordinator.generation
        cast(Any, consumer.app).consumer_generation_id = generation
        await consumer.on_partitions_assigned(tps, generation)


class ChunkConsumer(GroupOffsets):
    """Reads assigned partitions in chunks from where their lanes began, at most `CHUNKS_AHEAD` unreleased."""

    logger = logging.getLogger("faust.consumer")
    consumer_stopped_errors = (ConsumerStoppedError,)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._ahead: dict[TP, int] = {}
        self._begun: dict[TP, int] = {}
        #: Begun partition -> the offset behind the last chunk handed out.
        self._next: dict[TP, int] = {}
        self._epochs = itertools.count(1)
        self._wake = asyncio.Event()

    async def on_start(self) -> None:
        app = cast(Any, self.app)
        install_batches()
        self.kafka = aiokafka.AIOKafkaConsumer(
            group_id=app.conf.id,
            partition_assignment_strategy=[app.group_assignor],
            enable_auto_commit=False,
            auto_offset_reset="none",
            isolation_level="read_committed",
            key_deserializer=whole,
            value_deserializer=lazy,
            max_partition_fetch_bytes=PARTITION_FETCH_BYTES,
            fetch_max_bytes=4 * PARTITION_FETCH_BYTES,
            fetch_max_wait_ms=FETCH_WAIT_MS,
            session_timeout_ms=int(app.conf.broker_session_timeout * 1000),
            heartbeat_interval_ms=int(app.conf.broker_heartbeat_interval * 1000),
            rebalance_timeout_ms=int(app.conf.broker_rebalance_timeout * 1000),
            max_poll_interval_ms=2**31 - 1,
            request_timeout_ms=int(app.conf.broker_request_timeout * 1000),
            metadata_max_age_ms=app.conf.consumer_metadata_max_age_ms,
            **app.client_kwargs,
        )
        await self.kafka.start()
        self.watch()
        self.listen()

    def watch(self) -> None:
        """Stop the worker if a task of aiokafka ends that nothing awaits."""
        watch_tasks(self.kafka, self.app)

    async def on_stop(self) -> None:
        if self.kafka is not None:
            await stopped(self.kafka)

    # Reading

    def hold(self, tps: set[TP]) -> None:
        """Stop reading these until `begin`; the seek keeps aiokafka from resetting their offsets."""
        self._begun.clear()
        self._ahead.clear()
        self._next.clear()
        for tp in tps:
            self.kafka.seek(TopicPartition(*tp), 0)
            self.kafka.pause(TopicPartition(*tp))

    def begin(self, tp: TP, offset: int) -> None:
        """Read `tp` from `offset` on; chunks handed out before are void."""
        self.kafka.seek(TopicPartition(*tp), offset)
        self.kafka.resume(TopicPartition(*tp))
        self._begun[tp] = next(self._epochs)
        self._ahead[tp] = 0
        self._next[tp] = offset
        self._wake.set()

    def pause(self, tp: TP) -> None:
        """Read no more of `tp` until `begin`."""
        self._begun.pop(tp, None)
        self._next.pop(tp, None)
        if tp in self.assignment():
            self.kafka.pause(TopicPartition(*tp))

    def halt(self, tp: TP) -> None:
        """Read no more of `tp` until `begin`; chunks handed out stay valid."""
        if tp in self._begun:
            self._ahead[tp] = HALTED
        if tp in self.assignment():
            self.kafka.pause(TopicPartition(*tp))

    def release(self, chunk: Chunk) -> None:
        """A lane is done with a chunk, so another may be read; after one that ended early, from its position."""
        if not self.current(chunk):
            return
        if chunk.whole:
            self._ahead[chunk.tp] -= 1
            if self._ahead[chunk.tp] == CHUNKS_AHEAD - 1:
                self._wake.set()
        elif chunk.tp in self.assignment():
            self.begin(chunk.tp, chunk.position)

    def current(self, chunk: Chunk) -> bool:
        """Whether the chunk is still valid: not after its partition was taken away or begun again."""
        return self._begun.get(chunk.tp) == chunk.epoch

    def position(self, tp: TP) -> int:
        """The offset at which reading of `tp` goes on, past markers; makes no request."""
        state = self.kafka._subscription.subscription.assignment.state_value(TopicPartition(*tp))
        return int(state.position)

    def idle(self, tp: TP) -> bool:
        """Whether everything before `position` is handled: nothing handed out is unreleased."""
        return self._ahead.get(tp) == 0 and self._read(tp)

    def _read(self, tp: TP) -> bool:
        """Whether `tp` is begun and assigned: between a new assignment and `hold` it has no position."""
        known = self.kafka._subscription
        if tp not in self._begun or known.reassignment_in_progress:
            return False
        state = known.subscription.assignment.state_value(TopicPartition(*tp))
        return state is not None and state.has_valid_position

    def reach(self, tp: TP) -> tuple[int, int, int] | None:
        """Position, last stable offset and end, as last heard; None if they are not known."""
        if not self._read(tp):
            return None
        state = self.kafka._subscription.subscription.assignment.state_value(TopicPartition(*tp))
        end = state.highwater or 0
        return int(state.position), end if state.lso is None else int(state.lso), end

    def heard_ms(self, tp: TP) -> int | None:
        """When Kafka last reported the end of a partition (Unix ms); None: never."""
        if not self._read(tp):
            return None
        state = self.kafka._subscription.subscription.assignment.state_value(TopicPartition(*tp))
        return None if state.timestamp is None else int(state.timestamp)

    def full(self, tp: TP) -> bool:
        """Whether the partition is not read now because CHUNKS_AHEAD chunks are unreleased."""
        return self._ahead.get(tp, 0) >= CHUNKS_AHEAD

    def _wanted(self) -> list[TopicPartition]:
        assigned = self.kafka.assignment()
        return [
            TopicPartition(*tp)
            for tp in self._begun
            if self._ahead[tp] < CHUNKS_AHEAD and TopicPartition(*tp) in assigned
        ]

    async def _drain_messages(self, fetcher: Any) -> None:
        while not (self.should_stop or fetcher.should_stop):
            self._wake.clear()
            wanted = self._wanted() if self.flow_active else []
            if not wanted:
                await self.wait_first(self._wake.wait(), timeout=1.0)
                self._hear_of_the_group()
                continue
            try:
                fetched = await fetched_of(self.kafka, wanted, self._wake, FETCH_WAIT_MS / 1000)
            except ConsumerStoppedError:
                return
            except KafkaError as error:
                self._rewind()
                if not cast(Any, self.app).tables.on_read_error(error):
                    await self.sleep(RETRY_SECONDS)
                continue
            if self.flow_active:
                await self._hand_out(fetched)
            else:
                self._rewind()

    def _hear_of_the_group(self) -> None:
        """Raise what went wrong with the membership; aiokafka waits until a reader has taken the error."""
        try:
            self.kafka._coordinator.check_errors()
        except KafkaError as error:
            cast(Any, self.app).tables.on_read_error(error)

    async def _hand_out(self, fetched: Mapping[TopicPartition, list[Any]]) -> None:
        for chunk in self._chunks(fetched):
            await self.callback(_message(chunk, self.app.consumer_generation_id))

    def _chunks(self, fetched: Mapping[TopicPartition, list[Any]]) -> list[Chunk]:
        """Make chunks of fetched records, of the present epoch.

        aiokafka returned them in this turn of the event loop, so they follow the last seek, however long ago they were
        requested; dropping them would leave a gap.
        """
        chunks = []
        for topic_partition, records in fetched.items():
            tp = TP(topic_partition.topic, topic_partition.partition)
            epoch = self._begun.get(tp)
            if records and epoch is not None:
                start, self._next[tp] = self._next[tp], self.position(tp)
                chunks.append(Chunk(tp, records, self._next[tp], epoch, start))
                self._ahead[tp] += 1
        return chunks

    def _rewind(self) -> None:
        """Seek back to the last chunks handed out: an error of one partition drops records fetched of others."""
        for tp, offset in self._next.items():
            if self._read(tp) and self.position(tp) != offset:
                self.kafka.seek(TopicPartition(*tp), offset)

    # What Faust asks of a consumer

    async def subscribe(self, topics: Iterable[str]) -> None:
        self.kafka.subscribe(topics=sorted(set(topics)), listener=_Listener(self))

    def resume_flow(self) -> None:
        super().resume_flow()
        self._wake.set()

    def highwater(self, tp: TP) -> int:
        return self.kafka.highwater(TopicPartition(*tp)) or 0

    def topic_partitions(self, topic: str) -> int | None:
        return len(self.kafka.partitions_for_topic(topic) or ()) or None


def _message(chunk: Chunk, generation: int) -> ConsumerMessage:
    return ConsumerMessage(
        chunk.tp.topic,
        chunk.tp.partition,
        chunk.position,
        0.0,
        0,
        (),
        None,
        chunk,
        None,
        0,
        0,
        chunk.tp,
        generation_id=generation,
    )
