"""Folds one journal partition: a fenced transaction for each chunk, the position inside it.

The steps are those of docs/architecture.md §3 (journal → everything). On assignment: (1) fence, (2) restore to the
changelog's last stable offset, (3) check that the journal is the one the state came from, (4) read from position + 1.
For each chunk: (1) fold into the overlay, (2) begin and write, (3) await every acknowledgement, then commit, (4) write
the overlay to the store, (5) release the chunk. If the outcome is uncertain, drop the overlay and reopen the partition.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from faust.types import TP

from agents.meter.chunk_counts import ChunkCounts
from agents.meter.day_end import OwnedPartition
from agents.meter.journal_check import Position, check_last, check_meter, check_unfolded, following, position_of
from agents.meter.meter import Meter
from agents.metrics.publish_delay import Wait
from meter.batch.chunks import Chunk
from meter.batch.faust_app import ChunkApp
from meter.batch.lanes import Lane
from meter.batch.restore import Restore
from meter.batch.store import Stamp, Store, open_store
from meter.batch.transactions import FencedProducer
from meter.batch.turns import Turns
from meter.failpoints import reach
from meter.kafka.topics import COMPACTION_LAG_DAYS
from meter.rules.fold.fold import Fold
from meter.rules.state.context import Output
from schemas import journal
from tables import keys
from tables.partition_state import PartitionState, Rows, restored

log = logging.getLogger(__name__)

#: A transaction ends after this many journal records or bytes of outputs, before compression: some seconds of work in a
#: backlog. Within it a cell is written once and its balance published once, however many records change it.
CHUNK_RECORDS = 1_000
CHUNK_OUTPUT_BYTES = 32 << 20
#: And it ends after this many seconds of folding: on a machine that has no time, what is published waits no longer.
CHUNK_SECONDS = 10.0
#: A transaction that could not be committed is folded again in half of its size, down to this share of a full one: a
#: broker that is slow for long would otherwise never see one end within its time.
LEAST_SHARE = 1 / 256
SECONDS_A_DAY = 86_400


class JournalLane(Lane):
    """The lane of one journal partition."""

    def __init__(self, app: ChunkApp, tp: TP, meter: Meter) -> None:
        super().__init__(app, tp)
        self.meter = meter
        self.where = f"{tp.topic}/{tp.partition}"
        self.restore: Restore | None = None
        self.store: Store | None = None
        self.producer: FencedProducer | None = None
        self.state: PartitionState | None = None
        self.fold: Fold | None = None
        self.last: Position | None = None
        #: The usage groups of the current transaction: when Kafka had their newest event, and how many events.
        self.waited: list[Wait] = []
        #: How many records were folded since the last commit.
        self.folded = 0
        #: When the first of them was begun (monotonic).
        self.begun = 0.0
        #: The share of a full transaction at which one ends now.
        self.share = 1.0
        self.counts = ChunkCounts(meter.metrics, meter.folded_sources[tp.partition])
        self.turns = Turns()

    async def open(self) -> int:
        """Open the partition: steps 1 to 4. Returns the offset to read from."""
        begun = time.monotonic()
        await self.close()
        meter, partition = self.meter, self.tp.partition
        self.producer = FencedProducer(meter.topics.transactional_id(partition), meter.kwargs)
        await self.producer.start()  # 1
        reach("meter.fenced")
        stamp = Stamp(meter.facts.opening.meter_id, meter.settings.topic_prefix, partition)
        oldest = time.time() - COMPACTION_LAG_DAYS * SECONDS_A_DAY
        self.store = open_store(meter.settings.data_dir / "stores" / f"journal-{partition}", stamp, oldest, meter.room)
        expand = partial(restored, store=self.store)
        self.restore = Restore(meter.topics.changelog, partition, meter.kwargs, expand, keys.CHANGELOG)
        asked = time.time()
        applied = await self.restore.run(self.store)  # 2
        reach("meter.restored")
        self.store.put_stamp(stamp, asked)
        self.state = PartitionState(self.store)
        self.producer.following[meter.topics.changelog] = self.restore.position
        self.last = self.state.position(Position)
        self.handled_ms, self.waited = 0 if self.last is None else self.last.timestamp_ms, []
        repeats = self.counts.reopened(-1 if self.last is None else self.last.offset)
        self.fold, self.folded = Fold(self.state, self.state.facts(), repeats), 0
        await self._check()  # 3
        reach("meter.checked")
        next_offset = 0 if self.last is None else self.last.offset + 1
        self._opened(time.monotonic() - begun, applied, next_offset)
        return next_offset  # 4

    def _opened(self, seconds: float, applied: int, next_offset: int) -> None:
        """Measure and log an opening."""
        self.meter.longest_restore = max(seconds, self.meter.longest_restore)
        self.meter.metrics.restore_seconds.set(self.meter.longest_restore)
        log.info(
            "journal %d is ours: %d changelog records applied in %.2f s; folding from offset %d",
            self.tp.partition,
            applied,
            seconds,
            next_offset,
        )

    async def _check(self) -> None:
        meter, tp = self.meter, self.tp
        assert self.fold is not None
        if self.fold.facts is not None:
            check_meter(self.where, meter.facts.opening.meter_id, self.fold.facts.opening.meter_id)
        if self.last is None:
            check_unfolded(self.where, f"{meter.topics.changelog}/{tp.partition}", await meter.committed(tp))
        else:
            check_last(self.where, self.last, *await meter.record_at(tp, self.last.offset))

    async def handle(self, chunk: Chunk) -> None:
        """Fold a chunk and the chunks waiting behind it, in as many transactions as they need."""
        following_chunk: Chunk | None = chunk
        last: Any = None
        while following_chunk is not None:
            chunk = following_chunk
            last = await self._fold_chunk(chunk, last)
            following_chunk = self.behind(chunk) if last is not None else None
        if last is not None:
            await self._commit(last)
        self.position = chunk.position

    async def _fold_chunk(self, chunk: Chunk, last: Any) -> Any:
        """Fold a chunk, committing full transactions; returns the last record if it is folded and not committed."""
        records = following(self.where, self.last if last is None else position_of(last), chunk.records)
        start = 0
        while start < len(records):
            begun = time.perf_counter()
            start = await self._fold(records, start)  # 1
            reach("meter.folded")
            self.meter.metrics.chunk_seconds.observe(time.perf_counter() - begun)
            last = records[start - 1]
            if self._full:
                await self._commit(last)
                last = None
        return last

    @property
    def _full(self) -> bool:
        """Whether the transaction is full."""
        assert self.fold is not None, "a lane is opened before it folds"
        late = time.monotonic() - self.begun >= CHUNK_SECONDS * self.share
        size = max(self.folded / CHUNK_RECORDS, self.fold.emitted_bytes / CHUNK_OUTPUT_BYTES)
        return late or size >= self.share

    async def _fold(self, records: Sequence[Any], start: int) -> int:
        """Fold records from `start` until the transaction is full; returns the index of the next record.

        The event loop gets turns between records and within long ones. If cancelled there, the lane drops the overlay.
        """
        fold = self.fold
        assert fold is not None, "a lane is opened before it folds"
        for number in range(start, len(records)):
            record = records[number]
            if not self.folded:
                self.begun = time.monotonic()
            decoded = journal.decode(record.value)
            with closing(fold.folding(record.offset, record.timestamp, decoded)) as folding:
                await self.turns.between(folding)
            for group in decoded.groups if isinstance(decoded, journal.Gathered) else ():
                if isinstance(group, journal.UsageGroup):
                    self.waited.append((group.timestamp_ms, len(group)))
            self.folded += 1
            await self._pack(fold.take())
            if self._full:
                return number + 1
            await self.turns.give()
        return len(records)

    async def _commit(self, record: Any) -> None:
        """Steps 2 to 5 for what was folded up to `record`."""
        fold, state, producer = self.fold, self.state, self.producer
        assert fold is not None and state is not None and producer is not None
        begun = time.perf_counter()
        await self.turns.between(fold.balancing())
        await self._pack(fold.finish())
        position = position_of(record)
        state.put_row(keys.POSITION, position)
        state.put_facts(fold.known())
        rows: Rows = []
        await self.turns.between(map(rows.append, state.changing(record.offset)))
        counts, fold.counts = fold.counts, {}
        waited, self.waited = self.waited, []
        self.counts.committing(position.offset, counts, waited)
        changed = [(self.meter.topics.changelog, self.tp.partition, rows)]
        self.share, share = max(self.share / 2, LEAST_SHARE), self.share
        following = await producer.commit(changed)  # 2, 3
        self.share = min(1.0, share * 2)
        self.counts.committed()
        reach("meter.committed")
        state.committed(rows, following[self.meter.topics.changelog])  # 4
        reach("meter.stored")
        self.last, self.folded = position, 0
        self.position = position.offset + 1
        self.handled_ms = position.timestamp_ms
        self.meter.metrics.transaction_seconds.observe(time.perf_counter() - begun)

    async def _pack(self, outputs: Iterable[Output]) -> None:
        """Pack outputs for the transaction: as they are they take five times the memory."""
        producer, partition, prefix = self.producer, self.tp.partition, self.meter.settings.topic_prefix
        assert producer is not None, "a lane is opened before it folds"
        for topic, rows in _by_topic(outputs):
            await self.turns.between(producer.packing(prefix + topic, partition, rows))

    def owned(self) -> OwnedPartition | None:
        """The partition for the day's end; None until its state is known."""
        if self.fold is None or self.fold.facts is None or self.last is None:
            return None
        return OwnedPartition(self.tp.partition, self.fold.facts, self.last.offset, self.last.timestamp_ms)

    async def close(self) -> None:
        """Stop the producer and close the store, flushed so that the next start is warm."""
        self.fold = self.state = None
        producer, self.producer = self.producer, None
        store, self.store = self.store, None
        try:
            if producer is not None:
                await producer.stop()
                reach("meter.producer-stopped")
        finally:
            if store is not None:
                store.close()
                reach("meter.store-closed")


def _by_topic(outputs: Iterable[Output]) -> Iterable[tuple[str, list[tuple[bytes, bytes]]]]:
    """Outputs by topic (without the prefix), in the order they were made."""
    by_topic: dict[str, list[tuple[bytes, bytes]]] = {}
    for topic, key, value in outputs:
        by_topic.setdefault(topic, []).append((key.encode(), value))
    return by_topic.items()
