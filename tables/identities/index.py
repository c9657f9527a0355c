"""The index of identities: of each the fingerprint and the ordinal of its packed row, 8 bytes, in sorted runs.

A fingerprint only suggests where to look. Runs grow as in a log-structured merge: a young one takes what comes, each
of the others is a few times larger than the next. Most of what is not there a filter tells without a search.
"""

import numpy as np
import numpy.typing as npt

from schemas.columns import Ints, Words

#: An entry's high bits are the first of the identity's first half, its low bits the row's ordinal.
FINGERPRINT_BITS = 40
ORDINAL_BITS = 24
LAST_ORDINAL = (1 << ORDINAL_BITS) - 1
#: A filter of one bit for each value of so many leading bits: an eighth of them is set at two million entries.
FILTER_BITS = 24
#: What an identity takes, with its part of the filter.
ENTRY_BYTES = 9
#: A run below this takes all that comes; each longer one is at least so many times the next.
YOUNG = 4_096
RATIO = 4

#: What to take off a word to have the number (ordinal, event) beside its fingerprint, or the fingerprint alone.
LOW, SHIFT = np.uint64(LAST_ORDINAL), np.uint64(ORDINAL_BITS)

_BYTE, _BIT, _SEVEN, _ONE = np.uint64(64 - FILTER_BITS + 3), np.uint64(64 - FILTER_BITS), np.uint64(7), np.uint8(1)


class Index:
    """Entries of one partition. Fingerprints are words whose low bits are zero."""

    def __init__(self) -> None:
        self._runs: list[Words] = []
        self._filter = np.zeros(1 << FILTER_BITS - 3, dtype=np.uint8)

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, entries: Words) -> None:
        """Add entries, in their order."""
        if not len(entries):
            return
        self._note(entries)
        runs = self._runs
        runs.append(entries)
        while len(runs) > 1 and len(runs[-2]) < max(YOUNG, RATIO * len(runs[-1])):
            last = runs.pop()
            runs[-1] = np.concatenate((runs[-1], last))
            runs[-1].sort(kind="stable")  # two sorted runs: one merge

    def find(self, prints: Words) -> tuple[Ints, Ints]:
        """Where fingerprints (in their order) suggest to look: numbers of them, and of each an ordinal.

        One number may come with several ordinals, and with the same one again.
        """
        asked = np.flatnonzero(self._filter[(prints >> _BYTE).view(np.int64)] >> _bit(prints) & _ONE)
        found = [self._find(run, prints[asked]) for run in self._runs] if len(asked) else []
        if not found:
            return asked, asked
        return np.concatenate([asked[number] for number, _ in found]), np.concatenate([each for _, each in found])

    def _find(self, run: Words, prints: Words) -> tuple[Ints, Ints]:
        places = run.searchsorted(prints)
        open_ = np.arange(len(prints))
        numbers, ordinals = [open_[:0]], [open_[:0]]
        while len(open_):
            open_ = open_[places[open_] < len(run)]
            entries = run[places[open_]]
            same = fingerprints(entries) == prints[open_]
            open_ = open_[same]
            numbers.append(open_)
            ordinals.append((entries[same] & LOW).view(np.int64))
            places[open_] += 1
        return np.concatenate(numbers), np.concatenate(ordinals)

    def renumber(self, ordinals: Ints) -> None:
        """Give rows new ordinals, in the order of the old ones; `ordinals` of the old ones, -1: its entries go."""
        kept = []
        for run in self._runs:
            new = ordinals[(run & LOW).view(np.int64)]
            live = new >= 0
            kept.append(fingerprints(run[live]) | new[live].view(np.uint64))
        self._runs, self._filter[:] = [], 0
        for run in kept:
            self.add(run)

    def _note(self, entries: Words) -> None:
        np.bitwise_or.at(self._filter, (entries >> _BYTE).view(np.int64), _ONE << _bit(entries))


def fingerprints(halves: Words) -> Words:
    """The fingerprints of identities, by their first halves, or of entries."""
    return halves & np.uint64((1 << 64) - (1 << 64 - FINGERPRINT_BITS))


def _bit(prints: Words) -> npt.NDArray[np.uint8]:
    return (prints >> _BIT & _SEVEN).astype(np.uint8)
