"""The newest records of a key are looked for backwards: all that are wanted are found, little more is read."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from meter.explain.log_reader import FETCH_BYTES, FIRST_BYTES, GROWTH, WINDOW, LogReader, More
from tests.explain.simulated_logs import SimulatedConsumer
from tests.simulation.kafka import Cluster

TOPIC, MINE = "overages", b"mine"


class Counting(LogReader):
    """A reader that says how many offsets it was asked for."""

    asked = 0

    async def lists(self, topic: str, partition: int, low: int, high: int, *needles: bytes) -> AsyncIterator[list[Any]]:
        self.asked += high - low
        async for records in super().lists(topic, partition, low, high, *needles):
            yield records


def log_of(mine: set[int], length: int) -> Counting:
    """A log in which the records at these offsets are ours."""
    cluster = Cluster()
    for offset in range(length):
        cluster.log(TOPIC, 0).append(MINE if offset in mine else b"theirs", b"x", 1)
    return Counting(SimulatedConsumer(cluster))


async def newest(logs: LogReader, length: int, wanted: int, more: More | None) -> list[int]:
    """The offsets of the newest of ours, as `PublishedReader.revisions` looks for them."""
    found: list[int] = []
    async for _, records in logs.newest_first(TOPIC, 0, 0, length, MINE, more=more):
        found += [record.offset for record in records if record.key == MINE]
        if more is not None:
            more.found = len(found)
        if len(found) >= wanted:
            break
    return sorted(found)[-wanted:]


@given(st.sets(st.integers(0, 2_999), max_size=120), st.integers(1, 60))
def test_the_newest_are_found_wherever_they_are(mine: set[int], wanted: int) -> None:
    length = 3_000
    found = asyncio.run(newest(log_of(mine, length), length, wanted, More(wanted)))
    assert found == sorted(mine)[-wanted:]


def test_no_more_is_read_than_what_was_found_makes_expect() -> None:
    length, every, wanted = 20_000, 50, 100
    mine = set(range(0, length, every))
    wide, fitting = log_of(mine, length), log_of(mine, length)
    assert asyncio.run(newest(wide, length, wanted, None)) == asyncio.run(newest(fitting, length, wanted, More(wanted)))
    needed = wanted * every
    assert fitting.asked <= needed * 1.5 + WINDOW
    assert wide.asked > 1.5 * fitting.asked


def test_a_look_begins_with_little_and_grows_as_it_goes_on() -> None:
    cluster = Cluster()
    for _ in range(100):
        cluster.log(TOPIC, 0).append(MINE, b"x", 1)
    asked: list[int] = []

    class Fetcher:
        """In place of aiokafka's."""

        def __setattr__(self, name: str, size: int) -> None:
            assert name == "_max_partition_fetch_bytes"
            asked.append(size)

    async def read() -> None:
        logs = LogReader(SimulatedConsumer(cluster), Fetcher())
        for low, high in ((0, 100), (50, 51)):
            async for _ in logs.lists(TOPIC, 0, low, high):
                pass

    asyncio.run(read())
    grown = [FIRST_BYTES * GROWTH**step for step in range(3)]
    assert asked[:4] == [FIRST_BYTES, *grown], "at the new place, then with each look"
    assert max(asked) == FETCH_BYTES
    assert asked[-2:] == [FIRST_BYTES, FIRST_BYTES], "another place, one look"
