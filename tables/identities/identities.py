"""Identities of counted events: claimed once, kept as long as their day can change, then forgotten.

Changelog and store hold them in packed rows. An index in memory says which row may hold an identity (`known`); those
beyond the index's limit are spilled into rows of their own (`spilled`). Identities of an expired day are free at once;
their rows are deleted later, slice by slice (`drop`).
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from meter.batch.store import Store
from schemas.columns import Ints, Words, ints
from schemas.journal import CONTENT_BYTES, IDENTITY_BYTES
from tables import keys
from tables.identities import spilled as spill
from tables.identities.index import LOW, SHIFT, fingerprints
from tables.identities.known import KnownIdentities
from tables.identities.packed_rows import CLAIM_BYTES, WORD, Row


class Identities:
    """The identities of one journal partition: those in the store, and what the current chunk claims and drops."""

    def __init__(self, store: Store, expired_through: int) -> None:
        self.store = store
        self._expired_through = expired_through
        self._known = KnownIdentities(store, expired_through)
        #: Keys of packed rows dropped in this chunk, and deletions of the spilled rows that belong to them.
        self._unpacked: list[bytes] = []
        self._dropped: list[Row] = []

    def __len__(self) -> int:
        return len(self._known)

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """See `meter.rules.state.rows.Rows.claim`."""
        if not len(slots):
            return {}
        first, second = np.frombuffer(identities, dtype=WORD).reshape(-1, 2).T
        under = np.frombuffer(contents, dtype=WORD).copy()
        known = np.zeros(len(slots), dtype=np.bool_)
        events, repeats, firsts = _apart(first, second)
        self._look(events, first, second, under, known)
        self._ask(events[~known[events]], identities, under, known)
        fresh = events[~known[events]]
        self._known.add(ints(days)[slots[fresh]], np.stack((first[fresh], second[fresh], under[fresh])))
        under[repeats] = under[firsts]
        known[repeats] = True
        return _claimed(known, under)

    def _look(self, events: Ints, first: Words, second: Words, under: Words, known: npt.NDArray[np.bool_]) -> None:
        """Mark the events that the index knows in `known`, and set the contents of their claims in `under`."""
        numbers, contents = self._known.find(first[events], second[events])
        known[events[numbers]] = True
        under[events[numbers]] = contents

    def _ask(self, events: Ints, identities: bytes, under: Words, known: npt.NDArray[np.bool_]) -> None:
        """The same for those of the events that are spilled."""
        if self._known.spilled_through < 0 or not len(events):
            return
        starts = [event * IDENTITY_BYTES for event in events.tolist()]
        names = [identities[start : start + IDENTITY_BYTES] for start in starts]
        numbers, contents = spill.ask(self.store, names, self._expired_through)
        known[events[numbers]] = True
        under[events[numbers]] = np.frombuffer(b"".join(contents), dtype=WORD)

    def any_from(self, day: int) -> bool:
        """Whether an identity was claimed for this day or a later one; rows sort by day, so one look suffices."""
        stored = self.store.scan(keys.PACKED, start=keys.packed(day, 0, 0))
        return self._known.fresh_from(day) or next(stored, None) is not None

    def expire(self, through: int) -> None:
        """Free the identities of days up to `through`."""
        self._expired_through = through
        self._known.expire(through)

    def drop(self, most: int) -> int:
        """Drop about `most` identities of expired days. Returns how many were dropped; 0: none are left."""
        dropped = 0
        start = self._unpacked[-1] + b"\0" if self._unpacked else None
        for key, value in self.store.scan(keys.PACKED, start=start):
            if keys.packed_day(key) > self._expired_through or dropped >= most:
                break
            if keys.packed_offset(key) <= self._known.spilled_through:
                self._dropped += spill.gone(self.store, key, value)
            self._unpacked.append(key)
            dropped += max(1, len(value) // CLAIM_BYTES)
        return dropped

    def changes(self, offset: int) -> Iterator[Row]:
        """The chunk's rows for the changelog; `offset`: its last journal record's."""
        yield from ((key, None) for key in self._unpacked)
        yield from self._known.changes(offset)

    def committed(self) -> Iterator[Row]:
        """End the chunk: rows for the store alone, first deletions, then spilled identities."""
        dropped, self._unpacked, self._dropped = self._dropped, [], []
        yield from dropped
        yield from self._known.committed()


def _apart(first: Words, second: Words) -> tuple[Ints, Ints, Ints]:
    """Splits events: those that repeat no earlier one, by fingerprint; the repeats; the first event of each repeat."""
    prints = fingerprints(first)
    tagged = np.sort(prints | np.arange(len(first), dtype=np.uint64))
    events = (tagged & LOW).view(np.int64)
    alike = np.diff(tagged >> SHIFT) == 0  # neighbours with equal fingerprints
    if not alike.any():
        return events, events[:0], events[:0]
    suspects = np.zeros(len(events), dtype=np.bool_)
    suspects[1:] |= alike
    suspects[:-1] |= alike
    return _repeats(events, np.sort(events[suspects]), first, second)


def _claimed(known: npt.NDArray[np.bool_], under: Words) -> dict[int, bytes]:
    contents, cut = under.tobytes(), CONTENT_BYTES
    return {event: contents[event * cut : (event + 1) * cut] for event in np.flatnonzero(known).tolist()}


def _repeats(events: Ints, suspects: Ints, first: Words, second: Words) -> tuple[Ints, Ints, Ints]:
    by_identity = suspects[np.lexsort((second[suspects], first[suspects]))]  # of equal ones the first first
    begins = np.ones(len(by_identity), dtype=np.bool_)
    begins[1:] = (np.diff(first[by_identity]) != 0) | (np.diff(second[by_identity]) != 0)
    firsts = by_identity[begins][np.cumsum(begins) - 1]
    repeats = by_identity[~begins]
    apart = np.ones(len(events), dtype=np.bool_)
    apart[repeats] = False
    return events[apart[events]], repeats, firsts[~begins]
