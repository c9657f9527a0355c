"""A log with records missing in its middle was compacted: reading stops before them and says which."""

import asyncio

import pytest
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.consumer.subscription_state import Assignment

from meter.batch.patches.fetched_records import Batches, RecordsGone, SlimRecords, install_batches, lazy, whole
from meter.batch.unopened import UnreadableRecord
from tests.record_batches import batch, record

TP = TopicPartition("usage.w", 0)
TRANSACTIONAL, CONTROL = 0x10, 0x20
#: A transaction marker's key: version 0, a commit.
COMMIT = b"\0\0\0\1"


def records(*deltas: int) -> list[bytes]:
    return [record(delta, b"v") for delta in deltas]


def read(content: bytes, start: int = 0, *, whole_log: bool = True, closed: bool = True) -> tuple[list[int], str]:
    """Offsets that a fetch from `start` on gives, and what ended it."""
    deserializers = (whole if whole_log else None, lazy if closed else None)
    fetched = SlimRecords(TP, Batches(content), None, start, *deserializers, True, READ_COMMITTED)
    found: list[int] = []
    try:
        for each in fetched:
            found += [one.offset for one in (each.opened() if closed else (each,))]
    except RecordsGone as gone:
        return found, f"{gone} {gone.next_offset}"
    return found, ""


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("compression", [0, 1, 4])
def test_a_log_without_gaps_is_read_from_anywhere(closed: bool, compression: int) -> None:
    for start in range(9):  # a broker begins with the batch that holds the offset
        content = b"".join(batch(records(0, 1, 2), base, compression) for base in (0, 3, 6) if start < base + 3)
        assert read(content, start, closed=closed) == (list(range(start, 9)), "")


def test_markers_of_transactions_are_no_gap() -> None:
    marker = record(0, b"\0\0\0\0\0\0", key=COMMIT)
    content = batch(records(0, 1), 0) + batch([marker], 2, attributes=CONTROL | TRANSACTIONAL) + batch(records(0), 3)
    assert read(content) == ([0, 1, 3], "")


def test_a_batch_that_is_gone_ends_the_reading_before_it() -> None:
    content = batch(records(0, 1), 0) + batch(records(0), 9)
    assert read(content) == ([0, 1], "records 2 to 8 are gone: the topic was compacted before they were read 9")
    assert read(batch(records(0), 9), 2) == (
        [],
        "records 2 to 8 are gone: the topic was compacted before they were read 9",
    )
    assert read(batch(records(0), 9), 9) == ([9], "")


def test_a_batch_with_holes_ends_the_reading_before_it() -> None:
    content = batch(records(0), 0) + batch(records(2, 5), 1, span=8)
    gone = "2 of the records 1 to 8 are left: the topic was compacted before they were read 9"
    assert read(content) == ([0], gone)
    assert read(batch(records(2, 5), 1, span=8), 4) == ([], gone)


def test_a_batch_that_compaction_left_empty_is_a_gap() -> None:
    assert read(batch(records(0), 0) + batch([], 1, span=3))[1].startswith("records 1 to 3 are gone")


def test_where_a_log_may_be_compacted_nothing_is_asked() -> None:
    assert read(batch(records(0, 1), 0) + batch(records(0), 9), whole_log=False) == ([0, 1, 9], "")


def test_what_a_consumer_is_reported_names_the_offset_to_go_on_at() -> None:
    async def fetch() -> None:
        install_batches()
        assignment = Assignment([TP])
        state = assignment.state_value(TP)
        state.seek(2)
        fetched = SlimRecords(TP, Batches(batch(records(0), 9)), None, 2, whole, lazy, True, READ_COMMITTED)
        FetchResult(TP, assignment=assignment, partition_records=fetched, backoff=0).getall()

    with pytest.raises(UnreadableRecord) as found:
        asyncio.run(fetch())
    assert isinstance(found.value.error, RecordsGone)
    assert (found.value.offset, found.value.error.next_offset) == (2, 9)
