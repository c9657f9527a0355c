"""Packed batches: what a list of rows becomes is what aiokafka would send of them, compressed where that is shorter."""

import random

from aiokafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder
from aiokafka.record.memory_records import MemoryRecords
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.codecs import CODEC_AT, CODEC_MASK, LZ4, unpack_batch
from meter.batch.packed_batches import BATCH_BYTES, PackedBatch, Row

_bytes = st.none() | st.binary(max_size=40)
_rows = st.lists(st.tuples(_bytes, _bytes | st.binary(min_size=200, max_size=200)), min_size=1, max_size=30)
PRODUCER = (7, 3, 41)


def packed(rows: list[Row]) -> list[PackedBatch]:
    """The batches of these rows, as `FencedProducer.packing` makes them."""
    batches, start = [PackedBatch()], 0
    while start < len(rows):
        if batches[-1].closed():
            batches.append(PackedBatch())
        start = batches[-1].extend(rows, start)
    for batch in batches:
        batch._set_producer_state(*PRODUCER)
    return batches


def codec(batch: PackedBatch) -> int:
    return batch._build()[CODEC_AT] & CODEC_MASK


@given(_rows)
def test_a_batch_is_that_of_aiokafkas_builder_once_it_is_unpacked(rows: list[Row]) -> None:
    (batch,) = packed(rows)
    theirs = DefaultRecordBatchBuilder(2, 0, 1, *PRODUCER, BATCH_BYTES)
    for offset, (key, value) in enumerate(rows):
        theirs.append(offset, batch._at_ms, key, value, [])
    ours, expected = batch._build(), theirs.build()
    found = unpack_batch(memoryview(bytes(ours))) if codec(batch) else bytes(ours)
    length_and_checksum = slice(8, 21)
    assert found[:8] == expected[:8]
    assert found[length_and_checksum.stop :] == expected[length_and_checksum.stop :]
    assert DefaultRecordBatch(bytes(ours)).validate_crc()
    assert MemoryRecords(bytes(ours)).size_in_bytes() == len(ours) == batch.size()


@given(_rows, st.integers(1, 7))
def test_rows_come_out_as_they_went_in_however_they_are_cut_into_lists(rows: list[Row], cut: int) -> None:
    batch = PackedBatch()
    for start in range(0, len(rows), cut):
        part = rows[start : start + cut]
        assert batch.extend(part, 0) == len(part)
    assert batch.record_count() == len(rows)
    assert batch.rows() == rows


def test_a_full_batch_takes_no_more_and_is_a_fraction_of_its_rows() -> None:
    rows: list[Row] = [(b"acct_%d" % number, b'{"overage":%d}' % number * 20) for number in range(6_000)]
    batches = packed(rows)
    assert len(batches) == -(-sum(len(key or b"") + len(value or b"") for key, value in rows) // BATCH_BYTES)
    assert all(batch.closed() for batch in batches)
    assert [row for batch in batches for row in batch.rows()] == rows
    assert {codec(batch) for batch in batches} == {LZ4}
    assert sum(batch.size() for batch in batches) < len(batches) * BATCH_BYTES // 4


def test_a_row_longer_than_a_batch_has_one_for_itself() -> None:
    rows: list[Row] = [(b"a", b"small"), (b"b", b"x" * (3 * BATCH_BYTES)), (b"c", b"small")]
    assert [batch.rows() for batch in packed(rows)] == [[row] for row in rows]


def test_whatever_is_packed_can_be_restored_in_one_go() -> None:
    rows: list[Row] = [(b"a", b"x" * (3 * BATCH_BYTES)), (b"b", b"0123456789abcdef" * (BATCH_BYTES // 4))]
    for batch in packed(rows):
        built = memoryview(bytes(batch._build()))
        content = unpack_batch(built) if codec(batch) else bytes(built)
        assert [record.key for record in DefaultRecordBatch(content)] == [batch.rows()[0][0]]


def test_what_does_not_become_shorter_is_sent_as_it_is() -> None:
    (batch,) = packed([(None, random.Random(1).randbytes(5_000))])
    assert codec(batch) == 0
    assert batch.rows() == [(None, random.Random(1).randbytes(5_000))]


def test_a_batch_that_is_sent_again_keeps_its_bytes() -> None:
    (batch,) = packed([(b"k", b"v" * 500)])
    assert batch._build() is batch._build()
    assert DefaultRecordBatch(bytes(batch._build())).validate_crc()
