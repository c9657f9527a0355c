"""Counting usage: each event once, into the totals of its cell.

Identities first: an event that is already known is a duplicate or, with other content, a conflict; only a
counted event claims its identity. Totals are made a slot at a time, so an event costs an identity and an addition.
"""

from collections.abc import Container, Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from meter.rules.fold.bindings import RecordNames, bind
from meter.rules.outputs.dead_letters import dead_usages
from schemas.columns import Run, runs
from schemas.ids import shown
from schemas.journal import CONTENT_BYTES, Events, Evidence, Named, UsageGroup, decode_evidence
from schemas.reasons import DeadReason
from schemas.rows import Correction, Use

if TYPE_CHECKING:
    from meter.rules.fold.fold import Fold
    from meter.rules.state.context import CellKey

#: Above any offset.
NO_OFFSET = 1 << 63


def count(fold: "Fold", group: UsageGroup, names: RecordNames) -> Iterator[None]:
    """Count a group of usage into its cells."""
    named = names.by_number
    for index in dict.fromkeys(slot.named for slot in group.slots):
        bind(fold, named[index], names)
    names.cells.clear()
    yield
    events = group.events()
    refused = _refused_slots(fold, group)
    if refused:
        yield from _count_others(fold, group, events, named, refused)
    else:
        yield from _count(fold, group, events, range(len(events)), named)
    fold.repeats.passed(group.topic, group.partition, int(events.offset[-1]))


class _Part:
    """What a group brings to one cell: to the uses of which workspaces, from which source offset to which."""

    __slots__ = ("adds_up", "cell", "first", "last", "uses", "workspaces")

    def __init__(self, fold: "Fold", key: "CellKey") -> None:
        _, day, name = key
        item = fold.known().item(name, day)
        self.cell = fold.memory.cell(key)
        self.uses = self.cell.uses
        self.adds_up = item is not None and item.aggregation == "sum"
        self.workspaces: dict[str, None] = {}
        self.first, self.last = NO_OFFSET, -1

    def touch(self, fold: "Fold", group: UsageGroup) -> None:
        """Tell that the group changed the cell."""
        self.cell.changed.update(self.workspaces)
        fold.memory.touch_cell(self.cell)
        fold.touch(self.cell).by_usage(self.workspaces, group.topic, group.partition, self.first, self.last)


def _count_others(
    fold: "Fold",
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
    yield from dead_usages(fold, lambda event: refused[slots[event]], group, named, events, dead, evidence, places)
    yield from _count(fold, group, events.at(kept), kept, named)


def _count(
    fold: "Fold", group: UsageGroup, events: Events, numbers: Sequence[int], named: Sequence[Named]
) -> Iterator[None]:
    """Count events; `numbers`: of each its place in the group's evidence."""
    slots = group.slots
    contents = events.contents(slots)
    earlier = fold.memory.claim([slot.day for slot in slots], events.slot, events.identities, contents)
    conflicts = [event for event, first in earlier.items() if first != _content(contents, event)]
    evidence = decode_evidence(group.evidence) if conflicts or any(slot.corrected for slot in slots) else None
    yield
    corrected = yield from _add(fold, group, named, runs(events.slot, events.quantity, events.offset, earlier))
    if corrected:
        assert evidence is not None
        _correct(corrected, events, earlier, evidence, numbers)
    fold.count("usage", "counted", len(events) - len(earlier))
    fold.count("usage", "duplicate", _duplicates(fold, group, events, earlier, conflicts))
    if conflicts:
        assert evidence is not None
        known = evidence
        yield from dead_usages(
            fold, lambda event: _conflict(known, numbers[event]), group, named, events, conflicts, known, numbers
        )


def _conflict(evidence: Evidence, number: int) -> tuple[DeadReason, str]:
    return DeadReason.CONFLICTING_DUPLICATE, (
        f"id {shown(evidence.ids[number])} of source {shown(evidence.source_of(number))} was counted before with "
        "another item, quantity, retention, type or time, and that stays; send other usage under another id"
    )


def _duplicates(
    fold: "Fold", group: UsageGroup, events: Events, earlier: Mapping[int, bytes], conflicts: Sequence[int]
) -> int:
    """How many events are duplicates, without those that the intake wrote again.

    What it wrote again never counts, so an event that counted shows that the offsets are another topic's.
    """
    through = fold.repeats.through(group.topic, group.partition)
    if not len(events) or int(events.offset[0]) > through:
        return len(earlier) - len(conflicts)
    known = int((events.offset <= through).sum())
    if any(event not in earlier for event in range(known)):
        fold.repeats.begin_again(group.topic, group.partition)
        return len(earlier) - len(conflicts)
    return sum(event >= known for event in earlier) - sum(event >= known for event in conflicts)


def _add(
    fold: "Fold", group: UsageGroup, named: Sequence[Named], counted: Iterable[Run]
) -> Generator[None, None, dict[int, Use]]:
    """Add what was counted of each slot to its cell; the uses of slots of corrected counts, for `_correct`."""
    corrected: dict[int, Use] = {}
    parts: dict[CellKey, _Part] = {}
    slots = group.slots
    for number, total, largest, first, last in counted:
        slot = slots[number]
        who = named[slot.named]
        key = (who.account, slot.day, slot.item)
        part = parts.get(key)
        if part is None:
            yield
            part = parts[key] = _Part(fold, key)
        workspace = who.workspace
        part.workspaces[workspace] = None
        if first < part.first:
            part.first = first
        if last > part.last:
            part.last = last
        use = part.uses.get(workspace)
        if use is None:
            use = part.uses[workspace] = Use(sums={})
        if part.adds_up:
            use.sums[slot.retention] = use.sums.get(slot.retention, 0) + total
        elif slot.corrected:
            corrected[number] = use
        else:
            use.peak = max(use.peak, largest)
    for part in parts.values():
        part.touch(fold, group)
    return corrected


def _correct(
    uses: Mapping[int, Use], events: Events, earlier: Container[int], evidence: Evidence, numbers: Sequence[int]
) -> None:
    """Apply corrections of days' counts to the uses of their slots: of all corrections of a day the latest stands."""
    for event, slot in enumerate(events.slot.tolist()):
        if slot in uses and event not in earlier:
            use, number = uses[slot], numbers[event]
            source, name = evidence.source_of(number), evidence.ids[number]
            correction = Correction(int(events.time_us[event]), source, name, int(events.quantity[event]))
            if use.correction is None or _rank(correction) > _rank(use.correction):
                use.correction = correction


def _rank(correction: Correction) -> tuple[int, str, str]:
    return (correction.time_us, correction.source, correction.id)


def _content(contents: bytes, event: int) -> bytes:
    return contents[event * CONTENT_BYTES : (event + 1) * CONTENT_BYTES]


def _refused_slots(fold: "Fold", group: UsageGroup) -> dict[int, tuple[DeadReason, str]]:
    why = {kind: _refused(fold, *kind) for kind in {(slot.day, slot.item) for slot in group.slots}}
    if not any(why.values()):
        return {}
    told = ((number, why[(slot.day, slot.item)]) for number, slot in enumerate(group.slots))
    return {number: refused for number, refused in told if refused is not None}


def _refused(fold: "Fold", day: int, item: str) -> tuple[DeadReason, str] | None:
    """Why usage of an item cannot be counted on a day."""
    facts = fold.known()
    if day <= facts.expired_through:
        return (
            DeadReason.TIME_BEYOND_HORIZON,
            f"the billing day has expired: it could be restated for {facts.opening.restatement_horizon_days} days",
        )
    if facts.item(item, day) is None:
        return DeadReason.UNKNOWN_ITEM, "the catalogue of the billing day has no such item"
    return None
