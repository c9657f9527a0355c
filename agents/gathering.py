"""Gathering: entries for one journal partition, packed into records of at most 512 KiB, one under way at a time.

What arrives while a record is under way waits for the next: records grow by themselves under load. One
unacknowledged record a partition keeps the order of the log, so a top-up never follows its purchase.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.reading import Reading, key_of
from meter.batch.lanes import Retake
from schemas.journal import (
    RECORD_LIMIT_BYTES,
    BindingEntry,
    BindingGroup,
    Evidence,
    Gathered,
    Named,
    OrderEntry,
    OrderGroup,
    Slot,
    UsageGroup,
    encode,
    encode_evidence,
)

log = logging.getLogger(__name__)

#: What an event takes in a record besides its id: key, offset, quantity, slot, instant, source.
EVENT_BYTES = 60
#: What a new slot, a new named workspace or a group takes at most, without its names.
TABLE_BYTES = 120
#: A group is sealed at this estimate, well below the limit, since estimates are rough.
GROUP_BYTES = RECORD_LIMIT_BYTES * 7 // 10


class UsageBuilder:
    """Builds one usage group of one source partition for one journal partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.bytes = TABLE_BYTES
        self.timestamp_ms = 0
        self.named: dict[str, Named] = {}
        self._slots: dict[tuple[str, str, int, int, bool], int] = {}
        self._sources: dict[str, int] = {}
        self._slot: list[int] = []
        self._quantity: list[int] = []
        self._offset: list[int] = []
        self._keys: list[bytes] = []
        self._source: list[int] = []
        self._ids: list[str] = []
        self._time: list[int] = []

    def add(self, reading: Reading, named: Named, offset: int) -> None:
        """Add an event at its source offset."""
        workspace, item, retention, day, corrected, quantity, time_us, source, name = reading
        what = (workspace, item, retention, day, corrected)
        slot = self._slots.get(what)
        if slot is None:
            slot = self._slots[what] = len(self._slots)
            self.named[workspace] = named
            self.bytes += TABLE_BYTES + len(workspace) + len(item)
        number = self._sources.get(source)
        if number is None:
            number = self._sources[source] = len(self._sources)
            self.bytes += 4 * len(source)
        self.bytes += EVENT_BYTES + (len(name) if name.isascii() else 4 * len(name))
        self._slot.append(slot)
        self._quantity.append(quantity)
        self._offset.append(offset)
        self._keys.append(key_of(reading))
        self._source.append(number)
        self._ids.append(name)
        self._time.append(time_us)

    def __len__(self) -> int:
        return len(self._slot)

    def group(self, numbers: dict[str, int]) -> UsageGroup:
        """The group; `numbers`: of each workspace its index in the record's `named`."""
        first = self._offset[0]
        return UsageGroup(
            self.topic,
            self.partition,
            self.timestamp_ms,
            first,
            [Slot(numbers[workspace], *rest) for workspace, *rest in self._slots],  # type: ignore[arg-type]
            self._slot,
            self._quantity,
            [offset - first for offset in self._offset],
            b"".join(self._keys),
            encode_evidence(Evidence(list(self._sources), self._source, self._ids, self._time)),
        )


class OrderBuilder:
    """One order, or one binding, on its way to the journal."""

    def __init__(self, topic: str, partition: int, entry: OrderEntry, named: dict[str, Named]) -> None:
        self.topic, self.partition, self.entry, self.named = topic, partition, entry, named
        self.bytes = TABLE_BYTES + len(entry.content) + sum(TABLE_BYTES + len(name) for name in named)

    def group(self, numbers: dict[str, int]) -> OrderGroup:
        return OrderGroup(self.topic, self.partition, [self.entry])


class BindingBuilder:
    """One record of `workspaces` on its way to the journal."""

    def __init__(self, topic: str, partition: int, offset: int, timestamp_ms: int, named: Named) -> None:
        self.topic, self.partition, self.offset, self.timestamp_ms = topic, partition, offset, timestamp_ms
        self.named = {named.workspace: named}
        self.bytes = 2 * TABLE_BYTES

    def group(self, numbers: dict[str, int]) -> BindingGroup:
        (workspace,) = self.named
        return BindingGroup(
            self.topic, self.partition, [BindingEntry(self.offset, self.timestamp_ms, numbers[workspace])]
        )


Builder = UsageBuilder | OrderBuilder | BindingBuilder


def pack(builders: list[Builder]) -> bytes:
    """One journal record of these groups, in order."""
    named: dict[str, Named] = {}
    for builder in builders:
        for workspace, known in builder.named.items():
            standing = named.get(workspace)
            if standing is None or known.commercial < standing.commercial:
                named[workspace] = known
    numbers = {workspace: number for number, workspace in enumerate(named)}
    return encode(Gathered(list(named.values()), [builder.group(numbers) for builder in builders]))


class JournalWriter:
    """Writes to one journal partition, in order, one record under way at a time."""

    def __init__(self, partition: int, topic: str, producer: Callable[[], AIOKafkaProducer]) -> None:
        self.partition = partition
        self.topic = topic
        self._producer = producer
        self._waiting: deque[tuple[Builder, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, builder: Builder) -> asyncio.Future[None]:
        """Put a group in line; done when Kafka acknowledged the record that holds it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((builder, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return future

    def fail(self, reason: Retake) -> None:
        """Whatever waits is not written; its lanes read it again."""
        waiting, self._waiting = self._waiting, deque()
        for _, future in waiting:
            if not future.done():
                future.set_exception(reason)
                future.exception()

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # what the other lanes add in this turn goes along
        while self._waiting:
            batch = list(self._next())
            try:
                value = pack([builder for builder, _ in batch])
                assert len(value) <= RECORD_LIMIT_BYTES, f"a journal record is {len(value)} bytes long"
                await self._send(value)
            except (KafkaError, TimeoutError) as error:
                doubt = Retake(f"journal partition {self.partition} did not take a record ({error!r})")
                for _, future in batch:
                    if not future.done():
                        future.set_exception(doubt)
                        future.exception()
                self.fail(doubt)
                return
            for _, future in batch:
                if not future.done():
                    future.set_result(None)

    def _next(self) -> Iterator[tuple[Builder, asyncio.Future[None]]]:
        size = 0
        while self._waiting:
            size += self._waiting[0][0].bytes
            if size > GROUP_BYTES and size > self._waiting[0][0].bytes:
                return
            yield self._waiting.popleft()

    async def _send(self, value: bytes) -> Any:
        producer = self._producer()
        batch = producer.create_batch()
        batch.append(key=None, value=value, timestamp=None)
        future = await producer.send_batch(batch, self.topic, partition=self.partition)
        return await future
