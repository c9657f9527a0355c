"""One cell counted again from the journal: whole columns at once, an identity once, sums exact.

It is a third count beside the fold and `meter.verify`. It needs the journal only from the day's beginning on: an
identity that an earlier record of another cell claimed shows as a dead letter (`conflicting_duplicate`), and an event
of the same identity and content is in the same cell.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from meter.explain.cell import Cell, Event, Own
from meter.explain.dead import DeadPlaces
from meter.rules.conversion import converted
from schemas.catalog import Item, TrafficPackage
from schemas.columns import Ints, Words, ints, runs
from schemas.journal import IDENTITY_BYTES, Evidence, Gathered, Named, Slot, UsageGroup, decode_evidence
from schemas.rows import NEVER, Plan

Bools = npt.NDArray[np.bool_]
#: Later than any first commercial day, and than NEVER.
LATER = NEVER + 1
#: An identity as two words.
HALVES = IDENTITY_BYTES // 8


class Kind(NamedTuple):
    """What the events that are added up together have in common."""

    workspace: str
    retention: int
    corrected: bool


@dataclass(frozen=True)
class Counted:
    """The result of a cell's records: by workspace the sums by retention (or the count), and what set a max item's."""

    sums: dict[str, dict[int, int]] = field(default_factory=dict)
    events: dict[str, Event] = field(default_factory=dict)
    #: Workspace -> its first commercial day, as far as records of the cell say.
    commercial: dict[str, int] = field(default_factory=dict)
    own: "OwnRecords | None" = None


class OwnRecords(NamedTuple):
    """The workspace's own records, each once: place (index into `sources`, offset), and its fate."""

    sources: Sequence[tuple[str, int]]
    source: Ints
    offset: Ints
    duplicate: Bools
    dead: Bools


class CellCount:
    """Counts one cell: `take` records in their order, `counted` gives the result so far."""

    def __init__(self, account: str, item: Item, day: int, own: str, dead: DeadPlaces) -> None:
        self._account, self._item, self._day, self._own, self._dead = account, item, day, own, dead
        self._max = item.aggregation == "max"
        #: Plain tuples instead of Kind, as hundreds of thousands are made.
        self._kinds: dict[tuple[str, int, bool], int] = {}
        self._kind: list[Ints] = []
        self._quantity: list[Ints] = []
        self._identity: list[Words] = []
        self._commercial: dict[str, int] = {}
        self._best: dict[tuple[str, bool], Event] = {}
        self._sources: dict[tuple[str, int], int] = {}
        self._places: list[tuple[Ints, Ints, Words, Bools]] = []

    def take(self, record: Gathered) -> None:
        """Count the next record of the account's journal partition; records about other accounts may be left out."""
        account, commercial = self._account, self._commercial
        for who in record.named:
            if who.account == account and who.commercial < commercial.get(who.workspace, LATER):
                commercial[who.workspace] = who.commercial
        for group in record.groups:
            if isinstance(group, UsageGroup):
                self._take_group(group, record.named)

    def counted(self) -> Counted:
        """The result of the records so far."""
        own = self._own_records()
        if self._max:
            return self._counts(own)
        if not self._kind:
            return Counted({}, {}, dict(self._commercial), own)
        kind, quantity = np.concatenate(self._kind), np.concatenate(self._quantity)
        again = np.flatnonzero(repeats(np.concatenate(self._identity))).tolist()
        kinds = [Kind(*each) for each in self._kinds]
        sums: dict[str, dict[int, int]] = {}
        for number, total, *_ in runs(kind, quantity, quantity, again):
            by_retention = sums.setdefault(kinds[number].workspace, {})
            by_retention[kinds[number].retention] = by_retention.get(kinds[number].retention, 0) + total
        return Counted(sums, {}, dict(self._commercial), own)

    def _counts(self, own: OwnRecords) -> Counted:
        """The counts of a max item: the greatest correction by time, source and id, else the highest report."""
        events = {who: event for (who, corrected), event in self._best.items() if not corrected}
        events |= {who: event for (who, corrected), event in self._best.items() if corrected}
        sums = {who: {0: event.quantity} for who, event in events.items()}
        return Counted(sums, events, dict(self._commercial), own)

    def _take_group(self, group: UsageGroup, named: Sequence[Named]) -> None:
        places, kinds_there = self._kinds_of(group.slots, named)
        if not places:
            return
        kinds = np.full(len(group.slots), -1, dtype=np.int64)
        kinds[places] = kinds_there
        events = group.events()
        chosen = np.flatnonzero(kinds[events.slot] >= 0)
        identity = np.frombuffer(events.identities, dtype=np.uint64).reshape(-1, HALVES)[chosen]
        of_kind: Ints = kinds[events.slot[chosen]]
        quantity, offset = events.quantity[chosen], events.offset[chosen]
        dead = self._dead.among((group.topic, group.partition), offset)
        self._keep_places(group, of_kind, offset, identity, dead)
        alive = np.flatnonzero(~dead)
        if self._max:
            self._keep_best(
                group, of_kind[alive], quantity[alive], offset[alive], events.time_us[chosen], chosen, alive
            )
        else:
            self._kind.append(of_kind[alive])
            self._quantity.append(quantity[alive])
            self._identity.append(identity[alive])

    def _kinds_of(self, slots: Sequence[Slot], named: Sequence[Named]) -> tuple[list[int], list[int]]:
        """The slots of the cell by number, and the kind of each; a group of a large account has thousands of slots."""
        account, item, day, kinds = self._account, self._item.name, self._day, self._kinds
        places, found = [], []
        for number, slot in enumerate(slots):
            if slot.item == item and slot.day == day:
                who = named[slot.named]
                if who.account == account:
                    places.append(number)
                    found.append(kinds.setdefault((who.workspace, slot.retention, slot.corrected), len(kinds)))
        return places, found

    def _keep_places(self, group: UsageGroup, kind: Ints, offset: Ints, identity: Words, dead: Bools) -> None:
        """Keep the places of the workspace's own records."""
        mine = ints([number for (workspace, _, _), number in self._kinds.items() if workspace == self._own])
        own = np.flatnonzero(np.isin(kind, mine))
        if len(own):
            source = self._sources.setdefault((group.topic, group.partition), len(self._sources))
            self._places.append((np.full(len(own), source), offset[own], identity[own], dead[own]))

    def _keep_best(
        self, group: UsageGroup, kind: Ints, quantity: Ints, offset: Ints, time_us: Ints, chosen: Ints, alive: Ints
    ) -> None:
        """Which events set the counts; a repeat has the same content, so it changes nothing."""
        kinds = [Kind(*each) for each in self._kinds]
        evidence: Evidence | None = None
        for number in np.unique(kind).tolist():
            those = np.flatnonzero(kind == number)
            key = (kinds[number].workspace, kinds[number].corrected)
            best = self._best.get(key)
            if not key[1]:
                highest = those[int(np.argmax(quantity[those]))]
                if best is not None and best.quantity >= int(quantity[highest]):
                    continue
                those = np.array([highest])
            evidence = evidence or decode_evidence(group.evidence)
            for at in those.tolist():
                place, event = int(chosen[alive[at]]), int(alive[at])
                found = Event(
                    int(quantity[at]),
                    key[1],
                    int(time_us[event]),
                    evidence.source_of(place),
                    evidence.ids[place],
                    group.topic,
                    group.partition,
                    int(offset[at]),
                )
                if best is None or not key[1] or _rank(found) > _rank(best):
                    best = found
            assert best is not None, "an event was looked at"
            self._best[key] = best

    def _own_records(self) -> OwnRecords:
        """Each own record once: a record that the intake wrote again counts as one."""
        sources = list(self._sources)
        if not self._places:
            return OwnRecords(sources, ints([]), ints([]), np.zeros(0, np.bool_), np.zeros(0, np.bool_))
        source, offset, dead = (np.concatenate([part[number] for part in self._places]) for number in (0, 1, 3))
        identity = np.concatenate([part[2] for part in self._places])
        written_again = repeats(np.column_stack((source.view(np.uint64), offset.view(np.uint64), identity)))
        kept = np.flatnonzero(~written_again)
        source, offset, identity, dead = source[kept], offset[kept], identity[kept], dead[kept]
        duplicate = np.zeros(len(kept), np.bool_)
        alive = np.flatnonzero(~dead)
        duplicate[alive] = repeats(identity[alive])
        return OwnRecords(sources, source, offset, duplicate, dead)


def repeats(rows: Words) -> Bools:
    """Which rows (two words or more each) repeat an earlier one; exact, and cheap if few words are alike."""
    found = np.zeros(len(rows), np.bool_)
    order = np.argsort(rows[:, -1], kind="stable")
    last = rows[order, -1]
    alike = np.zeros(len(rows), np.bool_)
    same = last[1:] == last[:-1]
    alike[1:] |= same
    alike[:-1] |= same
    suspects = np.sort(order[alike])
    if len(suspects):
        columns = rows[suspects]
        ordered = np.lexsort(tuple(columns[:, number] for number in range(columns.shape[1])))
        equal = np.all(columns[ordered][1:] == columns[ordered][:-1], axis=1)
        found[suspects[ordered[1:][equal]]] = True
    return found


def _rank(event: Event) -> tuple[int, str, str]:
    return (event.time_us, event.source, event.id)


def cell_of(
    counted: Counted,
    account: str,
    own: str,
    day: int,
    item: Item,
    plans: tuple[Plan, ...],
    currency: str,
    traffic: TrafficPackage | None,
) -> Cell:
    """The cell that follows from the records, seen from one workspace."""
    usage = {}
    for workspace, sums in counted.sums.items():
        if workspace != own:
            usage[workspace] = converted(_own(counted, workspace, day).use(item), item) if sums else 0
    mine = _own(counted, own, day)
    return Cell(account, day, item, plans, mine, usage, currency, traffic)


def _own(counted: Counted, workspace: str, day: int) -> Own:
    sums = counted.sums.get(workspace, {})
    free = workspace in counted.sums and counted.commercial.get(workspace, NEVER) > day
    return Own(workspace, 0, sums, True, counted.events.get(workspace), free)
