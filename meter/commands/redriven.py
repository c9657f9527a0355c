"""What runs of `meter redrive` sent, from their notes on `meter.control`: which letters, and where the records went.

The letter of a record that died again names the coordinates to which it was sent; by these it is recognized, whatever
else the letter holds.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from schemas.control import Redriven
from schemas.reasons import DeadReason

#: Source partition ("topic/partition") -> first and last offset of each run without a gap.
Runs = dict[str, list[list[int]]]
#: Runs in one note, so that it stays far below the limit of a record.
NOTED_RUNS = 10_000


class SentBefore:
    """Everything noted by runs so far."""

    def __init__(self, notes: Sequence[Redriven]) -> None:
        self._notes = notes
        gathered: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for note in notes:
            for source, runs in (note.sent or {}).items():
                gathered[source] += [(first, last) for first, last in runs]
        self._runs: dict[str, tuple[list[int], list[int]]] = {}
        for source, each in gathered.items():
            each.sort()
            self._runs[source] = [first for first, _ in each], [last for _, last in each]

    def times(self, reason: DeadReason, partition: int, offset: int) -> int:
        """How often the letter at these coordinates, of a reason, was sent again."""
        return sum(note.holds(reason, partition, offset) for note in self._notes)

    def went_to(self, topic: str, partition: int, offset: int) -> bool:
        """Whether a run sent the record at these coordinates."""
        firsts, lasts = self._runs.get(f"{topic}/{partition}", ([], []))
        at = bisect_right(firsts, offset) - 1
        return at >= 0 and offset <= lasts[at]


def runs_of(places: Iterable[tuple[str, int]]) -> Runs:
    """(source partition, offset) in any order -> runs without a gap."""
    runs: Runs = {}
    for source, offset in sorted(places):
        of_source = runs.setdefault(source, [])
        if of_source and of_source[-1][1] >= offset - 1:
            of_source[-1][1] = max(offset, of_source[-1][1])
        else:
            of_source.append([offset, offset])
    return runs


def notes_of(
    runs: Mapping[str, list[list[int]]], through: dict[str, int], reasons: list[DeadReason], at: str
) -> list[Redriven]:
    """The notes of a run in the order of writing: first where records went, then how far it went."""
    parts = [
        {source: each[start : start + NOTED_RUNS]}
        for source, each in runs.items()
        for start in range(0, len(each), NOTED_RUNS)
    ]
    merged: list[Runs] = [{}]
    for part in parts:
        ((source, each),) = part.items()
        if sum(map(len, merged[-1].values())) + len(each) > NOTED_RUNS or source in merged[-1]:
            merged.append({})
        merged[-1][source] = each
    notes = [Redriven(kind="redriven", reasons=reasons, through={}, sent=each, at=at) for each in merged[:-1]]
    return [*notes, Redriven(kind="redriven", reasons=reasons, through=through, sent=merged[-1] or None, at=at)]
