"""Usage groups of a few events of one workspace: lists, where `journal_entries` makes arrays."""

from collections.abc import Sequence
from typing import Protocol

from schemas.columns import packed_small
from schemas.journal import Evidence, Named, Slot, UsageGroup, encode_evidence, identities

#: Bytes of a named workspace besides its texts.
NAMED_BYTES = 16
#: Bytes of a slot besides its texts.
SLOT_BYTES = 16
#: Bytes of an order, a binding or an empty group besides its content.
TABLE_BYTES = 160


class EventKind(Protocol):
    """What events have in common beside their workspace; equal ones are one object."""

    @property
    def item(self) -> str: ...
    @property
    def retention(self) -> int: ...
    @property
    def day(self) -> int: ...


class Unpacked:
    """Events of one source partition, all of one workspace, in source order, as lists."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        self._kinds: dict[EventKind, int] = {}
        self._sources: dict[str, int] = {}
        self._slot: list[int] = []
        self._quantity: list[int] = []
        self._time_us: list[int] = []
        self._offset: list[int] = []
        self._source: list[int] = []
        self._ids: list[str] = []
        self._names: list[bytes] = []

    def add(
        self, kind: EventKind, quantity: int, time_us: int, offset: int, source_prefix: bytes, source: str, name: str
    ) -> None:
        """Add an event; `name` is its id."""
        kinds, sources = self._kinds, self._sources
        self._slot.append(kinds.setdefault(kind, len(kinds)))
        self._source.append(sources.setdefault(source, len(sources)))
        self._quantity.append(quantity)
        self._time_us.append(time_us)
        self._offset.append(offset)
        self._ids.append(name)
        self._names.append(self._prefix + source_prefix + name.encode())

    def builder(self, topic: str, partition: int, timestamp_ms: int, named: Named) -> "SmallUsageBuilder":
        """The group's builder; there is at least one event."""
        first, since_us = self._offset[0], min(self._time_us)
        evidence = encode_evidence(Evidence(list(self._sources), self._source, self._ids))
        group = UsageGroup(
            topic,
            partition,
            timestamp_ms,
            first,
            since_us,
            [],
            packed_small(self._slot),
            packed_small(self._quantity),
            packed_small([offset - first for offset in self._offset]),
            packed_small([time_us - since_us for time_us in self._time_us]),
            b"".join(identities(self._names)),
            evidence,
        )
        return SmallUsageBuilder(group, tuple(self._kinds), named)


class SmallUsageBuilder:
    """A usage group on its way to the journal that is not cut."""

    def __init__(self, group: UsageGroup, kinds: Sequence[EventKind], named: Named) -> None:
        self.topic, self.partition = group.topic, group.partition
        self.named: dict[str, Named] = {named.workspace: named}
        self._group, self._kinds, self._workspace = group, kinds, named.workspace
        columns = len(group.slot) + len(group.quantity) + len(group.offset) + len(group.after_us)
        names = NAMED_BYTES + len(named.workspace) + len(named.account)
        slots = sum(SLOT_BYTES + len(kind.item) for kind in kinds)
        self.bytes = TABLE_BYTES + columns + len(group.identities) + len(group.evidence) + names + slots

    def __len__(self) -> int:
        return len(self._group)

    def group(self, numbers: dict[str, int]) -> UsageGroup:
        """The group; `numbers`: of each workspace its index in the record's `named`."""
        number = numbers[self._workspace]
        self._group.slots = [Slot(number, kind.item, kind.retention, kind.day, False) for kind in self._kinds]
        return self._group
