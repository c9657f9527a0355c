"""Records of what a fetch brought of a partition, made at once where it is little and nothing about it is special.

Of thousands of partitions each brings a few records. Looking through them by aiokafka's reader, and keeping them
unopened, takes longer than making them. Whatever is special (a checksum that is wrong, a batch that does not follow
the one before, one that unpacks to much, an aborted transaction) is left to that reader.
"""

from collections.abc import Sequence
from itertools import dropwhile
from typing import Any, NamedTuple

from aiokafka.record.default_records import DefaultRecordBatch
from aiokafka.structs import TopicPartition

from meter.batch.codecs import CODEC_MASK, HEADER, unpack_batch
from meter.batch.patches.fetched_records import MAGIC, Batches, Closed, SlimRecords, lazy, whole
from meter.batch.patches.lenient_batch import CONTROL_MASK, OVERHEAD
from meter.batch.sessions.requests import READ_COMMITTED, Part
from meter.batch.unopened import LazyBatch, UnreadableRecord

#: More than this of one partition is kept unopened; so is a batch that unpacks to more.
PLAIN_BYTES = 64 * 1024


class Fetched(NamedTuple):
    """What a fetch brought of a partition: records, unopened or made, none or some; and where reading goes on."""

    records: Sequence[Any] | LazyBatch
    position: int


def fetched(part: Part, tp: TopicPartition, offset: int) -> Fetched:
    """What was fetched from `offset` on; raises UnreadableRecord if not even the first batch can be looked through."""
    content = part.content
    plain = plain_records(content, offset) if len(content) <= PLAIN_BYTES and not part.aborted else None
    return _unopened(part, tp, offset) if plain is None else plain


def plain_records(content: memoryview, offset: int) -> Fetched | None:
    """The records from `offset` on; None where one batch is special, or together they take more than `PLAIN_BYTES`."""
    start, end, position, size = 0, len(content), offset, 0
    records: list[Any] = []
    while start + HEADER.size <= end:
        base, length, _, magic, _, attributes, last, *_, count = HEADER.unpack_from(content, start)
        stop = start + OVERHEAD + length
        if stop > end:
            break
        if magic != MAGIC or base > position or count != last + 1:
            return None
        try:
            batch = DefaultRecordBatch(content[start:stop])
            if not batch.validate_crc():
                return None
            if not attributes & CONTROL_MASK:
                if attributes & CODEC_MASK:
                    unpacked = unpack_batch(content[start:stop])
                    size += len(unpacked)
                    if size > PLAIN_BYTES:
                        return None
                    batch = DefaultRecordBatch(unpacked)
                records.extend(batch if base >= offset else dropwhile(lambda record: record.offset < offset, batch))
        except Exception:  # aiokafka's reader, and the lenient one behind it, find out why
            return None
        position = base + last + 1
        start = stop
    return Fetched(records, max(position, offset))


def _unopened(part: Part, tp: TopicPartition, offset: int) -> Fetched:
    """The same as batches that are opened when their records are asked for."""
    batches = Batches(bytes(part.content))
    records = SlimRecords(tp, batches, part.aborted, offset, whole, lazy, True, READ_COMMITTED)
    taken: list[Closed] = []
    try:
        taken.extend(records)
    except Exception as error:  # the batches before it are good; the next fetch begins with it
        if not taken:
            raise UnreadableRecord(tp, records.next_fetch_offset, error) from error
    return Fetched(LazyBatch(tp, taken) if taken else (), records.next_fetch_offset)
