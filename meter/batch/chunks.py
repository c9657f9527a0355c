"""A chunk: what one fetch brought of one partition, the unit that flows through Faust instead of single records."""

from collections.abc import AsyncGenerator, Sequence
from typing import Any

import faust
from faust.types import TP

from meter.batch.unopened import LazyBatch

#: Chunks of one partition handed out and not yet released: one at work, one ready behind it.
CHUNKS_AHEAD = 2


class Chunk:
    """Consecutive records of one partition, made as they are asked for.

    `position` is where reading goes on after it: not the last offset + 1, since transaction markers and
    compacted records occupy offsets too; `start` is where it went on before it. `epoch` names the reading it
    belongs to: a partition taken away, or begun anew, makes it void.
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
        """False once a record that cannot be read ended it early."""
        return self._unopened is None or self._unopened.whole

    @property
    def doubtful(self) -> bool:
        """Whether it may turn out that not even its first record can be read; asked before any is."""
        return self._unopened is not None and self._unopened.piecewise

    @property
    def given_times(self) -> bool:
        """Whether some of its records carry their producer's time, not that at which Kafka had them."""
        return self._unopened is not None and self._unopened.given_times

    @property
    def position(self) -> int:
        """Where reading goes on: of a chunk that ended early, with the record that cannot be read."""
        return self._position if self._unopened is None or self._unopened.whole else self._unopened.end

    @property
    def records(self) -> Sequence[Any]:
        """All its records, made together: for logs whose producers are trusted."""
        if self._records is None:
            assert self._unopened is not None and not self._in_pieces, "a chunk is had whole or in pieces"
            self._records = self._unopened.all()
        return self._records

    @property
    def last(self) -> Any:
        """The last record, once all were read; None if there was none."""
        if self._unopened is not None:
            return self._unopened.last
        return self.records[-1] if self.records else None

    async def pieces(self, count: int) -> AsyncGenerator[Sequence[Any], None]:
        """Its records, at most `count` at a time, to be had once: each piece is gone when the next one is made.

        However large its producers made them, what is held at once is bounded; to be closed when it is left early.
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
