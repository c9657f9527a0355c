"""Records read a batch at a time are those aiokafka reads one by one: none more, none less, at the same position."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.consumer import fetcher
from aiokafka.consumer.subscription_state import Assignment
from aiokafka.record.default_records import DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from aiokafka.structs import TopicPartition

from meter.batch.patches.fetched_records import Batches, SlimRecords, hand_out, install_batches

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


def waiting(records: type, content: bytes, since: int, deserializer: Any = None, aborted: Any = ()) -> Any:
    """What a fetch brought of a log and nobody has taken yet, from `since` on; `aborted`: as a broker tells them."""
    assignment = Assignment({TP})
    assignment.state_value(TP).reset_to(since)
    unread = records(
        TP,
        Batches(content) if records is SlimRecords else MemoryRecords(content),
        aborted,
        since,
        None,
        deserializer,
        True,
        fetcher.READ_COMMITTED,
    )
    return fetcher.FetchResult(TP, assignment=assignment, partition_records=unread, backoff=0)


def read(
    records: type, getall: Callable[..., list[Any]], content: bytes, since: int, most: int | None
) -> tuple[list[Any], list[int]]:
    """All records from `since`, at most `most` at a time, and the position after each turn."""
    fetched = waiting(records, content, since)
    state = fetched._assignment.state_value(TP)
    found: list[Any] = []
    positions = []
    while fetched.has_more():
        found += getall(fetched, most)
        positions.append(state.position)
    return fields(found), positions


def fields(records: list[Any]) -> list[Any]:
    """What each record says."""
    return [(r.offset, r.timestamp, r.timestamp_type, r.key, r.value, tuple(r.headers)) for r in records]


def test_what_was_fetched_before_the_slim_ways_came_is_still_given_out(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        for owner, name in ((fetcher, "MemoryRecords"), (fetcher, "PartitionRecords"), (fetcher, "FetchResult")):
            monkeypatch.setattr(owner, name, getattr(owner, name))
        monkeypatch.setattr(fetcher.FetchResult, "getall", fetcher.FetchResult.getall)
        known = type(fetched := waiting(fetcher.PartitionRecords, log(batches=2, each=3), 0))
        install_batches()
        assert known is fetcher.FetchResult  # aiokafka looks for exactly this class
        assert [record.offset for record in fetched.getall()] == list(range(6))

    asyncio.run(story())


@pytest.mark.parametrize("most", [None, 1, 3, 7, 10, 100])
@pytest.mark.parametrize("since", [0, 5, 9])  # in the first batch, as a broker answers
def test_slim_records_are_aiokafkas_records(most: int | None, since: int) -> None:
    asyncio.run(same(most, since))


async def same(most: int | None, since: int) -> None:
    """The states of aiokafka want a running loop."""
    content = log(batches=3, each=10)
    expected, positions = read(fetcher.PartitionRecords, fetcher.FetchResult.getall, content, since, most)
    lean, slim_positions = read(SlimRecords, hand_out, content, since, most)
    assert lean == expected
    assert [record[0] for record in lean] == list(range(since, 30))
    assert slim_positions[-1] == positions[-1] == 30
