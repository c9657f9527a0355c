"""Records as aiokafka's reader makes them, a batch at a time, without a second object around each.

aiokafka yields one record after the other from a generator and wraps each in a `ConsumerRecord`: 1.2 of the 1.9 µs
that a record costs to be fetched. `slim` puts the classes below in their place; everything about aborted
transactions, markers and positions stays as it is there (a test reads the same log both ways). A batch that aiokafka
cannot read is read once more, leniently: from the record on at which it gave up.

A consumer whose `value_deserializer` is `later` gets what a fetch brought of a partition as `Unopened`: batches, looked
through as ever, whose records are made as they are asked for. As records they take three times the memory.
"""

from collections import deque
from collections.abc import Iterator
from itertools import chain, dropwhile, islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords

from meter.batch.lenient import batch_at, batch_length, next_offset, read_leniently, records_count

#: Of the batches that brokers of today keep.
MAGIC = 2


class UnreadableRecord(KafkaError):
    """A batch that cannot be read: a wrong checksum, a codec that nobody knows."""

    def __init__(self, tp: Any, offset: int, error: Exception) -> None:
        super().__init__(f"{tp.topic}/{tp.partition} at {offset}: {error!r}")
        self.tp = tp
        self.offset = offset
        self.error = error


class RecordsGone(Exception):
    """Offsets that no batch holds, though nothing but compaction takes records out of the middle of a log."""

    def __init__(self, first: int, last: int, left: int = 0) -> None:
        some = f"{left} of the records {first} to {last} are left" if left else f"records {first} to {last} are gone"
        super().__init__(f"{some}: the topic was compacted before they were read")
        #: Where reading can go on without them.
        self.next_offset = last + 1


class Batches:
    """The batches of one fetch, as aiokafka takes them, and the bytes of the one it took last."""

    def __init__(self, content: bytes) -> None:
        #: The next batch begins here, if none may be missing; else nothing is asked of it.
        self.expected: int | None = None
        self._at = 0
        self._content = content
        self._batches = MemoryRecords(content)
        self._taken = 0
        #: Hand out batches that aiokafka takes for one record each.
        self.closed = False
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        self._taken += 1
        batch = self._batches.next_batch()
        if self.expected is not None and batch.magic == MAGIC:
            self._check_whole(batch)
        return Closed(batch, self._content, self._taken - 1) if self.closed else batch

    def _check_whole(self, batch: Any) -> None:
        """Raises RecordsGone unless the batch follows the one before, and holds a record for each of its offsets.

        A broker takes no batch from a producer that does not, so this asks only what was done to the log.
        """
        assert self.expected is not None
        count, length = records_count(self._content, self._at), batch_length(self._content, self._at)
        self._at += length
        if batch.base_offset > self.expected:
            raise RecordsGone(self.expected, batch.base_offset - 1)
        if count != batch.next_offset - batch.base_offset:
            raise RecordsGone(batch.base_offset, batch.next_offset - 1, count)
        self.expected = batch.next_offset

    def last(self) -> bytes:
        return batch_at(self._content, self._taken - 1)


class Closed:
    """A batch on its way through aiokafka's reader, which takes it for one record with the batch's last offset.

    So checksums, markers and aborted transactions are looked at where they always are, and no record is made.
    """

    def __init__(self, batch: Any, content: bytes, number: int) -> None:
        self.batch = batch
        #: From here on its records are wanted; told when aiokafka gives it out.
        self.since = 0
        self.offset = batch.next_offset - 1
        self._content, self._number = content, number

    def __getattr__(self, name: str) -> Any:
        return getattr(self.batch, name)

    def __next__(self) -> Any:
        return next(self.batch)

    def __iter__(self) -> Iterator["Closed"]:
        return iter((self,))

    def records(self) -> Iterator[Any]:
        """Its records, from `since` on; opened by the first of them."""
        return self._from_since(chain.from_iterable((self.batch,)))

    def leniently(self, made: int) -> Iterator[Any]:
        """Its records from `since` on but for the first so many, without trust in their producer."""
        return islice(self._from_since(read_leniently(batch_at(self._content, self._number))), made, None)

    def _from_since(self, records: Iterator[Any]) -> Iterator[Any]:
        """A fetch begins in the middle of a batch at most once; offsets within a batch are its producer's word."""
        since = self.since
        return records if since <= self.batch.base_offset else dropwhile(lambda record: record.offset < since, records)


class SlimRecords(fetcher.PartitionRecords):
    """The records of one fetch: offset, timestamp, timestamp_type, key, value, headers."""

    _records: Batches
    _records_iterator: Any
    next_fetch_offset: int
    _key_deserializer: Any
    _value_deserializer: Any

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._records.closed = self._value_deserializer is later
        if self._key_deserializer is whole:
            self._records.expected = self.next_fetch_offset

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
            raise
        except RecordsGone:
            raise
        except Exception as error:  # a batch that aiokafka cannot read: what is left of it, then the batches behind it
            self._records_iterator = self._going_on(*self._leniently(error))
            return next(self)

    def _leniently(self, error: Exception) -> tuple[Iterator[Any], int]:
        """Records of the batch in which aiokafka met an error, and the offset after it; else that error."""
        batch = self._records.last()
        try:
            return read_leniently(batch), next_offset(batch)
        except Exception:
            raise error from None

    def _going_on(self, records: Iterator[Any], end: int) -> Iterator[Any]:
        for record in records:
            if record.offset >= self.next_fetch_offset:
                self.next_fetch_offset = record.offset + 1
                yield record
        self.next_fetch_offset = end
        yield from self._unpack_records()

    def _consumer_record(self, tp: Any, record: Any) -> Any:
        if isinstance(record, Closed):
            record.since = self.next_fetch_offset
        return record


def whole(key: bytes) -> bytes:
    """As a consumer's `key_deserializer`: no record of its partitions may be missing between two others."""
    return key


def later(value: bytes) -> bytes:
    """As a consumer's `value_deserializer`: its records come `Unopened`."""
    return value


class Unopened:
    """What one fetch brought of a partition; `end`: where reading goes on after it.

    A batch that nobody can read ends it early: the records before it are good, and the next fetch begins with it. If
    there are none before it, that shows at once.
    """

    def __init__(self, tp: Any, batches: list[Closed]) -> None:
        self.end = batches[-1].next_offset
        #: False once it ended early.
        self.whole = True
        #: The last record that was made.
        self.last: Any = None
        #: Whether some carry their producer's time (CreateTime), not that at which Kafka had them.
        self.given_times = not all(batch.timestamp_type for batch in batches)
        self._tp = tp
        self._batches = deque(batches)
        #: The batch that was begun, how many records were made of it, and whether that is done leniently.
        self._batch: Any = batches[0]
        self._made, self._lenient = 0, False
        self._records: Iterator[Any] = iter(())
        self._ready = self._opened(1)

    def __bool__(self) -> bool:
        """Whether there is a record: all may have been compacted away."""
        return self.last is not None

    def take(self, count: int) -> list[Any]:
        """The next `count` records; fewer at the end."""
        ready, self._ready = self._ready, []
        return ready + self._opened(count - len(ready))

    def _opened(self, count: int) -> list[Any]:
        taken: list[Any] = []
        while len(taken) < count and self.whole:
            before, doubt = len(taken), None
            try:
                taken.extend(islice(self._records, count - before))
            except Exception as error:  # what came before it is in the list
                doubt = error
            if len(taken) > before:
                self.last = taken[-1]
                self._made += len(taken) - before
            if doubt is not None:
                self._mistrust(doubt)
            elif len(taken) == before and not self._begin_batch():
                break
        return taken

    def _begin_batch(self) -> bool:
        """Begin the next batch, if there is one."""
        if not self._batches:
            self._records, self._batch = iter(()), None  # lets go of the bytes
            return False
        self._batch, self._made, self._lenient = self._batches.popleft(), 0, False
        self._records = self._batch.records()
        return True

    def _mistrust(self, error: Exception) -> None:
        """Read on leniently in the batch that was begun; if nobody can read that, it is the end."""
        try:
            if self._lenient:
                raise error
            self._records, self._lenient = self._batch.leniently(self._made), True
        except Exception:
            if self.last is None:
                raise UnreadableRecord(self._tp, self._batch.since, error) from error
            self._records, self.end, self.whole = iter(()), self._batch.since, False
            self._batches.clear()


def given_out(result: Any, max_records: int | None = None) -> Any:
    """In place of `FetchResult.getall`: one partition's part of a fetch, handed out in lists, or `Unopened`."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    records: Any = result._partition_records
    taken: list[Any] = []
    try:
        taken.extend(islice(records, max_records))  # not zip: it would take one record more and drop it
    except Exception as error:  # the records before it are good; the next fetch begins with it
        if not taken:
            raise UnreadableRecord(result._topic_partition, records.next_fetch_offset, error) from error
    unopened = Unopened(result._topic_partition, taken) if taken and isinstance(taken[0], Closed) else None
    result._update_position()
    if records._records_iterator is None:
        result._partition_records = None
    return taken if unopened is None else unopened


def slim() -> None:
    """Put the slim ways in the place of aiokafka's, for all consumers of this process, also those at work.

    `FetchResult` stays the class it is: by it aiokafka tells what waits to be given out from an error.
    """
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = SlimRecords
    fetcher.FetchResult.getall = given_out
