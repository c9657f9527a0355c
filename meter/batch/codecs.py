"""Unpacks compressed batches in one go, never to more than `ORDINARY_BYTES`, whatever their producer wrote.

A producer can compress 900 MB of zeros into 29 KB, and aiokafka's decoders would allocate all of it. These decoders
write into one buffer of fixed size and trust no size in a header; a batch that does not fit is `TooLarge` and is read
piece by piece (`meter.batch.streams`). `install` puts them in place of aiokafka's, for every consumer of the process.
"""

import importlib
import struct
import threading
from collections.abc import Callable
from typing import Any

import cramjam
from aiokafka.codec import _detect_xerial_stream
from aiokafka.errors import CorruptRecordException, KafkaError

#: The most that a batch may unpack to in one go. Client libraries limit batches before compression, mostly to 1 MB; a
#: batch of 1 MB (the broker's default limit) exceeds this only if it was compressed more than 16 times.
ORDINARY_BYTES = 16 << 20
#: A batch that unpacks to more waits for its turn (`meter.batch.unpacking`).
LARGE_BYTES = 1 << 20
#: A large batch that unpacks to more than this many times its size is read in a thread. Usage as JSON compresses 10 to
#: 50 times, zeros 32,000 times: a megabyte of those would block the event loop for a minute.
SUSPECT_RATIO = 200
#: A batch's header: base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and
#: greatest timestamp, producer id and epoch, base sequence, number of records.
HEADER = struct.Struct(">qiibIhiqqqhii")
#: The byte with the codec (the second of the attributes), and its mask.
CODEC_AT, CODEC_MASK = 22, 0x07
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
NAMES = {0: "no", GZIP: "gzip", SNAPPY: "snappy", LZ4: "lz4", ZSTD: "zstd"}
#: cramjam's words for an output buffer that is too small, by codec family.
_FULL = ("failed to write whole buffer", "is smaller than required")
_XERIAL_HEADER = 16

_Into = Callable[[Any, memoryview], int]


class TooLarge(KafkaError):
    """A batch that cannot be unpacked in one go: it holds more than `ORDINARY_BYTES`, or a decoder refuses it."""


class _Scratch(threading.local):
    """A buffer for each thread to unpack into; only pages that were once written take memory."""

    view: memoryview | None = None

    def get(self) -> memoryview:
        if self.view is None:
            self.view = memoryview(bytearray(HEADER.size + ORDINARY_BYTES))
        return self.view


_scratch = _Scratch()


def _snappy_into(content: Any, output: memoryview) -> int:
    """Unpack snappy, as one block or as Java's blocks with lengths; returns the bytes written."""
    if not _detect_xerial_stream(content):
        return cramjam.snappy.decompress_raw_into(content, output)
    at, size = _XERIAL_HEADER, 0
    while at < len(content):
        (length,) = struct.unpack_from(">i", content, at)
        if length <= 0:
            raise CorruptRecordException(f"a snappy block of {length} bytes")
        at += 4
        size += cramjam.snappy.decompress_raw_into(content[at : at + length], output[size:])
        at += length
    return size


_INTO: dict[int, _Into] = {
    GZIP: cramjam.gzip.decompress_into,
    SNAPPY: _snappy_into,
    LZ4: cramjam.lz4.decompress_into,
    ZSTD: cramjam.zstd.decompress_into,
}


def unpack(codec: int, content: Any) -> bytes:
    """The unpacked content of a batch, or TooLarge."""
    output = _scratch.get()
    return bytes(output[: _unpacked(codec, memoryview(content), output[:ORDINARY_BYTES])])


def unpack_batch(batch: memoryview) -> bytes:
    """The batch as if it had not been compressed, or TooLarge."""
    start, output = HEADER.size, _scratch.get()
    output[:start] = batch[:start]
    codec = output[CODEC_AT] & CODEC_MASK
    output[CODEC_AT] ^= codec
    size = _unpacked(codec, batch[start:], output[start:])
    if is_suspect(size, len(batch)):
        raise TooLarge(f"it unpacks to {size} bytes, {size // len(batch)} times its size")
    return bytes(output[: start + size])


def is_suspect(size: int, packed: int) -> bool:
    """Whether a batch of `packed` bytes that unpacks to `size` is read piece by piece, which a restore does not do."""
    return size > LARGE_BYTES and size > SUSPECT_RATIO * packed


def _unpacked(codec: int, content: memoryview, output: memoryview) -> int:
    into = _INTO.get(codec)
    if into is None:
        raise CorruptRecordException(f"codec {codec} is none that Kafka knows")
    try:
        return into(content, output)
    except (cramjam.DecompressionError, CorruptRecordException, struct.error) as error:
        full = any(words in str(error) for words in _FULL)
        raise TooLarge(f"it unpacks to more than {ORDINARY_BYTES} bytes" if full else str(error)) from error


def _decoder(codec: int) -> Callable[[Any], bytes]:
    return lambda content: unpack(codec, content)


def install() -> None:
    """Put the bounded decoders in place of aiokafka's."""
    decoders = {
        "gzip_decode": _decoder(GZIP),
        "snappy_decode": _decoder(SNAPPY),
        "lz4_decode": _decoder(LZ4),
        "zstd_decode": _decoder(ZSTD),
    }
    for name in ("default_records", "legacy_records", "_crecords.default_records", "_crecords.legacy_records"):
        module = importlib.import_module(f"aiokafka.record.{name}")
        for decoder, bounded in decoders.items():
            if hasattr(module, decoder):
                setattr(module, decoder, bounded)
