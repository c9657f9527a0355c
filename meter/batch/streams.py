"""Unpacks a batch's content in slices from its front, so that it takes little memory, however much it holds."""

import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import cramjam
import lz4.frame
from aiokafka.codec import _detect_xerial_stream
from aiokafka.errors import CorruptRecordException

from meter.batch.codecs import GZIP, LZ4, SNAPPY, ZSTD

if sys.version_info >= (3, 14):
    from compression import zstd as zstd
else:
    from backports import zstd as zstd

#: Bytes unpacked at a time.
SLICE_BYTES = 256 << 10
#: Bytes given to a decoder at a time; what it leaves unread is copied.
FED_BYTES = 16 << 10
#: A batch is unpacked to at most this, in slices: a second or two of one core. What follows is not read.
UNPACKED_BYTES = 1 << 30
#: A snappy block cannot be unpacked in slices; its length comes before it, and longer ones are not unpacked.
BLOCK_BYTES = 32 << 20
_XERIAL_HEADER = 16


class Endless(ValueError):
    """The batch holds more than is unpacked."""


class _Decoder(Protocol):
    """The common interface of the zstd and lz4 decoders."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes | None: ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes: ...


class _Gzip:
    """zlib's decoder with the same interface."""

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(wbits=31)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._zlib.eof

    @property
    def unused_data(self) -> bytes:
        return self._zlib.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        content = self._zlib.decompress(self._zlib.unconsumed_tail + data, max_length)
        self.needs_input = len(content) < max_length and not self._zlib.unconsumed_tail
        return content


def _framed(make: Callable[[], _Decoder], content: memoryview, first: bytes) -> Iterator[bytes]:
    """Unpack frame after frame; bytes behind a frame that begin no frame are ignored, as Kafka's own reader does."""
    decoder, rest, at = make(), b"", 0
    while True:
        if decoder.eof:
            rest = bytes(decoder.unused_data or b"")
            rest += bytes(content[at : at + FED_BYTES])
            at += FED_BYTES
            if not rest or not rest.startswith(first):
                return
            decoder = make()
        elif decoder.needs_input:
            rest = bytes(content[at : at + FED_BYTES])
            at += FED_BYTES
            if not rest:
                raise CorruptRecordException("its compressed content ends in the middle")
        unpacked = decoder.decompress(rest, SLICE_BYTES)
        rest = b""
        if unpacked:
            yield unpacked


def _blocks(content: memoryview) -> Iterator[bytes]:
    """Snappy's blocks; Endless if one is longer than BLOCK_BYTES."""
    at = _XERIAL_HEADER
    if not _detect_xerial_stream(content):
        yield from _block(content)
        return
    while at < len(content):
        (length,) = struct.unpack_from(">i", content, at)
        if length <= 0:
            raise CorruptRecordException(f"a snappy block of {length} bytes")
        yield from _block(content[at + 4 : at + 4 + length])
        at += 4 + length


def _block(block: memoryview) -> Iterator[bytes]:
    size = cramjam.snappy.decompress_raw_len(block)
    if size > BLOCK_BYTES:
        raise Endless(f"a snappy block of {size} bytes, and {BLOCK_BYTES} are unpacked at once")
    yield from _cut(memoryview(cramjam.snappy.decompress_raw(block)))


def _cut(content: memoryview) -> Iterator[bytes]:
    return (bytes(content[at : at + SLICE_BYTES]) for at in range(0, len(content), SLICE_BYTES))


def slices(codec: int, content: Any) -> Iterator[bytes]:
    """The content of a batch, unpacked slice by slice."""
    view = memoryview(content)
    if codec == GZIP:
        return _framed(_Gzip, view, b"\x1f\x8b")
    if codec == SNAPPY:
        return _blocks(view)
    if codec == LZ4:
        return _framed(lz4.frame.LZ4FrameDecompressor, view, b"\x04\x22\x4d\x18")
    if codec == ZSTD:
        return _framed(zstd.ZstdDecompressor, view, b"")
    if codec:
        raise CorruptRecordException(f"codec {codec} is none that Kafka knows")
    return _cut(view)


class Stream:
    """Reads slices from their front; `unpacked`: how many bytes were unpacked so far."""

    def __init__(self, content: Iterator[bytes]) -> None:
        self._slices = content
        self._window, self._at = b"", 0
        self._failed: Exception | None = None
        self.unpacked = 0

    def peek(self, count: int) -> bytes:
        """The next `count` bytes, fewer at the end, without taking them."""
        while len(self._window) - self._at < count and self._fill():
            pass
        return self._window[self._at : self._at + count]

    def take(self, count: int) -> bytes:
        """Take the next `count` bytes, fewer at the end."""
        found = self.peek(count)
        self._at += len(found)
        return found

    def passed(self, count: int) -> Iterator[memoryview]:
        """Yield the next `count` bytes, fewer at the end, in the pieces in which they are unpacked."""
        while count:
            if self._at == len(self._window) and not self._fill():
                return
            some = memoryview(self._window)[self._at : self._at + count]
            self._at += len(some)
            count -= len(some)
            yield some

    def _fill(self) -> bool:
        """Unpack one more slice; False at the end. An error is kept and raised again at the next call."""
        if self._failed is None and self.unpacked >= UNPACKED_BYTES:
            self._failed = Endless(f"more than {UNPACKED_BYTES} bytes are not unpacked")
        if self._failed is not None:
            raise self._failed
        try:
            more = next(self._slices, b"")
        except Exception as error:
            self._failed = error
            raise
        self.unpacked += len(more)
        self._window, self._at = self._window[self._at :] + more, 0
        return bool(more)
