"""Known identities: an index in memory over the packed rows, which spills the oldest rows when it grows too large.

The index suggests a row; an identity is known only if that row holds it in full. Rows are numbered by age. Spilling
raises `_first`; index entries below it stay valid until `_clear` removes them.
"""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from meter.batch.store import Store
from schemas.columns import Ints, Words
from tables import keys
from tables.identities import spilled as spill
from tables.identities.index import ENTRY_BYTES, ORDINAL_BITS, SHIFT, Index, fingerprints
from tables.identities.packed_rows import CLAIM_BYTES, PACKING, ROW, WORD, PackedRows, Row, Table, check, stored_rows

#: Bytes of a partition's index, with the table of its packed rows: about 1.8 million identities.
INDEX_BYTES = 16 << 20
#: About this many identities are spilled at a time, in one batch of rows.
SPILL_IDENTITIES = 65_536
#: Entries of spilled rows are removed once they are 1/CLEARED_PART of the index.
CLEARED_PART = 8
#: Small rows are searched together, about this many identities at once; larger rows are searched one by one.
SEARCHED_AT_ONCE = 2_000

_RANK = np.uint64(64 - ORDINAL_BITS)


class KnownIdentities:
    """The identities of one partition that have not expired."""

    def __init__(self, store: Store, expired_through: int) -> None:
        self._store = store
        self._expired_through = expired_through
        self.spilled_through = spill.marker(store)
        self._spilled = spill.counted(store)
        self._index = Index()
        #: The ordinal of the first row that is not spilled, and the number of identities from that row on.
        self._first, self._live = 0, 0
        self.rows = PackedRows(store)
        self._open()

    def __len__(self) -> int:
        return self._live + sum(count for day, count in self._spilled.items() if day > self._expired_through)

    def find(self, first: Words, second: Words) -> tuple[Ints, Words]:
        """Which identities (as halves, sorted by fingerprint) are in indexed rows, and the contents of their claims."""
        numbers, ordinals = self._index.find(fingerprints(first))
        if not len(numbers):
            return numbers, first[:0]
        by_row = np.argsort(ordinals, kind="stable")
        numbers, ordinals = numbers[by_row], ordinals[by_row]
        starts = np.flatnonzero(np.diff(ordinals, prepend=-1))
        bounds, rows = [*starts.tolist(), len(numbers)], ordinals[starts]
        found, contents = [], []
        for begin, end in self._groups(rows):
            asked = numbers[bounds[begin] : bounds[end]]
            columns = self.rows.read(rows[begin:end].tolist())
            if end - begin == 1:
                members, content = _search(columns[0], columns[0][0], first[asked], first[asked], second[asked])
            else:
                wanted = fingerprints(first[asked]) >> SHIFT
                of = np.repeat(np.arange(end - begin), np.diff(bounds[begin : end + 1]))
                members, content = _search(*_joined(columns), _ranked(wanted, of), first[asked], second[asked])
            found.append(asked[members])
            contents.append(content)
        return np.concatenate(found), np.concatenate(contents)

    def _groups(self, ordinals: Ints) -> Iterator[tuple[int, int]]:
        """Ranges of `ordinals` (begin, end) whose rows are searched together."""
        counts = self.rows.table["count"][ordinals]
        ends = np.flatnonzero(np.diff(np.cumsum(counts) // SEARCHED_AT_ONCE)) + 1
        yield from zip([0, *ends.tolist()], [*ends.tolist(), len(ordinals)], strict=True)

    def add(self, days: Ints, claims: Words) -> None:
        """Add identities (3, n), sorted by fingerprint, each with its day."""
        if not len(days):
            return
        ordinals = np.empty(len(days), dtype=np.int64)
        for day in [int(days[0])] if days[0] == days.min() == days.max() else np.unique(days).tolist():
            of_day = np.flatnonzero(days == day)
            ordinals[of_day] = self.rows.add(day, claims[:, of_day])
        self._enter(claims[0], ordinals)
        self._live += len(days)

    def _enter(self, halves: Words, ordinals: Ints) -> None:
        entries = fingerprints(halves) | ordinals.view(np.uint64)
        entries.sort()
        self._index.add(entries)

    def fresh_from(self, day: int) -> bool:
        return self.rows.fresh_from(day)

    def expire(self, through: int) -> None:
        """Forget the days up to `through`."""
        self._expired_through = through
        self._clear()

    def _clear(self) -> None:
        """Remove the rows and entries that have expired or are spilled."""
        self._spilled = Counter({day: n for day, n in self._spilled.items() if day > self._expired_through})
        live = self.rows.table["day"] > self._expired_through
        live[: self._first] = False
        self._index.renumber(self.rows.renumber(live))
        self._first, self._live = 0, int(self.rows.table["count"].sum())

    def changes(self, offset: int) -> Iterator[Row]:
        """This chunk's packed rows."""
        return self.rows.changes(offset)

    def committed(self) -> Iterator[Row]:
        """End the chunk: the rows of identities that are spilled now."""
        rows = [row for rows in self._spill() for row in rows]
        self.rows.committed()
        yield from rows

    def _spill(self) -> Iterator[Iterator[Row]]:
        """Spill the oldest rows until the index is small enough; yields batches of rows to be written together."""
        while self._too_large() and self._first < self.rows.stored:
            yield self._spill_some()

    def _too_large(self) -> bool:
        rows = len(self.rows) - self._first
        return self._live * ENTRY_BYTES + rows * ROW.itemsize > INDEX_BYTES

    def _spill_some(self) -> Iterator[Row]:
        """Spill about SPILL_IDENTITIES, whole chunks only."""
        begin, table = self._first, self.rows.table[: self.rows.stored]
        enough = begin + int(np.searchsorted(np.cumsum(table["count"][begin:]), SPILL_IDENTITIES))
        through = int(table["offset"][min(enough, len(table) - 1)])
        end = int(np.searchsorted(table["offset"], through, side="right"))
        claims = np.concatenate(self.rows.read(range(begin, end)), axis=1)
        days = np.repeat(table["day"][begin:end], table["count"][begin:end])
        self._first, self.spilled_through = end, through
        self._live -= claims.shape[1]
        for day in np.unique(days).tolist():
            self._spilled[day] += int((days == day).sum())
        if (len(self._index) - self._live) * CLEARED_PART >= len(self._index):
            self._clear()
        return spill.spilled(claims, days, through, dict(self._spilled))

    def _open(self) -> None:
        """Index the stored rows that are not spilled; if there are too many, spill the oldest first."""
        table, halves = self._scan()
        by_age = np.lexsort((table["number"], table["day"], table["offset"]))
        self.rows, self._live = PackedRows(self._store, table[by_age]), int(table["count"].sum())
        through = self.spilled_through
        for spilled in self._spill():
            self._store.write(spilled)
        if halves is not None and self.spilled_through == through:
            ordinals = np.empty(len(table), dtype=np.int64)
            ordinals[by_age] = np.arange(len(table))
            self._enter(halves, np.repeat(ordinals, table["count"]))
            return
        ordinals = np.arange(self._first, len(self.rows))
        for begin, end in self._groups(ordinals) if len(ordinals) else ():
            rows = self.rows.read(ordinals[begin:end].tolist())
            counts = [row.shape[1] for row in rows]
            self._enter(np.concatenate(rows, axis=1)[0], np.repeat(ordinals[begin:end], counts))

    def _scan(self) -> tuple[Table, Words | None]:
        """The table of the stored rows, and the first halves of their identities; None if those are too many."""
        known, halves, count = [], [], 0
        for key, value in stored_rows(self._store, self._expired_through + 1, self.spilled_through + 1):
            check(value)
            size = (len(value) - len(PACKING)) // CLAIM_BYTES
            known.append((keys.packed_offset(key), keys.packed_day(key), keys.packed_number(key), size))
            count += size
            if count * ENTRY_BYTES <= INDEX_BYTES:
                halves.append(value[len(PACKING) : len(PACKING) + size * WORD.itemsize])
        table = np.array(known, dtype=ROW)
        return table, np.frombuffer(b"".join(halves), dtype=WORD) if len(halves) == len(known) else None


def _joined(rows: Sequence[Words]) -> tuple[Words, Words]:
    """Small rows joined, and the sort key of each identity: by row, then by fingerprint."""
    columns = np.concatenate(rows, axis=1)
    of = np.repeat(np.arange(len(rows)), [row.shape[1] for row in rows])
    return columns, _ranked(fingerprints(columns[0]) >> SHIFT, of)


def _ranked(words: Words, rows: Ints) -> Words:
    return words | rows.view(np.uint64) << _RANK


def _search(columns: Words, ordered: Words, wanted: Words, first: Words, second: Words) -> tuple[Ints, Words]:
    """Which identities the columns hold, and their contents; `ordered`, `wanted`: sort keys of columns, identities."""
    places = ordered.searchsorted(wanted)
    open_ = np.arange(len(wanted))
    members, at = [], []
    while len(open_):
        open_ = open_[places[open_] < len(ordered)]
        open_ = open_[ordered[places[open_]] == wanted[open_]]
        here = places[open_]
        same = (columns[0][here] == first[open_]) & (columns[1][here] == second[open_])
        members.append(open_[same])
        at.append(here[same])
        open_ = open_[~same]
        places[open_] += 1
    return np.concatenate(members), columns[2][np.concatenate(at)]
