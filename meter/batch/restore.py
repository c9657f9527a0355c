"""Bringing a local store up to its changelog, in batches, from where the store itself stands.

Resumable: every batch is written with the changelog offset it reaches, so a kill in the middle goes on from there.
Bounded in memory: a batch is one fetch.
"""

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.lanes import Reopen
from meter.batch.stopping import stopped
from meter.batch.store import Store
from meter.errors import UserError
from meter.failpoints import reach

log = logging.getLogger(__name__)

Row = tuple[bytes, bytes | None]
FETCH_BYTES = 4 << 20
BATCH_RECORDS = 20_000
#: Without an answer for so long the partition is taken anew.
PATIENCE_SECONDS = 20.0
#: A log line about progress this often.
TELL_SECONDS = 2.0


class ChangelogLost(UserError):
    """The changelog does not hold what the state was made of."""


class Restore:
    """One partition's restore, and how far it is."""

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
        #: Where the changelog goes on after what the store holds.
        self.position = 0
        self._kwargs = client_kwargs
        self._expand = expand
        self._offset_key = offset_key

    async def run(self, store: Store) -> int:
        """Apply the changelog's tail to the store; the records applied.

        Asks for the last stable offset after the caller fenced the previous owner, whose open transaction is
        aborted by then, and reads `read_committed` until the position has reached it (markers occupy offsets).
        """
        consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            max_partition_fetch_bytes=FETCH_BYTES,
            fetch_max_wait_ms=100,
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
        beginning = (await consumer.beginning_offsets([tp]))[tp]
        end = (await consumer.end_offsets([tp]))[tp]
        value = store.get(self._offset_key)
        offset = 0 if value is None else int.from_bytes(value, "big")
        if offset < beginning:  # compaction alone never moves a log's beginning
            raise ChangelogLost(
                f"{tp.topic}/{tp.partition} begins at {beginning}, the local store holds it up to {offset}: records "
                "between were deleted; restore it, or begin under another prefix"
            )
        if offset > end:
            raise ChangelogLost(
                f"{tp.topic}/{tp.partition} ends at {end}, the local store holds it up to {offset}: records are "
                "missing or the topic was made again; restore it, or begin under another prefix"
            )
        consumer.seek(tp, offset)
        begun = told = heard = time.monotonic()
        position = self.position = offset
        while position < end:
            self.remaining = end - position
            fetched = await consumer.getmany(tp, timeout_ms=500, max_records=BATCH_RECORDS)
            records = fetched.get(tp, ())
            moved = await consumer.position(tp)
            now = time.monotonic()
            if moved > position:
                heard = now
            elif now - heard > PATIENCE_SECONDS:
                raise Reopen(f"the changelog gave nothing for {PATIENCE_SECONDS:.0f} s at offset {position}")
            position = self.position = moved
            rows = [(record.key, record.value) for record in records]
            reach("restore.fetched")
            store.write([*self._expand(rows), (self._offset_key, position.to_bytes(8, "big"))])
            reach("restore.batch-stored")
            self.done += len(rows)
            if now - told > TELL_SECONDS:
                told = now
                rate = self.done / (now - begun)
                log.info("restoring %s/%d: %d records, %d to go, %.0f/s", *tp, self.done, end - position, rate)
        self.remaining = 0
        return self.done
