"""The index of identities: 8 bytes each (fingerprint and ordinal of the packed row), in sorted runs.

An equal fingerprint only suggests a row; the row decides. Runs grow as in a log-structured merge tree: new entries go
to the youngest run, and each older run is a few times larger than the next. A bit filter answers for most identities
that are not in the index without a search.
"""

import numpy as np
import numpy.typing as npt

from schemas.columns import Ints, Words

#: An entry's high bits are the first of the identity's first half, its low bits the row's ordinal.
FINGERPRINT_BITS = 40
ORDINAL_BITS = 24
LAST_ORDINAL = (1 << ORDINAL_BITS) - 1
#: The filter has one bit for each value of so many leading bits; two million entries set an eighth of them.
FILTER_BITS = 24
#: Bytes an identity takes, with its part of the filter.
ENTRY_BYTES = 9
#: Runs below YOUNG entries are merged at once; a longer run is at least RATIO times the next.
YOUNG = 4_096
RATIO = 4

#: `word & LOW`: the number (an ordinal, an event) beside the fingerprint; `word >> SHIFT`: the fingerprint alone.
LOW, SHIFT = np.uint64(LAST_ORDINAL), np.uint64(ORDINAL_BITS)

_BYTE, _BIT, _SEVEN, _ONE = np.uint64(64 - FILTER_BITS + 3), np.uint64(64 - FILTER_BITS), np.uint64(7), np.uint8(1)


class Index:
    """Entries of one partition; a fingerprint is a word whose low bits are zero."""

    def __init__(self) -> None:
        self._runs: list[Words] = []
        self._filter = np.zeros(1 << FILTER_BITS - 3, dtype=np.uint8)

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def add(self, entries: Words) -> None:
        """Add sorted entries."""
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
        """Rows that may hold the identities of sorted fingerprints: positions in `prints`, and an ordinal for each.

        A position may occur with several ordinals, and several times with one.
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
        """Renumber rows: `ordinals[old]` is the new ordinal, rising with the old one; -1 removes the row's entries."""
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
    """The fingerprints of identities (from their first halves) or of entries."""
    return halves & np.uint64((1 << 64) - (1 << 64 - FINGERPRINT_BITS))


def _bit(prints: Words) -> npt.NDArray[np.uint8]:
    return (prints >> _BIT & _SEVEN).astype(np.uint8)
