"""Usage groups of a few events of one workspace: lists, where `journal_entries` makes arrays."""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple, Protocol

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


class FewEvents(NamedTuple):
    """Events of one source partition, all of one workspace, in source order, as lists side by side.

    `prefix`: `name_prefix` of each one's source.
    """

    kind: Sequence[EventKind]
    quantity: Sequence[int]
    time_us: Sequence[int]
    offset: Sequence[int]
    source: Sequence[str]
    prefix: Sequence[bytes]
    id: Sequence[str]


def small_group(
    topic: str, partition: int, timestamp_ms: int, named: Named, prefix: bytes, events: FewEvents
) -> "SmallUsageBuilder":
    """The builder of a group of at least one event; `prefix`: `name_prefix` of the workspace."""
    kinds, sources = dict.fromkeys(events.kind), dict.fromkeys(events.source)
    first, since_us, ids = events.offset[0], min(events.time_us), events.id
    names = [prefix + source + name.encode() for source, name in zip(events.prefix, ids, strict=True)]
    group = UsageGroup(
        topic,
        partition,
        timestamp_ms,
        first,
        since_us,
        [],
        packed_small(_numbers(kinds, events.kind)),
        packed_small(events.quantity),
        packed_small([offset - first for offset in events.offset]),
        packed_small([time_us - since_us for time_us in events.time_us]),
        b"".join(identities(names)),
        encode_evidence(Evidence(list(sources), _numbers(sources, events.source), list(ids))),
    )
    return SmallUsageBuilder(group, tuple(kinds), named)


def _numbers(table: Collection[Any], column: Sequence[Any]) -> list[int]:
    """The place of each value of a column in a table."""
    if len(table) == 1:
        return [0] * len(column)
    numbers = {value: number for number, value in enumerate(table)}
    return [numbers[value] for value in column]


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
