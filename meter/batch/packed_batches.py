"""Record batches of a transaction: a list of rows is packed at once, and a batch is compressed as soon as it is full.

aiokafka's own builder takes a row a call and compresses when it sends, at LZ4's slowest level. Here a transaction that
takes seconds to fold holds its outputs at a fifth of their size. LZ4: every client reads it, and it costs least.
For aiokafka 0.14, whose producer calls of a batch what `PackedBatch` has.
"""

import struct
import time
from collections.abc import Sequence
from itertools import islice

import cramjam
from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.record.util import calc_crc32c

from meter.batch.codecs import CODEC_AT, HEADER, LZ4, is_suspect

#: A batch is at most this long before compression, but for a longer row by itself.
BATCH_BYTES = 1 << 20
#: Of a batch's header (`codecs.HEADER`): where its length and checksum are, and where what each counts begins.
_LENGTH_AT, _COUNTED_FROM = 8, 12
_CHECKSUM_AT, _CHECKED_FROM = 17, 21
#: Where the producer's id, epoch and sequence are.
_PRODUCER_AT, _PRODUCER = 43, struct.Struct(">qhi")
#: LZ4's fastest level.
_LEVEL = 1
_MAGIC = 2

Row = tuple[bytes | None, bytes | None]


class PackedBatch:
    """A batch of a transactional producer, in place of aiokafka's `BatchBuilder`: the producer calls the same names."""

    def __init__(self) -> None:
        self._builder = DefaultRecordBatchBuilder(_MAGIC, 0, 1, -1, -1, 0, BATCH_BYTES)
        self._at_ms = int(time.time() * 1000)
        self._count = 0
        #: The whole batch, once it is closed.
        self._content: bytearray | None = None

    def extend(self, rows: Sequence[Row], start: int) -> int:
        """Append rows from `start` on while they fit; returns the index of the first that does not.

        A batch takes its first row whatever its size. One that is full is closed.
        """
        append, at_ms, begun = self._builder.append, self._at_ms, self._count
        for key, value in islice(rows, start, None):
            if append(self._count, at_ms, key, value, []) is None:
                self.close()
                break
            self._count += 1
        return start + self._count - begun

    def close(self) -> None:
        """Take no more rows, and compress those that it has."""
        if self._content is not None:
            return
        content = self._builder.build()
        packed = _compressed(bytes(memoryview(content)[HEADER.size :]))
        length = HEADER.size + len(packed)
        if length < len(content) and not is_suspect(len(content) - HEADER.size, length):
            content = content[: HEADER.size] + packed
            content[CODEC_AT] |= LZ4
        struct.pack_into(">i", content, _LENGTH_AT, len(content) - _COUNTED_FROM)
        self._content = content
        del self._builder

    def closed(self) -> bool:
        return self._content is not None

    def record_count(self) -> int:
        return self._count

    def size(self) -> int:
        """Its bytes so far."""
        return self._builder.size() if self._content is None else len(self._content)

    def rows(self) -> list[Row]:
        """The rows in it."""
        batch = MemoryRecords(bytes(self._build())).next_batch()
        return [] if batch is None else [(record.key, record.value) for record in batch]

    def _set_producer_state(self, producer_id: int, epoch: int, sequence: int) -> None:
        self.close()
        assert self._content is not None, "a closed batch has its content"
        _PRODUCER.pack_into(self._content, _PRODUCER_AT, producer_id, epoch, sequence)

    def _build(self) -> bytearray:
        self.close()
        assert self._content is not None, "a closed batch has its content"
        checksum = calc_crc32c(memoryview(self._content)[_CHECKED_FROM:])
        struct.pack_into(">I", self._content, _CHECKSUM_AT, checksum)
        return self._content


class PackingProducer(AIOKafkaProducer):
    """aiokafka's producer with batches packed here."""

    def create_batch(self) -> PackedBatch:
        return PackedBatch()


def _compressed(content: bytes) -> bytes:
    """Content in LZ4's frame as brokers read it: blocks that do not refer to each other (KIP-57)."""
    compressor = cramjam.lz4.Compressor(level=_LEVEL, content_checksum=False, block_linked=False)
    compressor.compress(content)
    return bytes(compressor.finish())
