"""Gathering: groups merge into records below the limit, in order, one under way at a time; nobody waits for ever."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import MessageSizeTooLargeError

from agents.gathering import GROUP_BYTES, Builder, JournalWriter, OrderBuilder, Shape, UsageBuilder, pack
from agents.homes import Home
from agents.reading import Reading, source_prefix
from meter.batch.lanes import Retake
from schemas.journal import (
    RECORD_LIMIT_BYTES,
    Gathered,
    Named,
    OrderEntry,
    UsageGroup,
    decode,
    decode_evidence,
)

DAY = 739_000
#: The longest id and source there may be, in characters of four bytes.
LONGEST = "\U0001f600" * 250


def shape(workspace: str, item: str = "logs") -> Shape:
    home = Home(Named(workspace, "acct", DAY), 0, 0)
    return Shape(home, Reading(workspace, item, 14, DAY, False, 1, 0, "s", "i"), 0)


def usage(topic: str, *events: tuple[Shape, int, str]) -> UsageBuilder:
    """A group of events (shape, quantity, id), at offsets 10, 11, …"""
    builder = UsageBuilder(topic, 0)
    for offset, (each, quantity, name) in enumerate(events, start=10):
        builder.add(each, quantity, 1_000 + offset, "s", source_prefix("s"), name, offset)
    return builder


def order(offset: int, content: bytes = b"{}") -> OrderBuilder:
    named = {"w": Named("w", "acct", DAY)}
    return OrderBuilder("plan-purchases", 0, OrderEntry(offset, 5, DAY, content), named)


def gathered(record: bytes) -> Gathered:
    found = decode(record)
    assert isinstance(found, Gathered)
    return found


def events_of(records: list[bytes]) -> list[tuple[str, int, int, str]]:
    """All events as (workspace, offset, quantity, id), in order."""
    found = []
    for record in map(gathered, records):
        for group in record.groups:
            assert isinstance(group, UsageGroup)
            evidence = decode_evidence(group.evidence)
            for slot, offset, quantity, name in zip(
                group.slot, group.offset, group.quantity, evidence.ids, strict=True
            ):
                workspace = record.named[group.slots[slot].named].workspace
                found.append((workspace, group.first_offset + offset, quantity, name))
    return found


def test_groups_of_many_sources_are_one_record_in_order() -> None:
    a, b = shape("a"), shape("b")
    (record,) = pack([usage("usage", (a, 1, "x"), (b, 2, "y"), (a, 3, "z")), order(7), usage("usage.b", (b, 4, "y"))])
    groups = gathered(record).groups
    assert [group.topic for group in groups] == ["usage", "plan-purchases", "usage.b"]
    assert [named.workspace for named in gathered(record).named] == ["a", "b", "w"]
    first, _, last = groups
    assert isinstance(first, UsageGroup)
    assert isinstance(last, UsageGroup)
    assert first.slot == [0, 1, 0]
    assert (first.first_offset, first.offset, first.quantity) == (10, [0, 1, 2], [1, 2, 3])


def test_of_a_workspace_named_twice_the_earlier_commercial_day_holds() -> None:
    late, early = shape("a"), shape("a")
    early.home.named = Named("a", "acct", DAY - 5)
    (record,) = pack([usage("usage", (late, 1, "x")), usage("usage.a", (early, 1, "y"))])
    assert gathered(record).named == [Named("a", "acct", DAY - 5)]


def test_an_instant_before_the_first_is_kept() -> None:
    builder = UsageBuilder("usage", 0)
    each = shape("a")
    for name, time_us in (("x", 5_000), ("y", -7)):
        builder.add(each, 1, time_us, "s", source_prefix("s"), name, 1)
    (record,) = pack([builder])
    (group,) = gathered(record).groups
    assert isinstance(group, UsageGroup)
    evidence = decode_evidence(group.evidence)
    assert [evidence.time_us(event) for event in range(2)] == [5_000, -7]


@pytest.mark.parametrize("source", ["s", LONGEST])
@pytest.mark.parametrize("name", ["{}", LONGEST + "{}"])
def test_no_record_is_longer_than_the_limit_whatever_the_ids(source: str, name: str) -> None:
    builder, builders = UsageBuilder("usage", 0), []
    each = shape("w" * 64)
    sent = []
    for offset in range(12_000):
        unique = source if len(source) == 1 else source + str(offset)
        builder.add(each, 10**15, offset, unique, source_prefix(unique), name.format(offset), offset)
        sent.append((each.home.named.workspace, offset, 10**15, name.format(offset)))
        if builder.bytes > GROUP_BYTES:
            builders.append(builder)
            builder = UsageBuilder("usage", 0)
    builders.append(builder)
    records = [record for each in builders if len(each) for record in pack([each])]
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    assert events_of(records) == sent


def test_what_does_not_fit_one_record_becomes_several_in_order() -> None:
    builders: list[Builder] = [order(number, b"x" * 200_000) for number in range(5)]
    records = pack(builders)
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    entries = [group.entries[0].offset for record in records for group in gathered(record).groups]  # type: ignore[union-attr]
    assert entries == [0, 1, 2, 3, 4]


def test_an_estimate_that_was_too_low_splits_a_group() -> None:
    builder = UsageBuilder("usage", 0)
    each = shape("a")
    for offset in range(30_000):
        builder.add(each, offset, offset, "s", source_prefix("s"), str(offset), offset)
    records = pack([builder])
    assert len(records) > 1
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    assert [quantity for _, _, quantity, _ in events_of(records)] == list(range(30_000))


class FakeProducer:
    """Takes records and acknowledges them when a test says."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.acknowledgements: list[asyncio.Future[Any]] = []

    def create_batch(self) -> Any:
        values: list[bytes] = []
        return SimpleNamespace(append=lambda *, key, value, timestamp: values.append(value), values=values)

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.sent += batch.values
        self.acknowledgements.append(asyncio.get_running_loop().create_future())
        return self.acknowledgements[-1]


class Writing:
    """One writer with its producer, and how often it doubted it."""

    def __init__(self) -> None:
        self.producer = FakeProducer()
        self.doubts = 0
        self.writer = JournalWriter(1, "meter.journal", lambda: self.producer, self.doubt)

    def doubt(self) -> None:
        self.doubts += 1

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def acknowledge(self, number: int) -> None:
        self.producer.acknowledgements[number].set_result(SimpleNamespace(timestamp=5))
        await self.turn()


def write(story: Callable[[Writing], Awaitable[None]]) -> None:
    async def told() -> None:
        await story(Writing())

    asyncio.run(told())


def test_one_record_is_under_way_and_what_comes_meanwhile_makes_the_next() -> None:
    async def story(writing: Writing) -> None:
        first = [writing.writer.add(order(number)) for number in range(2)]
        await writing.turn()
        later = [writing.writer.add(order(number)) for number in range(2, 5)]
        await writing.turn()
        assert len(writing.producer.sent) == 1
        await writing.acknowledge(0)
        assert all(future.done() for future in first)
        assert not any(future.done() for future in later)
        assert len(writing.producer.sent) == 2
        await writing.acknowledge(1)
        assert all(future.done() for future in later)
        assert [len(gathered(record).groups) for record in writing.producer.sent] == [2, 3]
        assert writing.writer.appended_ms == 5

    write(story)


def test_after_a_failed_write_nothing_behind_it_is_written_and_the_producer_is_in_doubt() -> None:
    async def story(writing: Writing) -> None:
        first = writing.writer.add(order(0))
        await writing.turn()
        behind = writing.writer.add(order(1))
        writing.producer.acknowledgements[0].set_exception(MessageSizeTooLargeError("too large"))
        await writing.turn()
        for future in (first, behind):
            with pytest.raises(Retake, match="journal partition 1 did not take a record"):
                await future
        assert writing.doubts == 1
        assert len(writing.producer.sent) == 1
        again = writing.writer.add(order(0))
        await writing.turn()
        await writing.acknowledge(1)
        assert again.done()

    write(story)


def test_a_record_that_cannot_be_packed_is_told_to_all_who_wait() -> None:
    async def story(writing: Writing) -> None:
        waiting = [writing.writer.add(order(0)), writing.writer.add(order(1, b"x" * RECORD_LIMIT_BYTES))]
        await writing.turn()
        for number in range(len(writing.producer.acknowledgements)):
            await writing.acknowledge(number)
        with pytest.raises(AssertionError, match=r"takes .* bytes of a journal record"):
            await waiting[1]
        assert waiting[0].done()
        assert writing.doubts == 0

    write(story)


def test_whoever_gave_up_waiting_harms_nobody() -> None:
    async def story(writing: Writing) -> None:
        given_up, waiting = writing.writer.add(order(0)), writing.writer.add(order(1))
        given_up.cancel()
        await writing.turn()
        await writing.acknowledge(0)
        assert waiting.done()

    write(story)
