"""Counting usage: each event once, into the totals of its cell.

Identities first: an event that is already known is a duplicate or, with other content, a conflict; only a
counted event claims its identity. Totals are made a slot at a time, so an event costs an identity and an addition.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from meter.rules.bindings import bind
from meter.rules.dead_letters import dead_usage
from schemas.journal import (
    IDENTITY_BYTES,
    KEY_BYTES,
    Evidence,
    Named,
    Slot,
    UsageGroup,
    decode_evidence,
    encode_evidence,
)
from schemas.reasons import DeadReason
from schemas.rows import Correction, Use

if TYPE_CHECKING:
    from meter.rules.fold import Fold
    from meter.rules.memory import Cell

OTHER_CONTENT = (
    "the first event of this source and id stands; this one has another item, quantity, retention, type or time"
)


def count(fold: "Fold", group: UsageGroup, named: Sequence[Named]) -> None:
    """Count a group of usage into its cells."""
    for index in dict.fromkeys(slot.named for slot in group.slots):
        bind(fold, named[index])
    refused = _refused_slots(fold, group)
    if refused:
        group = _without(fold, group, named, refused)
    earlier = fold.memory.claim(
        [named[slot.named].workspace for slot in group.slots],
        [slot.day for slot in group.slots],
        group.slot,
        group.keys,
    )
    first, last, total = _totals(group, earlier)
    repeats = [event for event, content in enumerate(earlier) if content is not None]
    conflicts = [event for event in repeats if earlier[event] != _content(group, event)]
    evidence = decode_evidence(group.evidence) if conflicts or any(slot.corrected for slot in group.slots) else None
    for number, slot in enumerate(group.slots):
        if first[number] >= 0:
            cell = fold.memory.cell((named[slot.named].account, slot.day, slot.item))
            workspace = named[slot.named].workspace
            _add(fold, cell, workspace, slot, number, total[number], group, earlier, evidence)
            fold.touch(cell).by_usage(
                workspace,
                group.topic,
                group.partition,
                group.first_offset + group.offset[first[number]],
                group.first_offset + group.offset[last[number]],
            )
            fold.memory.touch_cell(cell)
    fold.count("usage", "counted", len(earlier) - len(repeats))
    fold.count("usage", "duplicate", len(repeats) - len(conflicts))
    for event in conflicts:
        assert evidence is not None
        dead_usage(fold, DeadReason.CONFLICTING_DUPLICATE, OTHER_CONTENT, group, named, event, evidence)


def _totals(group: UsageGroup, earlier: Sequence[bytes | None]) -> tuple[list[int], list[int], list[int]]:
    """Of each slot: its first and last counted event (-1: none), and the sum of its counted quantities."""
    slots = len(group.slots)
    first, last, total = [-1] * slots, [-1] * slots, [0] * slots
    event = 0
    for slot, quantity, before in zip(group.slot, group.quantity, earlier, strict=True):
        if before is None:
            total[slot] += quantity
            last[slot] = event
            if first[slot] < 0:
                first[slot] = event
        event += 1  # noqa: SIM113  # counted by hand: half the cost of enumerate over a zip
    return first, last, total


def _add(
    fold: "Fold",
    cell: "Cell",
    workspace: str,
    slot: Slot,
    number: int,
    total: int,
    group: UsageGroup,
    earlier: Sequence[bytes | None],
    evidence: Evidence | None,
) -> None:
    use = cell.uses.get(workspace)
    if use is None:
        use = cell.uses[workspace] = Use(sums={})
    cell.changed.add(workspace)
    item = fold.known().item(slot.item, slot.day)
    if item is not None and item.aggregation == "sum":
        use.sums[slot.retention] = use.sums.get(slot.retention, 0) + total
        return
    events = [event for event, at in enumerate(group.slot) if at == number and earlier[event] is None]
    if not slot.corrected:
        use.peak = max(use.peak, *(group.quantity[event] for event in events))
        return
    assert evidence is not None
    for event in events:
        correction = Correction(
            evidence.time_us(event),
            evidence.sources[evidence.source[event]],
            evidence.ids[event],
            group.quantity[event],
        )
        standing = use.correction
        if standing is None or _rank(correction) > _rank(standing):
            use.correction = correction


def _rank(correction: Correction) -> tuple[int, str, str]:
    return (correction.time_us, correction.source, correction.id)


def _content(group: UsageGroup, event: int) -> bytes:
    return group.keys[event * KEY_BYTES + IDENTITY_BYTES : (event + 1) * KEY_BYTES]


def _refused_slots(fold: "Fold", group: UsageGroup) -> dict[int, tuple[DeadReason, str]]:
    facts = fold.known()
    refused = {}
    for number, slot in enumerate(group.slots):
        if slot.day <= facts.expired_through:
            refused[number] = (
                DeadReason.TIME_BEYOND_HORIZON,
                f"the billing day has expired: it could be restated for {facts.opening.restatement_horizon_days} days",
            )
        elif facts.item(slot.item, slot.day) is None:
            refused[number] = (DeadReason.UNKNOWN_ITEM, "the catalogue of the billing day has no such item")
    return refused


def _without(
    fold: "Fold", group: UsageGroup, named: Sequence[Named], refused: dict[int, tuple[DeadReason, str]]
) -> UsageGroup:
    """The group without the events of refused slots, which become dead letters; slots keep their numbers."""
    evidence = decode_evidence(group.evidence)
    kept = []
    for event, slot in enumerate(group.slot):
        if slot in refused:
            dead_usage(fold, *refused[slot], group, named, event, evidence)
        else:
            kept.append(event)
    kept_evidence = Evidence(
        evidence.sources,
        [evidence.source[event] for event in kept],
        [evidence.ids[event] for event in kept],
        evidence.since_us,
        [evidence.after_us[event] for event in kept],
    )
    return UsageGroup(
        group.topic,
        group.partition,
        group.timestamp_ms,
        group.first_offset,
        group.slots,
        [group.slot[event] for event in kept],
        [group.quantity[event] for event in kept],
        [group.offset[event] for event in kept],
        b"".join(group.keys[event * KEY_BYTES : (event + 1) * KEY_BYTES] for event in kept),
        encode_evidence(kept_evidence),
    )
