"""A record whose own lengths do not add up is a dead letter that says so, whatever else could be said of it."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

from faust.types import TP

from agents.intake.source_lane import SourceLane
from meter.batch.chunks import Chunk
from meter.batch.patches.lenient_batch import read_leniently
from schemas.dead_letters import DeadLetter
from tests.record_batches import batch, counted, record


class Intake:
    """Keeps what it buries."""

    topics = SimpleNamespace(bare=lambda topic: topic)
    topic_ids: Mapping[str, str] = MappingProxyType({})
    metrics = SimpleNamespace(count=lambda *_: None, dead=lambda *_: None, seen=lambda *_: None)

    def __init__(self) -> None:
        self.letters: list[DeadLetter] = []

    async def bury(self, letter: DeadLetter) -> asyncio.Future[Any]:
        self.letters.append(letter)
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class Lane(SourceLane):
    """Counts what has a value, and cannot read what has none."""

    async def entries(self, record: Any) -> list[Any]:
        if not record.value:
            raise ValueError("nothing to read")
        self.counted.append(record.offset)
        return []

    counted: list[int]


def test_a_torn_record_is_reported_with_its_bytes_and_its_neighbours_count() -> None:
    async def scenario() -> tuple[list[int], list[DeadLetter]]:
        intake: Any = Intake()
        lane = Lane(None, TP("usage", 0), intake)
        lane.counted = []
        torn = counted(b"\0" + b"torn")
        records = list(read_leniently(batch([record(0, b"v0"), torn, record(2, b"v2")], 7)))
        await lane.handle(Chunk(TP("usage", 0), records, 10, 1))
        assert lane.mark is not None and lane.mark.offset == 9
        return lane.counted, intake.letters

    counted_offsets, (letter,) = asyncio.run(scenario())
    assert counted_offsets == [7, 9]
    assert (letter.reason, letter.offset, letter.value) == ("not_json", 8, "AHRvcm4=")
    assert letter.error.startswith("the producer's own lengths tear the record: ")
