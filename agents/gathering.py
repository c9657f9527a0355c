"""Gathering: entries for one journal partition, packed into records of at most 512 KiB, one under way at a time.

What arrives while a record is under way waits for the next: records grow by themselves under load. One
unacknowledged record a partition keeps the order of the log, so a top-up never follows its purchase.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from agents.homes import Home
from agents.reading import Reading, content_of, content_tail, identity_of
from meter.batch.lanes import Retake
from meter.failpoints import reach
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

#: What an event mostly takes in a record besides its id: key, offset, quantity, slot, instant, source.
EVENT_BYTES = 44
#: What a slot or a named workspace takes besides its names.
SLOT_BYTES = 16
#: What an order, a binding or an empty group takes besides its content.
TABLE_BYTES = 120
#: A record is packed at this estimate; one that comes out too long is packed as two.
GROUP_BYTES = RECORD_LIMIT_BYTES * 95 // 100


class Shape:
    """Events that differ only in id, source, quantity and instant: same workspace, item, retention, day and type."""

    __slots__ = ("corrected", "day", "home", "item", "least", "retention", "tail")

    def __init__(self, home: Home, reading: Reading, least: int) -> None:
        self.home = home
        self.item = reading.item
        self.retention = reading.retention
        self.day = reading.day
        self.corrected = reading.corrected
        #: The least quantity that such an event may have.
        self.least = least
        self.tail = content_tail(reading)


class UsageBuilder:
    """Builds one usage group of one source partition for one journal partition."""

    def __init__(self, topic: str, partition: int) -> None:
        self.topic = topic
        self.partition = partition
        self.bytes = TABLE_BYTES
        self.timestamp_ms = 0
        self.named: dict[str, Named] = {}
        self._slots: dict[Shape, int] = {}
        self._sources: dict[str, int] = {}
        #: Of each event: slot, quantity, offset, key, source, id, instant.
        self.events: list[tuple[int, int, int, bytes, int, str, int]] = []

    def add(
        self, shape: Shape, quantity: int, time_us: int, source: str, prefix: bytes, name: str, offset: int
    ) -> None:
        """Add an event at its source offset; `prefix` is `source_prefix(source)`."""
        slot = self._slots.get(shape)
        if slot is None:
            slot = self._new_slot(shape)
        number = self._sources.get(source)
        if number is None:
            number = self._sources[source] = len(self._sources)
            self.bytes += len(prefix)
        key = identity_of(prefix, name) + content_of(quantity, time_us, shape.tail)
        self.bytes += EVENT_BYTES + (len(name) if name.isascii() else 4 * len(name))
        self.events.append((slot, quantity, offset, key, number, name, time_us))

    def _new_slot(self, shape: Shape) -> int:
        slot = self._slots[shape] = len(self._slots)
        named = shape.home.named
        self.bytes += SLOT_BYTES + len(shape.item)
        if named.workspace not in self.named:
            self.named[named.workspace] = named
            self.bytes += SLOT_BYTES + len(named.workspace) + len(named.account)
        return slot

    def __len__(self) -> int:
        return len(self.events)

    def halves(self) -> "tuple[UsageBuilder, UsageBuilder]":
        """Two builders with the first and the second half of the events, the same tables."""
        middle = len(self.events) // 2
        assert middle, "one event fits a journal record by far"
        first, second = UsageBuilder(self.topic, self.partition), UsageBuilder(self.topic, self.partition)
        for half, events in ((first, self.events[:middle]), (second, self.events[middle:])):
            half.timestamp_ms, half.events = self.timestamp_ms, events
            half.named, half._slots, half._sources = self.named, self._slots, self._sources
            half.bytes = self.bytes // 2
        return first, second

    def group(self, numbers: dict[str, int]) -> UsageGroup:
        """The group; `numbers`: of each workspace its index in the record's `named`."""
        slots, quantities, offsets, keys, sources, ids, times = map(list, zip(*self.events, strict=True))
        first, since_us = offsets[0], times[0]
        evidence = Evidence(list(self._sources), sources, ids, since_us, [time_us - since_us for time_us in times])
        return UsageGroup(
            self.topic,
            self.partition,
            self.timestamp_ms,
            first,
            [
                Slot(numbers[shape.home.named.workspace], shape.item, shape.retention, shape.day, shape.corrected)
                for shape in self._slots
            ],
            slots,
            quantities,
            [offset - first for offset in offsets],
            b"".join(keys),
            encode_evidence(evidence),
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


def pack(builders: Sequence[Builder]) -> list[bytes]:
    """Journal records of these groups, in order: one, unless they do not fit."""
    named: dict[str, Named] = {}
    for builder in builders:
        for workspace, known in builder.named.items():
            standing = named.get(workspace)
            if standing is None or known.commercial < standing.commercial:
                named[workspace] = known
    numbers = {workspace: number for number, workspace in enumerate(named)}
    record = encode(Gathered(list(named.values()), [builder.group(numbers) for builder in builders]))
    if len(record) <= RECORD_LIMIT_BYTES:
        return [record]
    middle = len(builders) // 2
    if middle:
        return pack(builders[:middle]) + pack(builders[middle:])
    (builder,) = builders
    assert isinstance(builder, UsageBuilder), f"an order or a binding takes {len(record)} bytes of a journal record"
    first, second = builder.halves()
    return pack([first]) + pack([second])


class JournalWriter:
    """Writes to one journal partition, in order, one record under way at a time."""

    def __init__(
        self,
        partition: int,
        topic: str,
        producer: Callable[[], AIOKafkaProducer],
        doubted: Callable[[], None] = lambda: None,
    ) -> None:
        self.partition = partition
        self.topic = topic
        #: LogAppendTime of the last record written: what the broker's clock has passed.
        self.appended_ms = 0
        self._producer = producer
        self._doubted = doubted
        self._waiting: deque[tuple[Builder, asyncio.Future[None]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, builder: Builder) -> asyncio.Future[None]:
        """Put a group in line; done when Kafka acknowledged the record that holds it."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((builder, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._drain())
        return future

    def _fail(self, batch: list[tuple[Builder, asyncio.Future[None]]], error: Exception) -> None:
        """A record was not written: neither is what waits behind it; the lanes read it all again.

        After an error of Kafka they do so with another producer; any other is a bug, and theirs to tell.
        """
        if isinstance(error, KafkaError | TimeoutError):
            self._doubted()
            error = Retake(f"journal partition {self.partition} did not take a record ({error!r})")
        waiting, self._waiting = self._waiting, deque()
        for _, future in (*batch, *waiting):
            if not future.done():
                future.set_exception(error)
                future.exception()

    async def _drain(self) -> None:
        await asyncio.sleep(0)  # what the other lanes add in this turn goes along
        while self._waiting:
            batch = list(self._next())
            try:
                for value in pack([builder for builder, _ in batch]):
                    await self._send(value)
            except Exception as error:  # whatever it is, nobody may wait for it for ever
                self._fail(batch, error)
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

    async def _send(self, value: bytes) -> None:
        reach("journal.packed")
        producer = self._producer()
        batch = producer.create_batch()
        batch.append(key=None, value=value, timestamp=None)
        future = await producer.send_batch(batch, self.topic, partition=self.partition)
        reach("journal.sent")
        self.appended_ms = (await future).timestamp or 0
        reach("journal.acknowledged")
