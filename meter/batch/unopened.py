"""Fetched batches of a partition, kept packed: records are made as they are read, in bounded memory.

Records take three times the memory of their batches, and a batch may unpack to any size. So a large batch waits for its
turn, and one that cannot be unpacked in one go is read piece by piece in a thread (`meter.batch.unpacking`).
"""

import asyncio
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, Protocol

from aiokafka.errors import KafkaError

from meter.batch.codecs import LARGE_BYTES, TooLarge
from meter.batch.unpacking import turns, unpacking

#: A piece ends once its records take more: at the end of a batch, or after a record in a batch read piece by piece.
PIECE_BYTES = 4 << 20
#: A batch waits this long for its turn, then it is read anyway.
PATIENCE_SECONDS = 20.0


class UnreadableRecord(KafkaError):
    """A batch that cannot be read: a wrong checksum, an unknown codec."""

    def __init__(self, tp: Any, offset: int, error: Exception) -> None:
        super().__init__(f"{tp.topic}/{tp.partition} at {offset}: {error!r}")
        self.tp = tp
        self.offset = offset
        self.error = error


class Batch(Protocol):
    """A batch that is opened when its records are read; `size`: bytes of its records once opened."""

    since: int
    size: int

    @property
    def next_offset(self) -> int: ...

    def opened(self) -> Iterator[Any]: ...

    def leniently(self, made: int) -> Iterator[Any]: ...

    def holds(self, needles: Sequence[bytes]) -> bool: ...


class LazyBatch:
    """The batches of one partition from one fetch; `end`: the offset behind them.

    An unreadable batch ends it early: the records before it are valid, and the next fetch begins with that batch. If it
    is the first batch, `UnreadableRecord` is raised at once, or when it is read piece by piece.
    """

    def __init__(self, tp: Any, batches: Sequence[Any]) -> None:
        self.end = batches[-1].next_offset
        #: False once an unreadable batch ended it early.
        self.whole = True
        #: The last record made.
        self.last: Any = None
        #: Whether some records carry their producer's time (CreateTime) instead of Kafka's.
        self.given_times = not all(batch.timestamp_type for batch in batches)
        #: Whether the next batch is to be read piece by piece.
        self.piecewise = False
        self._tp = tp
        self._count = len(batches)
        self._batches: deque[Batch] = deque(batches)
        #: The current batch, how many records were made of it, and whether it is read leniently.
        self._batch: Batch | None = batches[0]
        self._made, self._lenient = 0, False
        self._records: Iterator[Any] = iter(())
        #: Whether a large batch must wait for its turn, whether it needs one now, and whether it has it.
        self._waits, self._turn_needed, self._granted = False, False, False
        self._turn: asyncio.Semaphore | None = None
        self._ready = self._opened(1)
        self._some = self.last is not None or self.piecewise
        if self._batch is not None and not self.piecewise and self._batch.size > LARGE_BYTES:
            self._put_back()

    def __bool__(self) -> bool:
        """Whether there is any record: all may have been compacted away."""
        return self._some

    def __len__(self) -> int:
        """The number of batches."""
        return self._count

    def take(self, count: int) -> list[Any]:
        """The next records, at most `count`; none at the end, or before a batch to be read piece by piece."""
        ready, self._ready = self._ready, []
        return ready + self._opened(count - len(ready))

    def all(self) -> list[Any]:
        """All records, for topics of trusted producers: UnreadableRecord if they cannot be unpacked in one go."""
        taken: list[Any] = []
        while piece := self.take(1 << 30):
            taken += piece
        if self.piecewise and self._batch is not None:
            raise UnreadableRecord(self._tp, self._batch.since, TooLarge("its batch is too large"))
        return taken

    def holding(self, needles: Sequence[bytes]) -> list[Any]:
        """All records of the batches whose bytes contain one of the needles; other batches are skipped unopened."""
        if self._batch is not None and not self._batch.holds(needles):
            self._records, self._ready = iter(()), []
        self._batches = deque(batch for batch in self._batches if batch.holds(needles))
        return self.all()

    async def taken(self, count: int) -> list[Any]:
        """The next records, at most `count` and within PIECE_BYTES; none at the end."""
        self._waits = True
        while True:
            piece = self.take(count)
            if not piece and self._turn_needed:
                await self._wait_for(turns().large)
            elif not piece and self.piecewise:
                if not self._granted:
                    await self._wait_for(turns().piecewise)
                piece = await unpacking.run(self._piece, count)
                if piece:
                    return piece
            else:
                return piece

    def close(self) -> None:
        """Release what is left."""
        self._let_go()
        self._records, self._batch = iter(()), None
        self._batches.clear()

    async def _wait_for(self, turn: asyncio.Semaphore) -> None:
        if turn.locked() and self._turn_needed:
            self._put_back()
        self._granted, self._turn_needed = True, False
        with suppress(TimeoutError):  # the one that has the turn may wait for Kafka; do not wait for it for ever
            await asyncio.wait_for(turn.acquire(), PATIENCE_SECONDS)
            self._turn = turn

    def _let_go(self) -> None:
        """The current batch is done."""
        turn, self._turn, self._granted = self._turn, None, False
        if turn is not None:
            turn.release()

    def _put_back(self) -> None:
        """Forget what was unpacked of the current batch, of which no record was returned; it is opened again."""
        assert self._batch is not None
        self._batches.appendleft(self._batch)
        self._records, self._batch, self._ready, self._made, self._lenient = iter(()), None, [], 0, False

    def _opened(self, count: int) -> list[Any]:
        taken: list[Any] = []
        size = 0
        while len(taken) < count and size < PIECE_BYTES and self.whole and not (self.piecewise or self._turn_needed):
            before, doubt = len(taken), None
            try:
                taken.extend(islice(self._records, count - before))
            except Exception as error:  # the records before it are in the list
                doubt = error
            if len(taken) > before:
                assert self._batch is not None
                self.last = taken[-1]
                self._made += len(taken) - before
                size += self._batch.size
            if doubt is not None:
                self._mistrust(doubt)
            elif len(taken) == before and not self._begin_batch():
                break
        return taken

    def _begin_batch(self) -> bool:
        """Begin the next batch, if there is one."""
        if self._granted and self._batch is not None:
            self._let_go()
        if not self._batches:
            self._records, self._batch = iter(()), None  # frees the bytes
            return False
        self._batch, self._made, self._lenient = self._batches.popleft(), 0, False
        self._records = iter(())
        try:
            self._records = self._batch.opened()
        except Exception as error:
            self._mistrust(error)
        else:
            self._turn_needed = self._waits and not self._granted and self._batch.size > LARGE_BYTES
        return True

    def _mistrust(self, error: Exception) -> None:
        """Read on leniently in the current batch; if that fails too, end early."""
        assert self._batch is not None
        self.piecewise = isinstance(error, TooLarge)
        if self.piecewise:
            self._records = iter(())
            return
        try:
            if self._lenient:
                raise error
            self._records, self._lenient = self._batch.leniently(self._made), True
        except Exception:
            if self.last is None:
                raise UnreadableRecord(self._tp, self._batch.since, error) from error
            self._records, self.end, self.whole = iter(()), self._batch.since, False
            self._batches.clear()

    def _piece(self, count: int) -> list[Any]:
        """Records of a batch that is read piece by piece; runs in the thread."""
        assert self._batch is not None
        taken: list[Any] = []
        size = 0
        try:
            if not self._lenient:
                self._records, self._lenient = self._batch.leniently(self._made), True
            for record in self._records:
                taken.append(record)
                size += _held(record)
                if len(taken) >= count or size > PIECE_BYTES:
                    break
            else:
                self.piecewise = False
        except Exception as error:
            self._mistrust(error)
        if taken:
            self.last = taken[-1]
        return taken


async def first_of(unopened: LazyBatch | None) -> Any | None:
    """The first record of a fetch, if there is one."""
    if unopened is None:
        return None
    try:
        return next(iter(await unopened.taken(1)), None)
    finally:
        unopened.close()


def _held(record: Any) -> int:
    """About how many bytes a leniently read record takes."""
    texts = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + len(record.raw) + texts
