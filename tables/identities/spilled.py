"""Spilled identities: beyond the index's limit each identity has a row of its own, looked up one by one.

The rows repeat what packed rows hold, are local to the store, and are written in one batch with a marker: the chunk up
to which all packed rows are spilled. A row holds content and day. A row of an expired day is ignored; it is deleted
with its packed row, unless the identity was claimed again for a later day.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from meter.batch.store import Store
from schemas.columns import Ints, Words
from schemas.journal import CONTENT_BYTES, IDENTITY_BYTES
from tables import keys
from tables.identities.packed_rows import Row, check, unpack

VALUE = np.dtype([("content", "<u8"), ("day", ">u4")])
#: Of the offset in the marker, before the counts by day.
OFFSET_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_counts = msgspec.msgpack.Decoder(dict[int, int]).decode


def marker(store: Store) -> int:
    """The journal offset up to which chunks are spilled; -1 if none are."""
    value = store.get(keys.SPILLED)
    return -1 if value is None else int.from_bytes(value[:OFFSET_BYTES], "big")


def counted(store: Store) -> Counter[int]:
    """How many identities of each day are spilled; some of these days may have expired."""
    value = (store.get(keys.SPILLED) or b"")[OFFSET_BYTES:]
    return Counter(_counts(value) if value else {})


def spilled(claims: Words, days: Ints, through: int, counts: Mapping[int, int]) -> Iterator[Row]:
    """The rows of identities to spill, then the marker: chunks up to `through` are spilled, `counts` by day."""
    yield from rows_of(claims, days)
    yield keys.SPILLED, through.to_bytes(OFFSET_BYTES, "big") + _encode(counts)


def rows_of(claims: Words, days: Ints) -> Iterator[tuple[bytes, bytes]]:
    """A row for each identity of (3, n) with its day, in key order."""
    order = np.argsort(claims[0].byteswap())
    names = np.ascontiguousarray(claims[:2, order].T).tobytes()
    packed = np.empty(len(order), dtype=VALUE)
    packed["content"], packed["day"] = claims[2, order], days[order]
    values = packed.tobytes()
    for number in range(len(order)):
        name = names[number * IDENTITY_BYTES : (number + 1) * IDENTITY_BYTES]
        yield keys.identity(name), values[number * VALUE.itemsize : (number + 1) * VALUE.itemsize]


def rows_with(key: bytes, claims: Words) -> Iterator[tuple[bytes, bytes]]:
    """The spilled rows of a packed row."""
    return rows_of(claims, np.full(claims.shape[1], keys.packed_day(key)))


def ask(store: Store, names: Sequence[bytes], expired_through: int) -> tuple[list[int], list[bytes]]:
    """Which of these identities are spilled and not expired (positions), and the contents of their claims."""
    numbers, contents = [], []
    for number, value in enumerate(store.get_many([keys.identity(name) for name in names])):
        if value is not None and int.from_bytes(value[CONTENT_BYTES:], "big") > expired_through:
            numbers.append(number)
            contents.append(value[:CONTENT_BYTES])
    return numbers, contents


def gone(store: Store, key: bytes, value: bytes) -> Iterator[Row]:
    """Deletions of a packed row's spilled rows, except those that a later claim has replaced."""
    rows = list(rows_with(key, unpack(value)))
    stored = store.get_many([row for row, _ in rows]) if rows else []
    for (row, mine), now in zip(rows, stored, strict=True):
        if now == mine:
            yield row, None


def restored(rows: Iterable[Row], store: Store) -> Iterator[Row]:
    """The changelog's rows as rows for the store: deleting a packed row deletes its spilled rows too."""
    through = marker(store)
    for key, value in rows:
        if key[:1] == keys.PACKED:
            if value is not None:
                check(value)
            elif keys.packed_offset(key) <= through and (before := store.get(key)) is not None:
                yield from gone(store, key, before)
        yield key, value
