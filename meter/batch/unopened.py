"""What a fetch brought of a partition, kept as batches: records are made as they are asked for, in bounded memory.

As records they take three times the memory, and unpacked a batch may take any. So a large one waits for its turn, and
one that is not unpacked in one go is read piece by piece, beside the event loop (`meter.batch.unpacking`).
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

#: A piece ends with the batch in which its records take more, and where they are made one by one, with the record.
PIECE_BYTES = 4 << 20
#: A batch waits so long for its turn; then it is read all the same.
PATIENCE_SECONDS = 20.0


class UnreadableRecord(KafkaError):
    """A batch that cannot be read: a wrong checksum, a codec that nobody knows."""

    def __init__(self, tp: Any, offset: int, error: Exception) -> None:
        super().__init__(f"{tp.topic}/{tp.partition} at {offset}: {error!r}")
        self.tp = tp
        self.offset = offset
        self.error = error


class Batch(Protocol):
    """A batch that is opened when its records are asked for; `size`: of its records, in bytes, once it was."""

    since: int
    size: int

    @property
    def next_offset(self) -> int: ...

    def opened(self) -> Iterator[Any]: ...

    def leniently(self, made: int) -> Iterator[Any]: ...

    def holds(self, needles: Sequence[bytes]) -> bool: ...


class LazyBatch:
    """What one fetch brought of a partition; `end`: where reading goes on after it.

    A batch that nobody can read ends it early: the records before it are good, and the next fetch begins with it. If
    there are none before it, that shows at once, or, if it had to be read piece by piece, when it is.
    """

    def __init__(self, tp: Any, batches: Sequence[Any]) -> None:
        self.end = batches[-1].next_offset
        #: False once it ended early.
        self.whole = True
        #: The last record that was made.
        self.last: Any = None
        #: Whether some carry their producer's time (CreateTime), not that at which Kafka had them.
        self.given_times = not all(batch.timestamp_type for batch in batches)
        #: The batch that is next is not unpacked in one go.
        self.piecewise = False
        self._tp = tp
        self._count = len(batches)
        self._batches: deque[Batch] = deque(batches)
        #: The batch that was begun, how many records were made of it, and whether that is done leniently.
        self._batch: Batch | None = batches[0]
        self._made, self._lenient = 0, False
        self._records: Iterator[Any] = iter(())
        #: Large batches wait for their turn; it has come; what to give back then.
        self._waits, self._turn_needed, self._granted = False, False, False
        self._turn: asyncio.Semaphore | None = None
        self._ready = self._opened(1)
        self._some = self.last is not None or self.piecewise
        if self._batch is not None and not self.piecewise and self._batch.size > LARGE_BYTES:
            self._put_back()

    def __bool__(self) -> bool:
        """Whether there is a record: all may have been compacted away."""
        return self._some

    def __len__(self) -> int:
        """How many batches came."""
        return self._count

    def take(self, count: int) -> list[Any]:
        """The next records, at most `count`; none at the end, or before a batch that is not unpacked in one go."""
        ready, self._ready = self._ready, []
        return ready + self._opened(count - len(ready))

    def all(self) -> list[Any]:
        """All records, of a log whose producers are trusted: UnreadableRecord if they are not unpacked in one go."""
        taken: list[Any] = []
        while piece := self.take(1 << 30):
            taken += piece
        if self.piecewise and self._batch is not None:
            raise UnreadableRecord(self._tp, self._batch.since, TooLarge("its batch is too large"))
        return taken

    def holding(self, needles: Sequence[bytes]) -> list[Any]:
        """`all` records of the batches whose bytes hold one of these; the others are passed over as they are."""
        if self._batch is not None and not self._batch.holds(needles):
            self._records, self._ready = iter(()), []
        self._batches = deque(batch for batch in self._batches if batch.holds(needles))
        return self.all()

    async def taken(self, count: int) -> list[Any]:
        """The next records, at most `count`, as many as may be held; none at the end."""
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
        """Let go of what is left."""
        self._let_go()
        self._records, self._batch = iter(()), None
        self._batches.clear()

    async def _wait_for(self, turn: asyncio.Semaphore) -> None:
        if turn.locked() and self._turn_needed:
            self._put_back()
        self._granted, self._turn_needed = True, False
        with suppress(TimeoutError):  # whoever has it may wait for Kafka: nobody waits for them without end
            await asyncio.wait_for(turn.acquire(), PATIENCE_SECONDS)
            self._turn = turn

    def _let_go(self) -> None:
        """The batch that was begun is done."""
        turn, self._turn, self._granted = self._turn, None, False
        if turn is not None:
            turn.release()

    def _put_back(self) -> None:
        """Forget what was unpacked of the batch that was begun, of which nothing was given out; it is opened again."""
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
            except Exception as error:  # what came before it is in the list
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
            self._records, self._batch = iter(()), None  # lets go of the bytes
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
        """Read on leniently in the batch that was begun; if nobody can read that, it is the end."""
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
        """Records of a batch that is read piece by piece; in a thread of its own."""
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
    """The first record of what a fetch brought, if there is one."""
    if unopened is None:
        return None
    try:
        return next(iter(await unopened.taken(1)), None)
    finally:
        unopened.close()


def _held(record: Any) -> int:
    """About the bytes that a record takes which was read leniently."""
    texts = sum(len(name) + len(content or b"") for name, content in record.headers)
    return len(record.key or b"") + len(record.value or b"") + len(record.raw) + texts
