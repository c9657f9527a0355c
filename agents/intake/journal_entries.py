"""Builds journal entries of usage, orders and bindings, and packs them into journal records."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from agents.intake.small_groups import TABLE_BYTES, SmallUsageBuilder
from agents.intake.validation_cache import Kind, ValidationCache
from schemas.columns import Ints, column, width_of
from schemas.journal import (
    IDENTITY_BYTES,
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

#: Bytes of a text in a record besides its characters.
TEXT_BYTES = 3
#: About how many bytes an event takes in a record besides its id.
EVENT_BYTES = IDENTITY_BYTES + 20
#: Bytes of an event's source, as a number.
SOURCE_BYTES = 3
#: A record is packed at this estimated size; if it turns out too long it is packed as two.
GROUP_BYTES = RECORD_LIMIT_BYTES * 97 // 100
#: Orders in a record take at most about so much: each of them may change the figures of 1,000 workspaces.
ORDERS_BYTES = 1024 * 1024
#: A group is not cut to fill a record if a part would have fewer events than this.
LEAST_CUT = 64


@dataclass(slots=True)
class Events:
    """Events of one source partition as columns. `class_number`: see ValidationCache; `source`: indexes `sources`."""

    class_number: Ints
    quantity: Ints
    time_us: Ints
    offset: Ints
    source: Ints
    ids: list[str]
    identities: bytes
    sources: list[str]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, start: int, end: int) -> "Events":
        """The events from `start` to `end`."""
        return Events(
            self.class_number[start:end],
            self.quantity[start:end],
            self.time_us[start:end],
            self.offset[start:end],
            self.source[start:end],
            self.ids[start:end],
            self.identities[start * IDENTITY_BYTES : end * IDENTITY_BYTES],
            self.sources,
        )

    def at(self, events: Ints) -> "Events":
        """Some of the events, by index."""
        identities = np.frombuffer(self.identities, dtype=f"V{IDENTITY_BYTES}")
        return Events(
            self.class_number[events],
            self.quantity[events],
            self.time_us[events],
            self.offset[events],
            self.source[events],
            list(map(self.ids.__getitem__, events.tolist())),
            identities[events].tobytes(),
            self.sources,
        )


class UsageBuilder:
    """A usage group of one source partition for one journal partition; `whole`: the one that it is a part of."""

    def __init__(
        self,
        topic: str,
        partition: int,
        timestamp_ms: int,
        cache: ValidationCache,
        events: Events,
        whole: "UsageBuilder | None" = None,
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.timestamp_ms = timestamp_ms
        self.events = events
        self._cache = cache
        self._numbers, self._slot = np.unique(events.class_number, return_inverse=True)
        #: What was known of the workspaces when their events were read.
        self._slots: list[tuple[Named, Kind]]
        if whole is None:
            found = [cache.of(number) for number in self._numbers.tolist()]
            self._slots = [(entry.named, kind) for entry, kind in found]
        else:
            at = whole._numbers.searchsorted(self._numbers)
            self._slots = list(map(whole._slots.__getitem__, at.tolist()))
        used, self._source = np.unique(events.source, return_inverse=True)
        self._sources = [events.sources[number] for number in used.tolist()]
        self.bytes = self._size()

    @cached_property
    def named(self) -> dict[str, Named]:
        """The workspaces of its events."""
        return {named.workspace: named for named, _ in self._slots}

    def _size(self) -> int:
        events = self.events
        widths = sum(
            width_of(0, int(each.max() - each.min()) + 1) for each in (self._slot, events.time_us, events.offset)
        )
        widths += width_of(int(events.quantity.min()), int(events.quantity.max())) + SOURCE_BYTES
        texts = [*events.ids, *self._sources]
        tables = TABLE_BYTES + self._cache.table_bytes(self._numbers)
        return tables + len(events) * (IDENTITY_BYTES + widths) + TEXT_BYTES * len(texts) + _encoded(texts)

    def __len__(self) -> int:
        return len(self.events)

    def cut(self, count: int) -> "tuple[UsageBuilder, UsageBuilder]":
        """Two builders: one of the first `count` events, one of the rest."""
        parts = self.events.part(0, count), self.events.part(count, len(self))
        first, rest = (
            UsageBuilder(self.topic, self.partition, self.timestamp_ms, self._cache, part, self) for part in parts
        )
        return first, rest

    def fitting(self, room: int) -> int:
        """About how many of its events fit in `room` bytes; 0 if cutting is not worth it."""
        count = len(self) * room // self.bytes
        return count if LEAST_CUT <= count <= len(self) - LEAST_CUT else 0

    def group(self, numbers: dict[str, int]) -> UsageGroup:
        """The group; `numbers`: workspace -> its index in the record's `named`."""
        events = self.events
        first, since_us = int(events.offset[0]), int(events.time_us.min())
        return UsageGroup(
            self.topic,
            self.partition,
            self.timestamp_ms,
            first,
            since_us,
            [
                Slot(numbers[named.workspace], kind.item, kind.retention, kind.day, kind.corrected)
                for named, kind in self._slots
            ],
            column(self._slot),
            column(events.quantity),
            column(events.offset - first),
            column(events.time_us - since_us),
            events.identities,
            encode_evidence(Evidence(self._sources, self._source.tolist(), events.ids)),
        )


def _encoded(texts: Sequence[str]) -> int:
    """Bytes of texts in UTF-8."""
    return len("".join(texts).encode())


class OrderBuilder:
    """The journal entry of one order."""

    def __init__(self, topic: str, partition: int, entry: OrderEntry, named: dict[str, Named]) -> None:
        self.topic, self.partition, self.entry, self.named = topic, partition, entry, named
        self.bytes = self.bytes_beside(set())

    def bytes_beside(self, named: Set[str]) -> int:
        """Its bytes in a record that already names the workspaces `named`.

        Thousands of orders on one plan name the same workspaces; the fewer records they take, the fewer times the
        plan's cells are recalculated.
        """
        new = self.named.keys() - named
        return TABLE_BYTES + len(self.entry.content) + TABLE_BYTES * len(new) + sum(map(len, new))

    def group(self, numbers: dict[str, int]) -> OrderGroup:
        return OrderGroup(self.topic, self.partition, [self.entry])


class BindingBuilder:
    """The journal entry of one record of `workspaces`."""

    def __init__(self, topic: str, partition: int, offset: int, timestamp_ms: int, named: Named) -> None:
        self.topic, self.partition, self.offset, self.timestamp_ms = topic, partition, offset, timestamp_ms
        self.named = {named.workspace: named}
        self.bytes = 2 * TABLE_BYTES

    def group(self, numbers: dict[str, int]) -> BindingGroup:
        (workspace,) = self.named
        return BindingGroup(
            self.topic, self.partition, [BindingEntry(self.offset, self.timestamp_ms, numbers[workspace])]
        )


Builder = UsageBuilder | SmallUsageBuilder | OrderBuilder | BindingBuilder


def pack(builders: Sequence[Builder]) -> list[bytes]:
    """Encodes groups as journal records, in order: one record, or several if they do not fit."""
    named: dict[str, Named] = {}
    for builder in builders:
        for workspace, known in builder.named.items():
            earlier = named.get(workspace)
            if earlier is None or known.commercial < earlier.commercial:
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
    assert len(builder) > 1, "one event fits a journal record by far"
    first, second = builder.cut(len(builder) // 2)
    return pack([first]) + pack([second])
