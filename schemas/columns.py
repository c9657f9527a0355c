"""Columns: integers of many events side by side, packed as narrow as they are, unpacked at once.

A column is one byte that says how many bytes an integer takes (1, 2, 4 or 8), then the integers, little-endian and
signed. Unpacked it is an array of 64-bit integers. What is done to whole columns is done here, in numpy.
"""

import struct
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_TYPES = {1: "<i1", 2: "<i2", 4: "<i4", 8: "<i8"}
#: The width of an integer by its bits, without the sign.
_WIDTHS = (1,) * 8 + (2,) * 8 + (4,) * 16 + (8,) * 32
_LETTERS = {1: "b", 2: "h", 4: "i", 8: "q"}
#: A sum below this fits 64 bits.
_SAFE = 1 << 63
_HALF, _FIRST, _SECOND = np.uint64(33), np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


def ints(values: Sequence[int]) -> Ints:
    """Integers of at most 64 bits as an array."""
    return np.array(values, dtype=np.int64)


def words(values: Sequence[int]) -> Words:
    """Integers of 64 bits without a sign as an array."""
    return np.array(values, dtype=np.uint64)


def column(values: Ints) -> bytes:
    """Pack an array."""
    width = width_of(int(values.min()), int(values.max())) if len(values) else 1
    return bytes((width,)) + values.astype(_TYPES[width]).tobytes()


def width_of(least: int, most: int) -> int:
    """How many bytes integers in these bounds take in a column; IndexError beyond 64 bits."""
    return _WIDTHS[max(most, ~least).bit_length()]


def unpacked(content: bytes) -> Ints:
    """The array of a column; ValueError or KeyError if the content is none."""
    return np.frombuffer(content, dtype=_TYPES[content[0]], offset=1).astype(np.int64)


@lru_cache(1 << 10)
def _integers(count: int, width: int) -> struct.Struct:
    return struct.Struct(f"<{count}{_LETTERS[width]}")


def small_column(content: bytes) -> tuple[int, ...]:
    """The integers of a column of a few, as they are; raises struct.error, KeyError or IndexError where it is none."""
    width = content[0]
    return _integers((len(content) - 1) // width, width).unpack_from(content, 1)


def packed_small(values: Sequence[int]) -> bytes:
    """`column` of a few integers."""
    least, most = min(values), max(values)
    if least >= 0 and most < 1 << 7:  # most columns of a few
        return b"\1" + bytes(values)
    width = width_of(least, most)
    return bytes((width,)) + _integers(len(values), width).pack(*values)


#: Events of one key: key, sum and maximum of their values, the first and the last one's source offset.
Run = tuple[int, int, int, int, int]


def runs(keys: Ints, values: Ints, places: Ints, without: Collection[int]) -> Iterator[Run]:
    """The runs of events by key (at least 0), in order of their keys; some events left out. Sums are exact."""
    members = np.arange(len(keys))
    if without:
        members = np.delete(members, list(without))
    if not len(members):
        return iter(())
    chosen = keys[members]
    narrow = chosen.astype(np.uint16) if int(chosen.max()) < 1 << 16 else chosen  # which sorts by radix
    order = members[np.argsort(narrow, kind="stable")]
    ordered, of_run, of_place = keys[order], values[order], places[order]
    starts = np.flatnonzero(np.diff(ordered, prepend=-1))
    ends = np.append(starts[1:], len(order)) - 1
    return zip(
        ordered[starts].tolist(),
        _sums(of_run, starts),
        np.maximum.reduceat(of_run, starts).tolist(),
        of_place[starts].tolist(),
        of_place[ends].tolist(),
        strict=True,
    )


def _sums(values: Ints, starts: npt.NDArray[np.intp]) -> list[int]:
    if int(np.abs(values).max()) * len(values) < _SAFE:
        totals: list[int] = np.add.reduceat(values, starts).tolist()
        return totals
    return [int(total) for total in np.add.reduceat(values.astype(object), starts)]


def word(content: bytes) -> int:
    """64 bits that stand for some bytes."""
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def digests(kinds: Words, *parts: Ints) -> bytes:
    """Of each event 8 bytes that stand for its kind (a `word`) and its integers, in that order."""
    mixed = kinds.copy()
    for part in parts:
        mixed += part.view(np.uint64)
        _mix(mixed)
    return mixed.tobytes()


def _mix(words: Words) -> None:
    """Stir 64 bits so that each depends on all, one to one (the finalizer of MurmurHash3, public domain)."""
    words ^= words >> _HALF
    words *= _FIRST
    words ^= words >> _HALF
    words *= _SECOND
    words ^= words >> _HALF
