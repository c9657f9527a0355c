"""Counts each usage event once, into the totals of its cell.

Identities come first: an event with a known identity is a duplicate or, with other content, a conflict; only a counted
event claims its identity. Then the counted events are added up slot by slot (a workspace, item, day and retention).
"""

from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from sys import intern

from meter.rules.fold.bindings import RecordNames, bind_named
from meter.rules.outputs.dead_letters import dead_usages
from meter.rules.state.cause import CellChange, SourceRange
from meter.rules.state.context import FoldContext
from meter.rules.state.rows import CellKey
from schemas.columns import Run, runs
from schemas.ids import shown
from schemas.journal import CONTENT_BYTES, Events, Evidence, Named, Slot, UsageGroup, decode_evidence
from schemas.reasons import DeadReason
from schemas.rows import Correction, Use, added

#: Cells to which one step of the fold adds usage: they may have to be read. A large cell counts as several.
CELLS_A_STEP = 8
WORKSPACES_A_CELL = 256


def count_usage(context: FoldContext, group: UsageGroup, names: RecordNames) -> Iterator[None]:
    """Count a group of usage into its cells."""
    named, events = names.by_number, group.events()
    source = SourceRange(group.topic, group.partition, int(events.offset[0]), int(events.offset[-1]))
    bind_named(context, [named[index] for index in dict.fromkeys([slot.named for slot in group.slots])], names, source)
    names.cells.clear()
    yield
    refused = _refused_slots(context, group)
    if refused:
        yield from _count_others(context, group, events, named, refused)
    else:
        yield from _count(context, group, events, range(len(events)), named)
    context.repeats.passed(group.topic, group.partition, int(events.offset[-1]))


def _count_others(
    context: FoldContext,
    group: UsageGroup,
    events: Events,
    named: Sequence[Named],
    refused: dict[int, tuple[DeadReason, str]],
) -> Iterator[None]:
    """Count the events whose slots are not refused; the others become dead letters."""
    evidence = decode_evidence(group.evidence)
    kept: list[int] = []
    dead: list[int] = []
    slots = events.slot.tolist()
    for event, slot in enumerate(slots):
        (dead if slot in refused else kept).append(event)
    places = range(len(events))
    yield from dead_usages(context, lambda event: refused[slots[event]], group, named, events, dead, evidence, places)
    yield from _count(context, group, events.at(kept), kept, named)


def _count(
    context: FoldContext, group: UsageGroup, events: Events, numbers: Sequence[int], named: Sequence[Named]
) -> Iterator[None]:
    """Count events; `numbers`: each event's place in the group's evidence."""
    slots = group.slots
    contents = events.contents(slots)
    earlier = context.rows.claim([slot.day for slot in slots], events.slot, events.identities, contents)
    conflicts = [event for event, first in earlier.items() if first != content_of(contents, event)]
    evidence = decode_evidence(group.evidence) if conflicts or any(slot.corrected for slot in slots) else None
    yield
    counted = runs(events.slot, events.quantity, events.offset, earlier)
    corrected = yield from add(context, slots, [(group.topic, group.partition)] * len(slots), named, counted)
    if corrected:
        assert evidence is not None
        _correct(corrected, events, earlier, evidence, numbers)
    context.metric("usage", "counted", len(events) - len(earlier))
    context.metric("usage", "duplicate", duplicates(context, group, events, earlier, conflicts))
    if conflicts:
        assert evidence is not None
        known = evidence
        yield from dead_usages(
            context, lambda event: conflict(known, numbers[event]), group, named, events, conflicts, known, numbers
        )


def conflict(evidence: Evidence, number: int) -> tuple[DeadReason, str]:
    return DeadReason.CONFLICTING_DUPLICATE, (
        f"id {shown(evidence.ids[number])} of source {shown(evidence.source_of(number))} was counted before with "
        "another item, quantity, retention, type or time, and that stays; send other usage under another id"
    )


def duplicates(
    context: FoldContext, group: UsageGroup, events: Events, earlier: Mapping[int, bytes], conflicts: Sequence[int]
) -> int:
    """How many events are duplicates for the metrics: events that the intake wrote twice are not.

    Such an event never counts again. If one did count, the topic was deleted and made again, and its offsets restarted.
    """
    through = context.repeats.through(group.topic, group.partition)
    if not len(events) or int(events.offset[0]) > through:
        return len(earlier) - len(conflicts)
    known = int((events.offset <= through).sum())
    if any(event not in earlier for event in range(known)):
        context.repeats.begin_again(group.topic, group.partition)
        return len(earlier) - len(conflicts)
    return sum(event >= known for event in earlier) - sum(event >= known for event in conflicts)


def add(
    context: FoldContext,
    slots: Sequence[Slot],
    sources: Sequence[tuple[str, int]],
    named: Sequence[Named],
    counted: Iterable[Run],
) -> Generator[None, None, dict[int, Use]]:
    """Add each slot's counted events to its cell. Returns the uses of slots with corrections, for `_correct`.

    `sources`: the source partition of each slot, one object for all of a group.
    """
    corrected: dict[int, Use] = {}
    changes, cells = context.changes, 0
    add_up = {kind: adds_up(context, *kind) for kind in {(slot.day, slot.item) for slot in slots}}
    all_add_up = all(add_up.values())
    for number, total, largest, first, last in counted:
        slot, source = slots[number], sources[number]
        who, day, item = named[slot.named], slot.day, slot.item
        key = (who.account, day, item)
        change = changes.get(key)
        if change is None or change.source is not source:
            change = _begin(context, key, source)
            cells += 1 + len(change.cell.uses) // WORKSPACES_A_CELL
            if cells >= CELLS_A_STEP:
                cells = 0
                yield
        if first < change.first_offset:
            change.first_offset = first
        if last > change.last_offset:
            change.last_offset = last
        workspace, uses = who.workspace, change.cell.uses
        change.used[workspace] = None
        use = uses.get(workspace)
        if use is None:
            use = uses[intern(workspace)] = Use()
        if all_add_up or add_up[day, item]:
            use.sums = added(use.sums, slot.retention, total)
        elif slot.corrected:
            corrected[number] = use
        else:
            use.peak = max(use.peak, largest)
    return corrected


def _begin(context: FoldContext, key: CellKey, source: tuple[str, int]) -> CellChange:
    """The record's change of a cell, with this source as the latest that changes it."""
    cell = context.rows.cell(key)
    context.rows.put_cell(cell)
    change = context.change(cell)
    change.by_usage(source)
    return change


def adds_up(context: FoldContext, day: int, name: str) -> bool:
    item = context.known().item(name, day)
    return item is not None and item.aggregation == "sum"


def _correct(
    uses: Mapping[int, Use], events: Events, earlier: Container[int], evidence: Evidence, numbers: Sequence[int]
) -> None:
    """Apply corrections of a day's count to the uses of their slots: the latest correction of a day applies."""
    for event, slot in enumerate(events.slot.tolist()):
        if slot in uses and event not in earlier:
            use, number = uses[slot], numbers[event]
            source, name = evidence.source_of(number), evidence.ids[number]
            correction = Correction(int(events.time_us[event]), source, name, int(events.quantity[event]))
            if use.correction is None or _rank(correction) > _rank(use.correction):
                use.correction = correction


def _rank(correction: Correction) -> tuple[int, str, str]:
    return (correction.time_us, correction.source, correction.id)


def content_of(contents: bytes, event: int) -> bytes:
    return contents[event * CONTENT_BYTES : (event + 1) * CONTENT_BYTES]


def _refused_slots(context: FoldContext, group: UsageGroup) -> dict[int, tuple[DeadReason, str]]:
    why = {kind: refusal(context, *kind) for kind in {(slot.day, slot.item) for slot in group.slots}}
    if not any(why.values()):
        return {}
    refusals = ((number, why[(slot.day, slot.item)]) for number, slot in enumerate(group.slots))
    return {number: refused for number, refused in refusals if refused is not None}


def refusal(context: FoldContext, day: int, item: str) -> tuple[DeadReason, str] | None:
    """Why usage of the item cannot count on the day; None if it can."""
    facts = context.known()
    if day <= facts.expired_through:
        return (
            DeadReason.TIME_BEYOND_HORIZON,
            f"the billing day has expired: it could be restated for {facts.opening.restatement_horizon_days} days",
        )
    if facts.item(item, day) is None:
        return DeadReason.UNKNOWN_ITEM, "the catalog of the billing day has no such item"
    return None
