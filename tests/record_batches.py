"""Batches of records written byte by byte, as no careful client would: the checksum is right, the rest as asked."""

import struct
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from aiokafka import codec
from aiokafka.record.util import calc_crc32c, encode_varint

CODECS: dict[int, Callable[[bytes], bytes]] = {
    0: lambda raw: raw,
    1: codec.gzip_encode,
    2: codec.snappy_encode,
    3: codec.lz4_encode,
    4: codec.zstd_encode,
}
FIRST_MS, APPENDED_MS = 1_000, 5_000

Header = tuple[bytes, bytes | None]


def varint(number: int) -> bytes:
    written = bytearray()
    encode_varint(number, written.append)
    return bytes(written)


def counted(content: bytes | None) -> bytes:
    return varint(-1) if content is None else varint(len(content)) + content


def record(delta: int, value: bytes, headers: Sequence[Header] = (), key: bytes | None = b"k") -> bytes:
    """One record's bytes, its length before them."""
    body = b"\0" + varint(delta) + varint(delta) + counted(key) + counted(value) + varint(len(headers))
    body += b"".join(counted(name) + counted(content) for name, content in headers)
    return counted(body)


def batch(records: Sequence[bytes], base: int = 0, compression: int = 0, attributes: int = 0, span: int = 0) -> bytes:
    """A batch with the right checksum, whatever its records are."""
    content = CODECS[compression](b"".join(records))
    return packed_batch(content, len(records), base, compression | attributes, span)


def packed_batch(content: bytes, count: int, base: int, attributes: int, span: int = 0) -> bytes:
    """A batch of so many records whose content is compressed already."""
    head = (attributes, (span or count) - 1, FIRST_MS, APPENDED_MS, -1, -1, -1, count)
    checked = struct.pack(">hiqqqhii", *head) + content
    return struct.pack(">qiibI", base, 9 + len(checked), 0, 2, calc_crc32c(checked)) + checked


class Made:
    """A batch of records that are made already."""

    def __init__(self, records: Sequence[Any]) -> None:
        self.records = records
        self.since, self.size, self.timestamp_type = 0, 0, 1
        self.next_offset = records[-1].offset + 1

    def opened(self) -> Iterator[Any]:
        return iter(self.records)

    def leniently(self, made: int) -> Iterator[Any]:
        return iter(self.records[made:])
