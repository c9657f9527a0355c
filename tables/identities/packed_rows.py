"""Packed rows of identities: what one chunk claimed for one day, a few thousand in a row, in changelog and store.

A row is one byte (the packing), then three columns of 8-byte little-endian words: the first halves of the identities,
the second halves, and the contents of their claims; sorted by first half. Unpacked it is an array of shape (3, n).
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from meter.batch.store import Store
from meter.errors import UserError
from schemas.columns import Ints, Words
from tables import keys
from tables.identities import index

#: Identities in one packed row: looking up one identity reads a whole row; a chunk under load fills several.
PACKED_IDENTITIES = 4_000
#: Bytes of cached rows, enough for the retries of producers; ROW_BYTES: what a row takes beside its columns.
ROWS_KEPT_BYTES = 8 << 20
ROW_BYTES = 200
#: The first byte of a row; rows of earlier versions begin with a msgpack array.
PACKING = b"\x01"
WORD = np.dtype("<u8")
CLAIM_WORDS = 3
CLAIM_BYTES = CLAIM_WORDS * WORD.itemsize

#: An entry of the table of rows.
ROW = np.dtype([("offset", "i8"), ("day", "i4"), ("number", "i4"), ("count", "i4")])

Row = tuple[bytes, bytes | None]
Table = np.ndarray[tuple[int], np.dtype[np.void]]
T = TypeVar("T")


class OtherPacking(UserError):
    """The changelog holds identities in the packing of an earlier version."""


def pack(claims: Words) -> bytes:
    return PACKING + claims.tobytes()


def unpack(value: bytes) -> Words:
    """The (3, n) array of a row."""
    check(value)
    return np.frombuffer(value, dtype=WORD, offset=len(PACKING)).reshape(CLAIM_WORDS, -1)


def check(value: bytes) -> None:
    if value[:1] != PACKING or len(value) % CLAIM_BYTES != len(PACKING):
        raise OtherPacking(
            "the changelog has identities in the packing of an earlier version; start under another METER_TOPIC_PREFIX"
        )


class PackedRows:
    """The rows by ordinal, the oldest first: those in the store, then those of this chunk."""

    def __init__(self, store: Store, table: Table | None = None) -> None:
        self._store = store
        self._table = np.zeros(0, dtype=ROW) if table is None else table
        self._size = len(self._table)
        #: Of this chunk: the parts of each row by ordinal, and for each day the ordinal of the row that is not full.
        self._fresh: dict[int, list[Words]] = {}
        self._open: dict[int, int] = {}
        self._kept: dict[int, Words] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        return self._size

    @property
    def table(self) -> Table:
        """The table of rows, an entry (`ROW`) for each."""
        return self._table[: self._size]

    @property
    def stored(self) -> int:
        """How many rows are in the store."""
        return self._size - len(self._fresh)

    def add(self, day: int, claims: Words) -> Ints:
        """Add identities claimed for a day, sorted by fingerprint. Returns the ordinal of each one's row."""
        ordinals = np.empty(claims.shape[1], dtype=np.int64)
        start = 0
        while start < len(ordinals):
            ordinal = self._open.get(day)
            if ordinal is None or self._table["count"][ordinal] >= PACKED_IDENTITIES:
                ordinal = self._open[day] = self._append(day)
            end = min(start + PACKED_IDENTITIES - int(self._table["count"][ordinal]), len(ordinals))
            self._fresh[ordinal].append(claims[:, start:end])
            self._table["count"][ordinal] += end - start
            ordinals[start:end] = ordinal
            start = end
        return ordinals

    def _append(self, day: int) -> int:
        if self._size == len(self._table):
            self._table = np.concatenate((self.table, np.zeros(self._size + 64, dtype=ROW)))
        ordinal = self._size
        assert ordinal <= index.LAST_ORDINAL, "more packed rows than the index can name"
        self._table[ordinal] = (0, day, 0, 0)
        self._fresh[ordinal] = []
        self._size += 1
        return ordinal

    def read(self, ordinals: Sequence[int]) -> list[Words]:
        """The rows of these ordinals."""
        missing = [ordinal for ordinal in ordinals if ordinal not in self._kept and ordinal not in self._fresh]
        read = dict(zip(missing, self._stored(missing), strict=True)) if missing else {}
        rows = {ordinal: self._fresh_row(ordinal) for ordinal in ordinals if ordinal in self._fresh}
        asked = {ordinal: self._kept.pop(ordinal) for ordinal in ordinals if ordinal in self._kept}
        self._kept |= asked | read  # at the end: used last, evicted last
        rows |= asked | read
        self._kept_bytes += sum(row.nbytes + ROW_BYTES for row in read.values())
        self._let_go()
        return [rows[ordinal] for ordinal in ordinals]

    def _stored(self, ordinals: Sequence[int]) -> Iterator[Words]:
        for ordinal, value in zip(ordinals, self._store.get_many(list(map(self.key, ordinals))), strict=True):
            assert value is not None, f"the packed row {self.key(ordinal)!r} is missing"
            yield unpack(value)

    def _fresh_row(self, ordinal: int) -> Words:
        parts = self._fresh[ordinal]
        row = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        if (row[0, 1:] < row[0, :-1]).any():  # parts are sorted by fingerprint only
            row = row[:, np.argsort(row[0], kind="stable")]
        parts[:] = [row]
        return row

    def _let_go(self) -> None:
        """Evict the least recently used rows beyond ROWS_KEPT_BYTES."""
        while self._kept_bytes > ROWS_KEPT_BYTES:
            self._kept_bytes -= self._kept.pop(next(iter(self._kept))).nbytes + ROW_BYTES

    def key(self, ordinal: int) -> bytes:
        offset, day, number, _ = self._table[ordinal].item()
        return keys.packed(day, offset, number)

    def fresh_from(self, day: int) -> bool:
        """Whether this chunk has a row of this day or a later one."""
        return any(fresh >= day for fresh in self._open)

    def changes(self, offset: int) -> Iterator[Row]:
        """This chunk's rows; `offset`: its last journal record's."""
        numbers: dict[int, int] = {}
        for ordinal in self._fresh:
            day = int(self._table["day"][ordinal])
            number = numbers[day] = numbers.get(day, -1) + 1
            self._table["offset"][ordinal], self._table["number"][ordinal] = offset, number
            yield keys.packed(day, offset, number), pack(self._fresh_row(ordinal))

    def committed(self) -> None:
        """End the chunk: its rows are stored."""
        stored = {ordinal: self._fresh_row(ordinal) for ordinal in self._fresh}
        self._kept |= stored
        self._kept_bytes += sum(row.nbytes + ROW_BYTES for row in stored.values())
        self._fresh, self._open = {}, {}
        self._let_go()

    def renumber(self, live: npt.NDArray[np.bool_]) -> Ints:
        """Forget the rows that are not live. Returns the new ordinal of each old one, -1 for a forgotten row."""
        new = np.where(live, np.cumsum(live) - 1, -1)
        self._table = self.table[live]
        self._size = len(self._table)
        self._fresh = _renumbered(self._fresh, new)
        self._open = {day: int(new[ordinal]) for day, ordinal in self._open.items() if live[ordinal]}
        self._kept = _renumbered(self._kept, new)
        self._kept_bytes = sum(row.nbytes + ROW_BYTES for row in self._kept.values())
        return new


def _renumbered(rows: dict[int, T], new: Ints) -> dict[int, T]:
    return {int(new[ordinal]): row for ordinal, row in rows.items() if new[ordinal] >= 0}


def stored_rows(store: Store, day: int, offset: int) -> Iterator[tuple[bytes, bytes]]:
    """The packed rows of this day and later ones that chunks from `offset` on wrote; it seeks past the others."""
    start: bytes | None = keys.packed(day, offset, 0)
    while start is not None:
        scanned, start = store.scan(keys.PACKED, start=start), None
        for key, value in scanned:
            if keys.packed_offset(key) < offset:
                start = keys.packed(keys.packed_day(key), offset, 0)
                break
            yield key, value
