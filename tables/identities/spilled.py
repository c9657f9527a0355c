"""Identities beyond the memory that the index may take: rows of their own, asked for one by one.

They are derived from packed rows, which stay, and written with a marker that says up to which chunk all packed rows
are spilled: one batch, so a crash leaves both or none. Such a row says content and day; one of an expired day is of
no meaning and goes with its packed row, unless the identity was claimed again for a later day.
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
#: Of the marker, before the counts by day.
OFFSET_BYTES = 8

_encode = msgspec.msgpack.Encoder().encode
_counts = msgspec.msgpack.Decoder(dict[int, int]).decode


def marker(store: Store) -> int:
    """The journal offset up to which chunks are spilled; -1 if none is."""
    value = store.get(keys.SPILLED)
    return -1 if value is None else int.from_bytes(value[:OFFSET_BYTES], "big")


def counted(store: Store) -> Counter[int]:
    """How many identities of each day are spilled; some of these days may have expired."""
    value = (store.get(keys.SPILLED) or b"")[OFFSET_BYTES:]
    return Counter(_counts(value) if value else {})


def spilled(claims: Words, days: Ints, through: int, counts: Mapping[int, int]) -> Iterator[Row]:
    """The rows of identities to be spilled, and the marker that all chunks up to `through` are, so many of each day."""
    yield from rows_of(claims, days)
    yield keys.SPILLED, through.to_bytes(OFFSET_BYTES, "big") + _encode(counts)


def rows_of(claims: Words, days: Ints) -> Iterator[tuple[bytes, bytes]]:
    """Rows of their own of identities (3, n) and their days, in key order."""
    order = np.argsort(claims[0].byteswap())
    names = np.ascontiguousarray(claims[:2, order].T).tobytes()
    told = np.empty(len(order), dtype=VALUE)
    told["content"], told["day"] = claims[2, order], days[order]
    values = told.tobytes()
    for number in range(len(order)):
        name = names[number * IDENTITY_BYTES : (number + 1) * IDENTITY_BYTES]
        yield keys.identity(name), values[number * VALUE.itemsize : (number + 1) * VALUE.itemsize]


def rows_with(key: bytes, claims: Words) -> Iterator[tuple[bytes, bytes]]:
    """The rows that the identities of a packed row have when it is spilled."""
    return rows_of(claims, np.full(claims.shape[1], keys.packed_day(key)))


def ask(store: Store, names: Sequence[bytes], expired_through: int) -> tuple[list[int], list[bytes]]:
    """Which of these identities are spilled and not expired, and the content that each was claimed with."""
    numbers, contents = [], []
    for number, value in enumerate(store.get_many([keys.identity(name) for name in names])):
        if value is not None and int.from_bytes(value[CONTENT_BYTES:], "big") > expired_through:
            numbers.append(number)
            contents.append(value[:CONTENT_BYTES])
    return numbers, contents


def gone(store: Store, key: bytes, value: bytes) -> Iterator[Row]:
    """Deletions of the rows that go with a spilled packed row: those that stand as they were packed."""
    rows = list(rows_with(key, unpack(value)))
    stored = store.get_many([row for row, _ in rows]) if rows else []
    for (row, mine), now in zip(rows, stored, strict=True):
        if now == mine:
            yield row, None


def restored(rows: Iterable[Row], store: Store) -> Iterator[Row]:
    """Rows of the changelog as rows of the store: with a packed row goes what was spilled of it."""
    through = marker(store)
    for key, value in rows:
        if key[:1] == keys.PACKED:
            if value is not None:
                check(value)
            elif keys.packed_offset(key) <= through and (before := store.get(key)) is not None:
                yield from gone(store, key, before)
        yield key, value
