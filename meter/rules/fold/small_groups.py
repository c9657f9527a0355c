"""Counts usage groups of a few events together, as if each were counted after the one before.

Workspace topics bring thousands of small groups a record. Arrays made for three events cost more than the events do, so
what stands in a row of groups is one array. A group that has more to it than to be added up (a binding that is new,
a refusal, a correction) is counted by itself, at its place.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from meter.rules.fold.bindings import RecordNames
from meter.rules.fold.usage import (
    add,
    conflict,
    content_of,
    count_usage,
    duplicates,
    refusal,
)
from meter.rules.outputs.dead_letters import dead_usages
from meter.rules.state.context import FoldContext
from schemas.columns import ints, runs, small_column
from schemas.journal import Events, Named, Slot, UsageGroup, decode_evidence

#: Events of a group that is counted with others; a larger one pays for its own arrays.
SMALL = 256


class _Joined(NamedTuple):
    """Groups in a row: where the events and the slots of each begin, all their slots, and all their events."""

    groups: Sequence[UsageGroup]
    first_event: Sequence[int]
    slots: Sequence[Slot]
    #: The source partition of each slot, one object for all of a group.
    sources: Sequence[tuple[str, int]]
    events: Events


def count_groups(context: FoldContext, groups: Sequence[UsageGroup], names: RecordNames) -> Iterator[None]:
    """Count usage groups in their order, small ones that only have to be added up together."""
    joined: list[UsageGroup] = []
    plain: dict[tuple[int, str], bool] = {}
    for group in groups:
        if _only_adds(context, group, names.by_number, plain):
            joined.append(group)
            continue
        yield from _count_joined(context, joined, names)
        joined = []
        yield from count_usage(context, group, names)
    yield from _count_joined(context, joined, names)


def _only_adds(
    context: FoldContext, group: UsageGroup, named: Sequence[Named], plain: dict[tuple[int, str], bool]
) -> bool:
    """Whether the group is small, and nothing is to be done but to add its events up."""
    if len(group) > SMALL:
        return False
    for slot in group.slots:
        kind = (slot.day, slot.item)
        if kind not in plain:
            plain[kind] = refusal(context, *kind) is None
        if slot.corrected or not plain[kind] or _binds(context, named[slot.named]):
            return False
    return True


def _binds(context: FoldContext, named: Named) -> bool:
    """Whether a binding says something new (`meter.rules.fold.bindings.bind`)."""
    known = context.rows.binding(named.workspace)
    return known is None or known.commercial > named.commercial


def _count_joined(context: FoldContext, groups: Sequence[UsageGroup], names: RecordNames) -> Iterator[None]:
    if len(groups) < 2:
        for group in groups:
            yield from count_usage(context, group, names)
        return
    names.cells.clear()
    joined = _join(groups)
    events, slots = joined.events, joined.slots
    yield
    contents = events.contents(slots)
    earlier = context.rows.claim([slot.day for slot in slots], events.slot, events.identities, contents)
    yield
    counted = runs(events.slot, events.quantity, events.offset, earlier)
    yield from add(context, slots, joined.sources, names.by_number, counted)
    context.metric("usage", "counted", len(events) - len(earlier))
    for number, group in enumerate(groups):
        yield from _end(context, joined, number, names.by_number, earlier, contents)
        context.repeats.passed(group.topic, group.partition, _last_offset(joined, number))


def _join(groups: Sequence[UsageGroup]) -> _Joined:
    slot: list[int] = []
    quantity: list[int] = []
    offset: list[int] = []
    time_us: list[int] = []
    slots: list[Slot] = []
    sources: list[tuple[str, int]] = []
    first_event = []
    for group in groups:
        first_event.append(len(slot))
        base, first, since_us = len(slots), group.first_offset, group.since_us
        slot += [base + each for each in small_column(group.slot)]
        quantity += small_column(group.quantity)
        offset += [first + each for each in small_column(group.offset)]
        time_us += [since_us + each for each in small_column(group.after_us)]
        slots += group.slots
        sources += [(group.topic, group.partition)] * len(group.slots)
    first_event.append(len(slot))
    identities = b"".join([group.identities for group in groups])
    events = Events(ints(slot), ints(quantity), ints(offset), ints(time_us), identities)
    return _Joined(groups, first_event, slots, sources, events)


def _end(
    context: FoldContext,
    joined: _Joined,
    number: int,
    named: Sequence[Named],
    earlier: Mapping[int, bytes],
    contents: bytes,
) -> Iterator[None]:
    """Count the duplicates of one of the groups, and publish its conflicts."""
    group, first, end = joined.groups[number], joined.first_event[number], joined.first_event[number + 1]
    own = {event - first: earlier[event] for event in range(first, end) if event in earlier} if earlier else {}
    if not own and group.first_offset > context.repeats.through(group.topic, group.partition):
        return
    events = group.events()
    conflicts = [event for event, told in own.items() if told != content_of(contents, first + event)]
    context.metric("usage", "duplicate", duplicates(context, group, events, own, conflicts))
    if conflicts:
        evidence = decode_evidence(group.evidence)
        yield from dead_usages(
            context,
            lambda event: conflict(evidence, event),
            group,
            named,
            events,
            conflicts,
            evidence,
            range(len(events)),
        )


def _last_offset(joined: _Joined, number: int) -> int:
    return int(joined.events.offset[joined.first_event[number + 1] - 1])
