"""What a worker needs of the machine is known before it starts, and its stores keep to their shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meter.batch.store import BLOCK_CACHE_BYTES, LEAST_OPEN_FILES, MEMTABLE_BYTES, MEMTABLES
from meter.errors import UserError
from meter.machine import capacity
from meter.machine.capacity import descriptors_needed, require_descriptors, store_room

GIB = 1 << 30


@pytest.mark.parametrize("limit", [180, 215, 256])
@pytest.mark.parametrize("partitions", [32, 64])
def test_too_few_descriptors_are_refused_with_the_numbers(partitions: int, limit: int) -> None:
    needed = descriptors_needed(partitions, 1)
    with pytest.raises(
        UserError, match=rf"all {partitions} .* needs {needed} file descriptors, .* have {limit}; raise"
    ):
        require_descriptors(limit, partitions, 1)
    require_descriptors(needed, partitions, 1)


def test_the_default_partitions_run_under_the_smallest_usual_limit() -> None:
    require_descriptors(256, 4, 1)
    require_descriptors(1_024, 16, 3)


@given(st.integers(1, 1_024), st.integers(1, 50), st.integers(0, 2_000_000), st.integers(GIB // 4, 1_000 * GIB))
def test_all_stores_together_stay_within_the_limits(partitions: int, brokers: int, spare: int, memory: int) -> None:
    needed = descriptors_needed(partitions, brokers)
    room = store_room(needed + spare, memory, partitions, brokers)
    assert room.open_files >= LEAST_OPEN_FILES
    assert needed + partitions * (room.open_files - LEAST_OPEN_FILES) <= needed + spare
    each = MEMTABLES * room.memtable_bytes + room.cache_bytes
    least = partitions * capacity.LEAST_STORE_BYTES
    assert partitions * each <= max(memory // capacity.STORES_PART, least)
    assert (room.memtable_bytes, room.cache_bytes) <= (MEMTABLE_BYTES, BLOCK_CACHE_BYTES)


def test_four_stores_have_all_that_they_want_on_a_usual_machine() -> None:
    room = store_room(65_536, 8 * GIB, 4, 3)
    assert (room.memtable_bytes, room.cache_bytes) == (MEMTABLE_BYTES, BLOCK_CACHE_BYTES)
    assert room.open_files > 10_000
