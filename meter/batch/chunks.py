"""A chunk: the records of one partition from one fetch; chunks flow through Faust instead of single records."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import faust
from faust.types import TP

from meter.batch.unopened import LazyBatch

#: How many chunks of a partition may be handed out and unreleased: one being handled, one ready behind it.
CHUNKS_AHEAD = 2


class Chunk:
    """Consecutive records of one partition, unpacked as they are read.

    `start` and `position`: the offsets before and behind the chunk. `position` is not the last offset + 1, because
    transaction markers and compacted records occupy offsets too. `epoch`: which assignment or `begin` of the partition
    the chunk belongs to; after the next one it is void.
    """

    __slots__ = ("_in_pieces", "_position", "_records", "_unopened", "epoch", "start", "tp")

    def __init__(self, tp: TP, records: Sequence[Any] | LazyBatch, position: int, epoch: int, start: int = 0) -> None:
        self.tp = tp
        self.epoch = epoch
        self.start = start
        self._position = position
        self._in_pieces = False
        self._unopened = records if isinstance(records, LazyBatch) else None
        self._records = None if isinstance(records, LazyBatch) else records

    @property
    def whole(self) -> bool:
        """False once an unreadable record ended it early."""
        return self._unopened is None or self._unopened.whole

    @property
    def doubtful(self) -> bool:
        """Whether even its first record may turn out to be unreadable; ask before reading."""
        return self._unopened is not None and self._unopened.piecewise

    @property
    def given_times(self) -> bool:
        """Whether some of its records carry their producer's time instead of Kafka's."""
        return self._unopened is not None and self._unopened.given_times

    @property
    def position(self) -> int:
        """The offset at which reading goes on; the unreadable record's if the chunk ended early."""
        return self._position if self._unopened is None or self._unopened.whole else self._unopened.end

    @property
    def records(self) -> Sequence[Any]:
        """All its records at once, for topics whose producers are trusted."""
        if self._records is None:
            assert self._unopened is not None and not self._in_pieces, "a chunk is read whole or in pieces, not both"
            self._records = self._unopened.all()
        return self._records

    @property
    def made(self) -> Sequence[Any] | None:
        """All its records, if they were made as it was read; None while they are not."""
        return self._records

    @property
    def last(self) -> Any:
        """The last record, once all were read; None if there was none."""
        if self._unopened is not None:
            return self._unopened.last
        return self.records[-1] if self.records else None

    async def pieces(self, count: int) -> AsyncGenerator[Sequence[Any], None]:
        """Its records in pieces of at most `count`, once; making a piece drops the one before.

        Memory is bounded, however large the producers' batches are. Close it if you leave it early.
        """
        if self._unopened is None or self._records is not None:
            for start in range(0, len(self.records), count):
                yield self.records[start : start + count]
            return
        self._in_pieces = True
        try:
            while piece := await self._unopened.taken(count):
                yield piece
        finally:
            self._unopened.close()


class ChunkSchema(faust.Schema):
    """Passes a chunk through Faust's decoding untouched."""

    def loads_key(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> None:
        return None

    def loads_value(self, app: Any, message: Any, *, loads: Any = None, serializer: Any = None) -> Any:
        return message.value

    def compile(
        self, app: Any, *, on_key_decode_error: Any, on_value_decode_error: Any, default_propagate: bool = False
    ) -> Any:
        create_event = app.create_event

        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return create_event(None, message.value, (), message)

        return decode
