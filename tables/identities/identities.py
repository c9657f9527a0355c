"""Identities of counted events: claimed once, remembered as long as their day can change, forgotten with it.

They stand in packed rows, in the changelog and in the store, and an index in memory says in which (`remembered`); what
the index may not hold any more is spilled into rows of its own (`spill`). One of an expired day is free at once; its
row goes later, a slice at a time (`drop`), which may change cost and never meaning.
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
from tables.identities.known import Remembered
from tables.identities.packed_rows import CLAIM_BYTES, WORD, Row


class Identities:
    """The identities of one journal partition: the store's, and over them what a chunk claims and drops."""

    def __init__(self, store: Store, expired_through: int) -> None:
        self.store = store
        self._expired_through = expired_through
        self._known = Remembered(store, expired_through)
        #: Packed rows dropped in this chunk, and the deletions that go with them.
        self._unpacked: list[bytes] = []
        self._dropped: list[Row] = []

    def __len__(self) -> int:
        return len(self._known)

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """`meter.rules.state.context.Memory.claim`."""
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
        return _told(known, under)

    def _look(self, events: Ints, first: Words, second: Words, under: Words, known: npt.NDArray[np.bool_]) -> None:
        """Find the events that the index knows: under which contents."""
        numbers, contents = self._known.find(first[events], second[events])
        known[events[numbers]] = True
        under[events[numbers]] = contents

    def _ask(self, events: Ints, identities: bytes, under: Words, known: npt.NDArray[np.bool_]) -> None:
        """Find those among the events that are spilled."""
        if self._known.spilled_through < 0 or not len(events):
            return
        starts = [event * IDENTITY_BYTES for event in events.tolist()]
        names = [identities[start : start + IDENTITY_BYTES] for start in starts]
        numbers, contents = spill.ask(self.store, names, self._expired_through)
        known[events[numbers]] = True
        under[events[numbers]] = np.frombuffer(b"".join(contents), dtype=WORD)

    def any_from(self, day: int) -> bool:
        """Whether one was claimed for this day or a later one: packed rows stand by day, so one look tells."""
        stored = self.store.scan(keys.PACKED, start=keys.packed(day, 0, 0))
        return self._known.fresh_from(day) or next(stored, None) is not None

    def expire(self, through: int) -> None:
        """Days up to `through` have expired: their identities are free from now on."""
        self._expired_through = through
        self._known.expire(through)

    def drop(self, most: int) -> int:
        """Drop about so many identities of expired days; how many went (0: none are left)."""
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
        """Rows for the changelog; `offset` is that of the chunk's last journal record."""
        yield from ((key, None) for key in self._unpacked)
        yield from self._known.changes(offset)

    def committed(self) -> Iterator[Row]:
        """Rows for the store alone, what was dropped before what is spilled; the chunk is over."""
        dropped, self._unpacked, self._dropped = self._dropped, [], []
        yield from dropped
        yield from self._known.committed()


def _apart(first: Words, second: Words) -> tuple[Ints, Ints, Ints]:
    """Events that repeat no earlier one of the call, in order of their fingerprints; those that do, of each which."""
    prints = fingerprints(first)
    tagged = np.sort(prints | np.arange(len(first), dtype=np.uint64))
    events = (tagged & LOW).view(np.int64)
    alike = np.diff(tagged >> SHIFT) == 0  # of two neighbours
    if not alike.any():
        return events, events[:0], events[:0]
    suspects = np.zeros(len(events), dtype=np.bool_)
    suspects[1:] |= alike
    suspects[:-1] |= alike
    return _repeats(events, np.sort(events[suspects]), first, second)


def _told(known: npt.NDArray[np.bool_], under: Words) -> dict[int, bytes]:
    contents, cut = under.tobytes(), CONTENT_BYTES
    return {event: contents[event * cut : (event + 1) * cut] for event in np.flatnonzero(known).tolist()}


def _repeats(events: Ints, suspects: Ints, first: Words, second: Words) -> tuple[Ints, Ints, Ints]:
    by_identity = suspects[np.lexsort((second[suspects], first[suspects]))]  # of equal ones the first event first
    begins = np.ones(len(by_identity), dtype=np.bool_)
    begins[1:] = (np.diff(first[by_identity]) != 0) | (np.diff(second[by_identity]) != 0)
    firsts = by_identity[begins][np.cumsum(begins) - 1]
    repeats = by_identity[~begins]
    apart = np.ones(len(events), dtype=np.bool_)
    apart[repeats] = False
    return events[apart[events]], repeats, firsts[~begins]
