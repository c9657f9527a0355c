"""Records as aiokafka's reader makes them, a batch at a time, without a second object around each.

aiokafka yields one record after the other from a generator and wraps each in a `ConsumerRecord`: 1.2 of the 1.9 µs
that a record costs to be fetched. `slim` puts the classes below in their place; everything about aborted
transactions, markers and positions stays as it is there (a test reads the same log both ways). A batch that aiokafka
cannot read is read once more, leniently: from the record on at which it gave up.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.errors import KafkaError
from aiokafka.record.memory_records import MemoryRecords

from meter.batch.lenient import batch_at, next_offset, read_leniently


class UnreadableRecord(KafkaError):
    """A batch that cannot be read: a wrong checksum, a codec that nobody knows."""

    def __init__(self, tp: Any, offset: int, error: Exception) -> None:
        super().__init__(f"{tp.topic}/{tp.partition} at {offset}: {error!r}")
        self.tp = tp
        self.offset = offset
        self.error = error


class Batches:
    """The batches of one fetch, as aiokafka takes them, and the bytes of the one it took last."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._batches = MemoryRecords(content)
        self._taken = 0
        self.has_next = self._batches.has_next
        self.size_in_bytes = self._batches.size_in_bytes

    def next_batch(self) -> Any:
        self._taken += 1
        return self._batches.next_batch()

    def last(self) -> bytes:
        return batch_at(self._content, self._taken - 1)


class SlimRecords(fetcher.PartitionRecords):
    """The records of one fetch: offset, timestamp, timestamp_type, key, value, headers."""

    _records: Batches
    _records_iterator: Any
    next_fetch_offset: int

    def __next__(self) -> Any:
        try:
            return next(self._records_iterator)
        except StopIteration:
            self._records_iterator = None
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
        return record


def given_out(result: Any, max_records: int | None = None) -> list[Any]:
    """In place of `FetchResult.getall`: one partition's part of a fetch, handed out in lists."""
    if not result.check_assignment(result._topic_partition) or not result.has_more():
        return []
    records: Any = result._partition_records
    taken: list[Any] = []
    try:
        taken.extend(islice(records, max_records))  # not zip: it would take one record more and drop it
    except Exception as error:  # the records before it are good; the next fetch begins with it
        if not taken:
            raise UnreadableRecord(result._topic_partition, records.next_fetch_offset, error) from error
    result._update_position()
    if records._records_iterator is None:
        result._partition_records = None
    return taken


def slim() -> None:
    """Put the slim ways in the place of aiokafka's, for all consumers of this process, also those at work.

    `FetchResult` stays the class it is: by it aiokafka tells what waits to be given out from an error.
    """
    fetcher.MemoryRecords = Batches
    fetcher.PartitionRecords = SlimRecords
    fetcher.FetchResult.getall = given_out
