"""Writes the entries of one journal partition: records of at most 1.75 MiB, one unacknowledged at a time.

Entries that arrive while a record is under way go into the next one, so records grow with the load. One unacknowledged
record a partition keeps the source order: a top-up is never written after the purchase that it pays for.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.intake.journal_entries import GROUP_BYTES, ORDERS_BYTES, Builder, OrderBuilder, UsageBuilder, pack
from meter.batch.lanes import Reopen
from meter.batch.oversize import SIZE_ERRORS, refused_for_size
from meter.batch.stopping import spared
from meter.failpoints import reach

log = logging.getLogger(__name__)


Waiter = TypeVar("Waiter")


def next_record(waiting: deque[tuple[Builder, Waiter]]) -> tuple[list[Builder], list[Waiter]]:
    """The groups of the next record, the last possibly a part of one; and the waiters of groups that end in it."""
    builders: list[Builder] = []
    done: list[Waiter] = []
    named: set[str] = set()
    room, orders_room = GROUP_BYTES, ORDERS_BYTES
    while waiting:
        builder, waiter = waiting[0]
        is_order = isinstance(builder, OrderBuilder)
        size = builder.bytes_beside(named) if isinstance(builder, OrderBuilder) else builder.bytes
        if size > (min(room, orders_room) if is_order else room):
            if isinstance(builder, UsageBuilder) and (count := builder.fitting(room)):
                first, rest = builder.cut(count)
                builders.append(first)
                waiting[0] = (rest, waiter)
                break
            if builders:
                break
        waiting.popleft()
        builders.append(builder)
        done.append(waiter)
        room -= size
        if is_order:
            orders_room -= size
            named.update(builder.named)
    return builders, done


class JournalWriter:
    """Writes to one journal partition, in order, one record under way at a time."""

    def __init__(
        self,
        partition: int,
        topic: str,
        producer: Callable[[], AIOKafkaProducer],
        uncertain: Callable[[], None] = lambda: None,
    ) -> None:
        self.partition = partition
        self.topic = topic
        #: LogAppendTime of the last record written; the broker's clock is past it.
        self.appended_ms = 0
        self._producer = producer
        self._uncertain = uncertain
        self._waiting: deque[tuple[Builder, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, builder: Builder, written: asyncio.Future[None] | None = None) -> asyncio.Future[None]:
        """Queue a group; the future (`written`) is done when Kafka acknowledged the record with the group's end."""
        future = asyncio.get_running_loop().create_future() if written is None else written
        self._waiting.append((builder, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return future

    def _fail(self, under_way: list[asyncio.Future[None]], error: Exception) -> None:
        """A record was not written: fail it and everything queued behind it; the lanes read all of it again.

        After an error of Kafka they do so with a new producer; any other error is a bug and stops the worker.
        """
        if isinstance(error, KafkaError | TimeoutError):
            self._uncertain()
            error = Reopen(f"journal partition {self.partition} did not take a record ({error!r})")
        waiting, self._waiting = self._waiting, deque()
        for future in (*under_way, *(future for _, future in waiting)):
            if not future.done():
                future.set_exception(error)
                future.exception()

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # include what other lanes add in this turn
        while self._waiting:
            builders, done = next_record(self._waiting)
            try:
                for value in pack(builders):
                    await spared(self._send(value))
            except Exception as error:  # whatever it is, the waiters must learn of it
                self._fail(done, error)
                return
            for future in done:
                if not future.done():
                    future.set_result(None)

    async def _send(self, value: bytes) -> None:
        reach("journal.packed")
        producer = self._producer()
        batch = producer.create_batch()
        batch.append(key=None, value=value, timestamp=None)
        future = await producer.send_batch(batch, self.topic, partition=self.partition)
        reach("journal.sent")
        try:
            self.appended_ms = (await future).timestamp or 0
        except SIZE_ERRORS as error:
            raise refused_for_size(self.topic, self.partition, [(None, value)], error) from error
        reach("journal.acknowledged")
