"""Identities of counted events: claimed once, remembered as long as their day can change, forgotten with it.

A row says with which content and for which day an identity is claimed. One of an expired day is free at once; the
row itself goes later, a slice at a time (`drop`), which may change cost and never meaning. In the changelog rows are
packed, those of a day and a chunk together; packed rows are kept locally too, so `drop` needs no scan of identities.
"""

from collections.abc import Iterable, Iterator, Sequence

import msgspec

from meter.batch.store import Store
from schemas.columns import Ints
from schemas.journal import CONTENT_BYTES, IDENTITY_BYTES
from tables import keys

#: Identities in one packed row: well below a batch.
PACKED_IDENTITIES = 8_000
DAY_BYTES = 4

Row = tuple[bytes, bytes | None]

_encode = msgspec.msgpack.Encoder().encode
_packed = msgspec.msgpack.Decoder(list[bytes]).decode


class Identities:
    """The identities of one journal partition: the store's, and over them what a chunk claims and drops."""

    def __init__(self, store: Store, expired_through: int) -> None:
        self.store = store
        self._expired_through = expired_through
        self._fresh: dict[bytes, bytes] = {}
        self._fresh_days: dict[int, list[bytes]] = {}
        #: Packed rows dropped in this chunk, and the identity rows that go with them.
        self._unpacked: list[bytes] = []
        self._dropped: list[bytes] = []

    def claim(self, days: Sequence[int], slots: Ints, identities: bytes, contents: bytes) -> dict[int, bytes]:
        """`meter.rules.memory.Memory.claim`."""
        ends = [day.to_bytes(DAY_BYTES, "big") for day in days]
        cut = IDENTITY_BYTES
        rows = [keys.IDENTITY + identities[at : at + cut] for at in range(0, len(identities), cut)]
        values = [contents[8 * event : 8 * event + 8] + ends[slot] for event, slot in enumerate(slots.tolist())]
        found = self.store.get_many(rows)
        earlier: dict[int, bytes] = {}
        claimed = [self._fresh_days.setdefault(day, []).append for day in days]
        claim, expired_through = self._fresh.setdefault, self._expired_through
        for event, (slot, row, value, stored) in enumerate(zip(slots.tolist(), rows, values, found, strict=True)):
            if stored is None or _day(stored) <= expired_through:
                standing = claim(row, value)
                if standing is value:
                    claimed[slot](row)
                else:
                    earlier[event] = standing[:CONTENT_BYTES]
            else:
                earlier[event] = stored[:CONTENT_BYTES]
        return earlier

    def any_from(self, day: int) -> bool:
        """Whether one was claimed for this day or a later one: packed rows stand by day, so one look tells."""
        stored = self.store.scan(keys.PACKED, start=keys.packed(day, 0, 0))
        return any(fresh >= day for fresh in self._fresh_days) or next(stored, None) is not None

    def expire(self, through: int) -> None:
        """Days up to `through` have expired: their identities are free from now on."""
        self._expired_through = through
        for day in [day for day in self._fresh_days if day <= through]:
            for row in self._fresh_days.pop(day):
                del self._fresh[row]

    def drop(self, most: int) -> int:
        """Drop about so many identities of expired days; how many went (0: none are left)."""
        dropped = 0
        start = self._unpacked[-1] + b"\0" if self._unpacked else None
        for key, value in self.store.scan(keys.PACKED, start=start):
            if keys.packed_day(key) > self._expired_through or dropped >= most:
                break
            flat = _packed(value)
            self._dropped += self._still_theirs(flat)
            self._unpacked.append(key)
            dropped += max(1, len(flat) // 2)
        return dropped

    def _still_theirs(self, flat: list[bytes]) -> Iterable[bytes]:
        """The identity rows that stand as they were packed: not claimed again for a later day."""
        stored = self.store.get_many(flat[::2])
        return (row for row, mine, now in zip(flat[::2], flat[1::2], stored, strict=True) if now == mine)

    def changes(self, offset: int) -> Iterator[Row]:
        """Rows for the changelog; `offset` is that of the chunk's last journal record."""
        yield from ((key, None) for key in self._unpacked)
        for day, claimed in self._fresh_days.items():
            for number, start in enumerate(range(0, len(claimed), PACKED_IDENTITIES)):
                flat: list[bytes] = []
                for row in claimed[start : start + PACKED_IDENTITIES]:
                    flat += (row, self._fresh[row])
                yield keys.packed(day, offset, number), _encode(flat)

    def settle(self) -> Iterator[Row]:
        """Rows for the store alone, what was dropped before what was claimed; the chunk is over."""
        fresh, dropped = self._fresh, self._dropped
        self._fresh, self._fresh_days, self._unpacked, self._dropped = {}, {}, [], []
        yield from ((row, None) for row in dropped)
        yield from sorted(fresh.items())


def restored(rows: Iterable[Row], store: Store | None = None) -> Iterator[Row]:
    """Rows of the changelog as rows of the store: packed identities one by one too, and gone with their packed row."""
    rows = list(rows)
    deleted = {key for key, value in rows if value is None and key[:1] == keys.PACKED}
    packed: dict[bytes, bytes] = {}
    standing: dict[bytes, bytes] = {}
    for key, value in rows:
        if key[:1] == keys.PACKED:
            if value is None:
                before = packed.pop(key, None) or (store.get(key) if store is not None else None)
                yield from _gone(before, standing, store)
            else:
                flat = _packed(value)
                yield from zip(flat[::2], flat[1::2], strict=True)
                if deleted:  # else nothing asks for them: a restore without deletions keeps no more than a row
                    packed[key] = value
                    standing.update(zip(flat[::2], flat[1::2], strict=True))
        yield key, value


def _gone(before: bytes | None, standing: dict[bytes, bytes], store: Store | None) -> Iterator[Row]:
    flat = [] if before is None else _packed(before)
    for row, mine in zip(flat[::2], flat[1::2], strict=True):
        now = standing.get(row) or (store.get(row) if store is not None else None)
        if now == mine:
            yield row, None


def _day(value: bytes) -> int:
    return int.from_bytes(value[CONTENT_BYTES:], "big")
