"""Under backlog the intake reads the chunks that wait behind one too, until it can fill journal records."""

import asyncio
import json
from collections import deque
from collections.abc import Sequence
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.intake import packing
from agents.intake import usage_lane as usage
from agents.intake.journal_entries import EVENT_BYTES, ORDERS_BYTES, Builder, OrderBuilder, UsageBuilder, pack
from agents.intake.journal_writer import next_record
from agents.intake.packing import Packer
from agents.intake.usage_lane import UsageLane
from agents.intake.validation_cache import ValidationCache
from meter.batch.chunks import Chunk
from schemas.journal import Named, OrderEntry
from tests.agents.test_early_usage import Intake as EarlyIntake
from tests.agents.test_gathering import built


class Intake:
    """Takes what is put, and acknowledges it at once."""

    topics = SimpleNamespace(bare=lambda topic: topic)
    topic_ids = MappingProxyType[str, str]({})
    metrics = SimpleNamespace(count=lambda *_: None, seen=lambda *_: None)

    def __init__(self) -> None:
        self.validation_cache = ValidationCache()
        self.put: list[UsageBuilder] = []
        self.writers = [SimpleNamespace(add=self.add)]

    def add(self, builder: UsageBuilder) -> asyncio.Future[None]:
        self.put.append(builder)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class CountingPacker:
    """In place of the packer: full after so many records, and one group of all it took."""

    full_at = 0
    overfull = False

    def __init__(self, lane: UsageLane, pending: list[Any]) -> None:
        self.taken: list[Any] = []
        self.begun = 0
        self.nulls = 0

    @property
    def full(self) -> bool:
        return len(self.taken) >= self.full_at

    def begin(self) -> None:
        self.begun += 1

    async def take(self, records: Sequence[Any]) -> None:
        self.taken += records

    def packed(self, partition: int, timestamp_ms: int) -> list[tuple[int, UsageBuilder]]:
        events = [("w", 1, str(record.offset), timestamp_ms, f"chunks {self.begun}") for record in self.taken]
        return [(0, built("usage", events))]


def chunk(start: int, end: int) -> Chunk:
    records: list[Any] = [SimpleNamespace(offset=offset, timestamp=offset, value=b"") for offset in range(start, end)]
    return Chunk(TP("usage", 0), records, end, 1, start)


@pytest.mark.parametrize(("full_at", "handled"), [(1, 1), (3, 2), (5, 3), (99, 3)])
def test_chunks_are_read_together_until_records_can_be_filled(
    full_at: int, handled: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "Packer", CountingPacker)
    monkeypatch.setattr(CountingPacker, "full_at", full_at)
    monkeypatch.setattr(usage, "BACKLOG_RECORDS", 2)

    async def scenario() -> None:
        intake: Any = Intake()
        lane = UsageLane(None, TP("usage", 0), intake)
        behind = iter([chunk(2, 4), chunk(4, 6)])
        lane.behind = lambda _: next(behind, None)
        await lane.handle(chunk(0, 2))
        assert lane.position == 2 * handled
        assert lane.mark is not None and lane.mark.offset == 2 * handled - 1
        (group,) = intake.put
        assert group.events.ids == [str(offset) for offset in range(2 * handled)]
        assert group.events.sources == [f"chunks {handled}"], "each was begun"

    asyncio.run(scenario())


def test_a_chunk_that_is_no_backlog_is_written_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(usage, "Packer", CountingPacker)
    monkeypatch.setattr(CountingPacker, "full_at", 99)
    monkeypatch.setattr(usage, "BACKLOG_RECORDS", 3)

    async def scenario() -> None:
        lane = UsageLane(None, TP("usage", 0), Intake())  # type: ignore[arg-type] # all of it that is asked for
        lane.behind = lambda chunk: pytest.fail("nobody waits for more")
        await lane.handle(chunk(0, 2))
        assert lane.position == 2

    asyncio.run(scenario())


def test_a_record_holds_fewer_events_where_each_has_a_cell_of_its_own() -> None:
    def first_record(workspaces: int) -> int:
        events = [(f"w{number % workspaces}", 1, f"{number:024x}", number, "s") for number in range(60_000)]
        waiting: deque[tuple[Builder, None]] = deque([(built("usage", events), None)])
        (builder,), _ = next_record(waiting)
        assert isinstance(builder, UsageBuilder)
        return len(builder)

    assert first_record(60_000) < 0.6 * first_record(10)


def test_bad_records_fill_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """A backlog of nothing else comes to an end: what is buried is acknowledged and committed piece by piece."""
    monkeypatch.setattr(packing, "GROUP_BYTES", 200 * EVENT_BYTES)

    async def scenario() -> None:
        lane = UsageLane(None, TP("usage", 0), EarlyIntake())  # type: ignore[arg-type] # all of it that is asked for
        packer = Packer(lane, [])
        nulls: list[Any] = [SimpleNamespace(offset=at, timestamp=0, value=None, headers=()) for at in range(100)]
        await packer.take(nulls)
        assert not packer.full
        await packer.take(nulls)
        assert packer.full

    asyncio.run(scenario())


def test_orders_that_name_the_same_workspaces_fill_a_record_with_what_they_add() -> None:
    named = {name: Named(name, "acct", 1) for name in (f"wksp_{number:04d}" for number in range(1_000))}
    content = json.dumps(list(named)).encode()
    orders = [OrderBuilder("plan-purchases", 0, OrderEntry(offset, 5, 1, content), named) for offset in range(90)]
    waiting: deque[tuple[Any, None]] = deque((order, None) for order in orders)
    builders, _ = next_record(waiting)
    assert len(builders) > 60, "the workspaces are named once in a record, however many orders name them"
    (record,) = pack(builders)
    assert ORDERS_BYTES // 2 < len(record) <= ORDERS_BYTES, "a record's outputs are bounded by its orders"
    assert waiting, "the rest comes after it"


def test_orders_that_name_other_workspaces_share_a_record_only_as_far_as_all_names_fit() -> None:
    orders = []
    for offset in range(60):
        named = {name: Named(name, "acct", 1) for name in (f"wksp_{offset}_{number}" for number in range(1_000))}
        orders.append(OrderBuilder("plan-purchases", 0, OrderEntry(offset, 5, 1, b"{}"), named))
    waiting: deque[tuple[Any, None]] = deque((order, None) for order in orders)
    builders, _ = next_record(waiting)
    assert len(builders) < 10
    assert len(pack(builders)) == 1
