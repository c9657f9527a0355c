"""The traces of one source record: dead letters, its entry in the journal, the first event of its identity."""

from collections.abc import AsyncIterator
from typing import NamedTuple

import numpy as np

from meter.commands.account_state import read
from meter.explain.dead import DeadPlaces, LetterRow, ranges_of, read_letter
from meter.explain.log_reader import LogReader
from meter.explain.model import Where
from meter.kafka.topics import Topics
from schemas.journal import IDENTITY_BYTES, BindingGroup, Gathered, Named, OrderGroup, UsageGroup, decode
from schemas.orders import order_from_json
from schemas.outcomes import OrderOutcome


class Found(NamedTuple):
    """A source record's entry in the journal; fields that its kind does not have are empty."""

    journal_partition: int
    journal_offset: int
    account: str
    workspace: str = ""
    item: str = ""
    day: int = 0
    retention: int = 0
    corrected: bool = False
    quantity: int = 0
    identity: bytes = b""
    order_id: str = ""
    #: Whether it is the first of its order id in the journal record.
    first_of_record: bool = True


class Search:
    """Searches a record's traces; `since_us`: none is older (None: not known)."""

    def __init__(self, logs: LogReader, topics: Topics, where: Where, partitions: int, since_us: int | None) -> None:
        self._logs, self._topics, self._where = logs, topics, where
        self._partitions, self._since_us = partitions, since_us

    async def letters(self) -> list[tuple[int, LetterRow]]:
        """The letters that name the record, each with its partition."""
        where, found = self._where, []
        place = f'"topic":"{where.topic}","partition":{where.partition},'.encode()
        for partition in range(self._partitions):
            async for value in self._values(self._topics.dead_letters, partition, self._since_us, place):
                if place in value[1]:
                    letter = read_letter(value[1])
                    if any(first <= where.offset <= last for first, last in ranges_of(letter)):
                        found.append((partition, letter))
        return found

    async def entry(self, kind: str) -> Found | None:
        """Its entry in the journal; None if no partition has one."""
        for partition in range(self._partitions):
            named = self._where.topic.encode()
            async for offset, value in self._values(self._topics.journal, partition, self._since_us, named):
                if named not in value:
                    continue
                record = decode(value)
                if isinstance(record, Gathered):
                    found, passed = self._in_record(record, partition, offset)
                    if found is not None:
                        return found
                    if passed and kind == "usage" and self._since_us is not None:
                        break
        return None

    async def first_of(self, found: Found, since_us: int) -> Where | None:
        """The first event of the identity in its cell, which is the one that counts; None if that is not kept."""
        dead = await self._dead(found, since_us)
        named = found.workspace.encode()
        async for offset, value in self._values(self._topics.journal, found.journal_partition, since_us, named):
            if offset > found.journal_offset:
                break
            if named in value:
                record = decode(value)
                for group in record.groups if isinstance(record, Gathered) else ():
                    if isinstance(group, UsageGroup):
                        for at in _at(group, record.named, found):
                            if not dead.holds(group.topic, group.partition, at):
                                return Where(topic=group.topic, partition=group.partition, offset=at)
        return None

    async def outcome(self, found: Found) -> OrderOutcome | None:
        """The order's outcome."""
        topic, key = self._topics.order_outcomes, f"{found.account}/{found.order_id}".encode()
        low, high = await self._logs.bounds(topic, found.journal_partition)
        async for _, records in self._logs.newest_first(topic, found.journal_partition, low, high, key):
            for record in reversed(records):
                if record.key == key and record.value is not None:
                    return read(topic, OrderOutcome, record.value)
        return None

    async def order_at(self, found: Found, offset: int) -> Where | None:
        """The source record of the order that was decided by a journal record."""
        topic, partition = self._topics.journal, found.journal_partition
        low, _ = await self._logs.bounds(topic, partition)
        if offset < low:
            return None
        async for records in self._logs.lists(topic, partition, offset, offset + 1):
            record = decode(records[0].value)
            for group in record.groups if isinstance(record, Gathered) else ():
                for entry in group.entries if isinstance(group, OrderGroup) else ():
                    order = order_from_json(entry.content)
                    if (order.account, order.order_id) == (found.account, found.order_id):
                        return Where(topic=group.topic, partition=group.partition, offset=entry.offset)
        return None

    async def _dead(self, found: Found, since_us: int) -> DeadPlaces:
        dead = DeadPlaces()
        async for _, value in self._values(self._topics.dead_letters, found.journal_partition, since_us):
            dead.take(read_letter(value))
        return dead

    def _in_record(self, record: Gathered, partition: int, journal_offset: int) -> tuple[Found | None, bool]:
        """The entry, if the record has it; and whether it has later records of the same source."""
        passed = False
        seen: set[tuple[str, str]] = set()
        for group in record.groups:
            if isinstance(group, OrderGroup):
                found = self._order(group, partition, journal_offset, seen)
            elif (group.topic, group.partition) != (self._where.topic, self._where.partition):
                continue
            elif isinstance(group, BindingGroup):
                found = self._binding(group, record.named, partition, journal_offset)
            else:
                found, last = self._event(group, record.named, partition, journal_offset)
                passed |= last > self._where.offset
            if found is not None:
                return found, True
        return None, passed

    def _event(
        self, group: UsageGroup, named: list[Named], partition: int, journal_offset: int
    ) -> tuple[Found | None, int]:
        events = group.events()
        at = np.flatnonzero(events.offset == self._where.offset)
        if not len(at):
            return None, int(events.offset[-1])
        event = int(at[0])
        slot = group.slots[int(events.slot[event])]
        who = named[slot.named]
        return Found(
            partition,
            journal_offset,
            who.account,
            who.workspace,
            slot.item,
            slot.day,
            slot.retention,
            slot.corrected,
            int(events.quantity[event]),
            events.identities[event * IDENTITY_BYTES : (event + 1) * IDENTITY_BYTES],
        ), self._where.offset

    def _binding(self, group: BindingGroup, named: list[Named], partition: int, journal_offset: int) -> Found | None:
        for entry in group.entries:
            if entry.offset == self._where.offset:
                who = named[entry.named]
                return Found(partition, journal_offset, who.account, who.workspace)
        return None

    def _order(
        self, group: OrderGroup, partition: int, journal_offset: int, seen: set[tuple[str, str]]
    ) -> Found | None:
        for entry in group.entries:
            order = order_from_json(entry.content)
            name = (order.account, order.order_id)
            if (group.topic, group.partition, entry.offset) == (
                self._where.topic,
                self._where.partition,
                self._where.offset,
            ):
                return Found(partition, journal_offset, name[0], order_id=name[1], first_of_record=name not in seen)
            seen.add(name)
        return None

    async def _values(
        self, topic: str, partition: int, since_us: int | None, *needles: bytes
    ) -> AsyncIterator[tuple[int, bytes]]:
        """Offsets and values of a partition, from an instant on."""
        low, high = await self._logs.bounds(topic, partition)
        if since_us is not None:
            since = await self._logs.offset_at(topic, partition, since_us)
            low = high if since is None else max(low, since)
        async for records in self._logs.lists(topic, partition, low, high, *needles):
            for record in records:
                if record.value is not None:
                    yield record.offset, record.value


def _at(group: UsageGroup, named: list[Named], found: Found) -> list[int]:
    """Source offsets of the group's events that have the identity and are of the same cell, in order."""
    slots = [
        number
        for number, slot in enumerate(group.slots)
        if (slot.item, slot.day) == (found.item, found.day) and named[slot.named].workspace == found.workspace
    ]
    if not slots or found.identity not in group.identities:
        return []
    events = group.events()
    wanted = np.frombuffer(found.identity, dtype=np.uint64)
    rows = np.frombuffer(events.identities, dtype=np.uint64).reshape(-1, IDENTITY_BYTES // 8)
    same = np.all(rows == wanted, axis=1) & np.isin(events.slot, slots)
    return [int(each) for each in events.offset[same]]
