"""Records read a batch at a time are those aiokafka reads one by one: none more, none less, at the same position."""

import asyncio
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from meter.batch.records import Batches, SlimRecords, SlimResult

TP = TopicPartition("usage", 0)


def log(batches: int, each: int, compression: int = 0) -> bytes:
    """A log of so many batches, with offsets from 0 on."""
    written = b""
    for number in range(batches):
        builder = DefaultRecordBatchBuilder(
            magic=2,
            compression_type=compression,
            is_transactional=0,
            producer_id=-1,
            producer_epoch=-1,
            base_sequence=-1,
            batch_size=1 << 20,
        )
        for record in range(each):
            headers = [("ce_id", b"x")] if record % 3 else []
            key = b"k" if record % 2 else None
            builder.append(record, timestamp=1_000 + record, key=key, value=b"v%d" % record, headers=headers)
        batch = bytearray(builder.build())
        batch[:8] = (number * each).to_bytes(8, "big")
        written += bytes(batch)
    return written


def read(records: type, result: type, content: bytes, since: int, most: int | None) -> tuple[list[Any], list[int]]:
    """All records from `since`, at most `most` at a time, and the position after each turn."""
    assignment = Assignment({TP})
    state = assignment.state_value(TP)
    state.reset_to(since)
    unread = records(
        TP,
        Batches(content) if records is SlimRecords else MemoryRecords(content),
        [],
        since,
        None,
        None,
        True,
        fetcher.READ_COMMITTED,
    )
    fetched = result(TP, assignment=assignment, partition_records=unread, backoff=0)
    found: list[Any] = []
    positions = []
    while fetched.has_more():
        found += fetched.getall(most)
        positions.append(state.position)
    return [(r.offset, r.timestamp, r.timestamp_type, r.key, r.value, tuple(r.headers)) for r in found], positions


@pytest.mark.parametrize("most", [None, 1, 3, 7, 10, 100])
@pytest.mark.parametrize("since", [0, 5, 9])  # in the first batch, as a broker answers
def test_slim_records_are_aiokafkas_records(most: int | None, since: int) -> None:
    asyncio.run(same(most, since))


async def same(most: int | None, since: int) -> None:
    """The states of aiokafka want a running loop."""
    content = log(batches=3, each=10)
    expected, positions = read(fetcher.PartitionRecords, fetcher.FetchResult, content, since, most)
    slim, slim_positions = read(SlimRecords, SlimResult, content, since, most)
    assert slim == expected
    assert [record[0] for record in slim] == list(range(since, 30))
    assert slim_positions[-1] == positions[-1] == 30
