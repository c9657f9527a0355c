"""Brings a local store up to its changelog, in batches, from the store's own offset.

Resumable: every batch is written with the changelog offset that it reaches, so after a kill it goes on from there.
Bounded in memory: a batch is a part of one fetch. RocksDB writes it in a thread while other partitions decode theirs.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.codecs import TooLarge
from meter.batch.lanes import Reopen
from meter.batch.patches.fetched_records import install_batches, lazy
from meter.batch.stopping import stopped
from meter.batch.store import Store
from meter.batch.unopened import LazyBatch, UnreadableRecord
from meter.batch.waits import to_its_end
from meter.errors import UserError
from meter.failpoints import reach

log = logging.getLogger(__name__)

Row = tuple[bytes, bytes | None]
FETCH_BYTES = 4 << 20
BATCH_RECORDS = 20_000
#: Without an answer for this long the partition is reopened.
PATIENCE_SECONDS = 20.0
#: How often progress is logged.
TELL_SECONDS = 2.0


class ChangelogLost(UserError):
    """The changelog does not hold the records from which the state was made."""


class Restore:
    """One partition's restore and its progress."""

    def __init__(
        self,
        topic: str,
        partition: int,
        client_kwargs: Mapping[str, Any],
        expand: Callable[[Iterable[Row]], Iterable[Row]],
        offset_key: bytes,
    ) -> None:
        self.tp = TopicPartition(topic, partition)
        self.done = 0
        self.remaining = 0
        #: The first changelog offset that the store does not hold.
        self.position = 0
        self._kwargs = client_kwargs
        self._expand = expand
        self._offset_key = offset_key

    async def run(self, store: Store) -> int:
        """Apply the rest of the changelog to the store; returns the number of records applied.

        The caller has fenced the previous owner, so its open transaction is aborted. Asks for the last stable offset,
        and reads committed records until the position has reached it (markers occupy offsets).
        """
        install_batches()
        consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=100,
            value_deserializer=lazy,
            **self._kwargs,
        )
        try:
            await consumer.start()
            try:
                return await self._run(store, consumer)
            finally:
                await stopped(consumer)
        except KafkaError as error:
            raise Reopen(f"the changelog could not be read ({error!r})") from error

    async def _run(self, store: Store, consumer: aiokafka.AIOKafkaConsumer) -> int:
        tp = self.tp
        consumer.assign([tp])
        position, end = await self._rest(store, consumer)
        self.position = position
        consumer.seek(tp, position)
        begun = logged = heard = time.monotonic()
        while position < end:
            self.remaining = end - position
            fetched = await consumer.getmany(tp, timeout_ms=500, max_records=BATCH_RECORDS)
            moved = await consumer.position(tp)
            now = time.monotonic()
            if moved > position:
                heard = now
            elif now - heard > PATIENCE_SECONDS:
                raise Reopen(f"the changelog gave nothing for {PATIENCE_SECONDS:.0f} s at offset {position}")
            if fetched:
                moved = await self._apply(store, fetched[tp], consumer, moved)
            await self._write(store, (), moved)
            position = moved
            if now - logged > TELL_SECONDS:
                logged = now
                rate = self.done / (now - begun)
                log.info("restoring %s/%d: %d records, %d to go, %.0f/s", *tp, self.done, end - position, rate)
        self.remaining = 0
        return self.done

    async def _rest(self, store: Store, consumer: aiokafka.AIOKafkaConsumer) -> tuple[int, int]:
        """The offsets between which the store lacks the changelog; ChangelogLost if that is not all there."""
        tp = self.tp
        beginning = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        value = store.get(self._offset_key)
        offset = 0 if value is None else int.from_bytes(value, "big")
        if offset < beginning:  # compaction never moves a log's beginning
            raise ChangelogLost(
                f"{tp.topic}/{tp.partition} begins at {beginning}, the local store holds it up to {offset}: records "
                "between were deleted; restore it, or begin under another prefix"
            )
        if offset > end:
            raise ChangelogLost(
                f"{tp.topic}/{tp.partition} ends at {end}, the local store holds it up to {offset}: records are "
                "missing or the topic was made again; restore it, or begin under another prefix"
            )
        return offset, end

    async def _apply(self, store: Store, fetched: LazyBatch, consumer: aiokafka.AIOKafkaConsumer, end: int) -> int:
        """Write what was fetched up to `end` to the store, a batch at a time; where the next fetch begins."""
        while records := fetched.take(BATCH_RECORDS):
            reach("restore.fetched")
            await self._write(store, [(record.key, record.value) for record in records], records[-1].offset + 1)
            reach("restore.batch-stored")
            self.done += len(records)
        if fetched.piecewise:
            raise UnreadableRecord(self.tp, self.position, TooLarge("its batch is too large"))
        if fetched.whole:
            return end
        consumer.seek(self.tp, fetched.end)  # it ended early: the next fetch begins with what nobody can read
        return int(fetched.end)

    async def _write(self, store: Store, rows: Sequence[Row], position: int) -> None:
        """Write rows, of several with one key the last, and how far the changelog is applied with them.

        In a thread: RocksDB lets others work meanwhile. Whoever gives this up waits until it is done with the store.
        """

        def write() -> None:
            changed = sorted(dict(self._expand(rows)).items(), key=_key)
            store.write([*changed, (self._offset_key, position.to_bytes(8, "big"))])

        await in_thread(write)
        self.position = position


async def in_thread(write: Callable[[], None]) -> None:
    """Run it in a thread; whoever gives up waiting waits until it is done all the same."""
    await to_its_end(asyncio.get_running_loop().run_in_executor(None, write))


def _key(row: Row) -> bytes:
    return row[0]
