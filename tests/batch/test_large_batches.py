"""Large batches wait for their turn and are not kept unpacked meanwhile, however many producers write them."""

import asyncio
import random

import pytest

from meter.batch import unopened as unopened_module
from meter.batch import unpacking as unpacking_module
from meter.batch.patches.lenient_batch import LenientRecord
from meter.batch.unpacking import LARGE_AT_ONCE
from tests.batch.test_unopened import Fetch
from tests.record_batches import CODECS, batch, record


@pytest.mark.parametrize("compression", CODECS)
def test_a_large_batch_is_not_kept_unpacked_while_it_waits_and_then_read_the_fast_way(compression: int) -> None:
    async def story() -> None:
        unopened = Fetch(batch(large_records(), 0, compression)).given()
        assert unopened
        assert (unopened._ready, unopened._batch) == ([], None)
        found = await unopened.taken(10)
        assert unopened._turn is not None, "it is in its turn"
        found += await unopened.taken(100)
        assert [each.offset for each in found] == list(range(30))
        assert not any(isinstance(each, LenientRecord) for each in found)
        assert unopened._turn is None, "which is given back behind it"

    asyncio.run(story())


def large_records() -> list[bytes]:
    """Thirty records that no codec makes two hundred times smaller."""
    return [record(number, random.Random(number).randbytes(1_000) * 60) for number in range(30)]


@pytest.mark.parametrize("compression", [1, 4])
def test_a_batch_made_hundreds_of_times_smaller_is_read_beside_the_event_loop(compression: int) -> None:
    """Thousands of those fit a fetch, each of some ms: nobody else would get a turn."""

    async def story() -> None:
        unopened = Fetch(batch([record(0, bytes(8 << 20)), record(1, b"v1")], 0, compression)).given()
        assert unopened.take(9) == []
        assert unopened.piecewise
        large, good = await unopened.taken(9)
        assert (large.oversized.length, good.value) == (8 << 20, b"v1")
        unopened.close()

    asyncio.run(story())


def test_so_many_large_batches_are_held_at_once_and_one_whose_reader_left_makes_room() -> None:
    async def story() -> None:
        content = batch(large_records(), 0, 4)
        readers = [Fetch(content).given() for _ in range(LARGE_AT_ONCE + 1)]
        assert all([await reader.taken(1) for reader in readers[:-1]])
        waiting_one = asyncio.create_task(readers[-1].taken(1))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting_one.done()
        readers[0].close()
        assert [each.offset for each in await waiting_one] == [0]

    asyncio.run(story())


def test_a_turn_that_does_not_come_is_waited_for_no_longer_than_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its holder may wait for a transaction that somebody left open."""
    monkeypatch.setattr(unopened_module, "PATIENCE_SECONDS", 0.01)

    async def story() -> None:
        content = batch(large_records(), 0, 4)
        readers = [Fetch(content).given() for _ in range(LARGE_AT_ONCE + 1)]
        for reader in readers:
            assert [each.offset for each in await reader.taken(1)] == [0]
        assert len(await readers[-1].taken(100)) == 29
        for reader in readers:
            reader.close()
        assert not unpacking_module.turns().large.locked()

    asyncio.run(story())
