"""Batches that unpack to far more than their producer sent, made without ever holding what they unpack to."""

import struct
from collections.abc import Iterator

from aiokafka.record.util import calc_crc32c

from meter.batch.streams import zstd
from tests.record_batches import record, varint

MB = 1_000_000
_PIECE = bytes(MB)


def bomb(megabytes: int, before: bytes, after: bytes, now_ms: int) -> bytes:
    """A batch of three records, as zstd: a good value, one of so many MB of zeros, a good value."""
    head = b"\0" + varint(0) + varint(1) + varint(-1) + varint(megabytes * MB)
    length = len(head) + megabytes * MB + len(varint(0))
    packer = zstd.ZstdCompressor()

    def written() -> Iterator[bytes]:
        yield packer.compress(record(0, before) + varint(length) + head)
        for _ in range(megabytes):
            yield packer.compress(_PIECE)
        yield packer.compress(varint(0) + record(2, after))
        yield packer.flush()

    checked = struct.pack(">hiqqqhii", 4, 2, now_ms, now_ms + 2, -1, -1, -1, 3) + b"".join(written())
    return struct.pack(">qiibI", 0, 9 + len(checked), 0, 2, calc_crc32c(checked)) + checked
