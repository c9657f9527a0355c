"""Gathering: groups merge into records below the limit, in order, one under way at a time; nobody waits for ever."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import NotEnoughReplicasError

from agents.intake.journal_entries import GROUP_BYTES, Builder, Events, OrderBuilder, UsageBuilder, pack
from agents.intake.journal_writer import JournalWriter
from agents.intake.usage_reader import ParsedUsage
from agents.intake.validation_cache import ValidationCache, number_of
from agents.intake.workspace_map import WorkspaceEntry
from meter.batch.lanes import Reopen
from schemas.columns import ints
from schemas.journal import (
    RECORD_LIMIT_BYTES,
    Gathered,
    Named,
    OrderEntry,
    UsageGroup,
    decode,
    decode_evidence,
)
from tests.usage_groups import identity_of

DAY = 739_000
#: The longest id and source there may be, in characters of four bytes.
LONGEST = "\U0001f600" * 250

#: Workspace, quantity, id, instant (µs), source.
Event = tuple[str, int, str, int, str]


def built(topic: str, events: Sequence[Event], known: Sequence[WorkspaceEntry] = ()) -> UsageBuilder:
    """A group of events, at offsets 10, 11, …"""
    cache = ValidationCache()
    kind = cache.add_kind(ParsedUsage("", "logs", 14, DAY, False, 1, 0, "s", "i"), 0)
    homes = {home.named.workspace: home for home in known}
    numbers = {}
    for workspace in dict.fromkeys(event[0] for event in events):
        home = homes.get(workspace) or WorkspaceEntry(Named(workspace, "acct", DAY), 0)
        numbers[workspace] = number_of(cache.add_entry(workspace, home, 0), kind)
    sources = {source: number for number, source in enumerate(dict.fromkeys(event[4] for event in events))}
    columns = Events(
        ints([numbers[event[0]] for event in events]),
        ints([event[1] for event in events]),
        ints([event[3] for event in events]),
        ints(range(10, 10 + len(events))),
        ints([sources[event[4]] for event in events]),
        [event[2] for event in events],
        b"".join(identity_of(event[0], event[4], event[2]) for event in events),
        list(sources),
    )
    return UsageBuilder(topic, 0, 1_000, cache, columns)


def usage(topic: str, *events: tuple[str, int, str]) -> UsageBuilder:
    """A group of events (workspace, quantity, id), a microsecond after each other."""
    return built(topic, [(*event, 1_000 + number, "s") for number, event in enumerate(events)])


def order(offset: int, content: bytes = b"{}") -> OrderBuilder:
    named = {"w": Named("w", "acct", DAY)}
    return OrderBuilder("plan-purchases", 0, OrderEntry(offset, 5, DAY, content), named)


def gathered(record: bytes) -> Gathered:
    found = decode(record)
    assert isinstance(found, Gathered)
    return found


def events_of(records: list[bytes]) -> list[tuple[str, int, int, str, int, str, bytes]]:
    """All events as (workspace, offset, quantity, id, instant, source, identity), in order."""
    found = []
    for record in map(gathered, records):
        for group in record.groups:
            assert isinstance(group, UsageGroup)
            evidence, events = decode_evidence(group.evidence), group.events()
            for number, slot in enumerate(events.slot.tolist()):
                found.append(
                    (
                        record.named[group.slots[slot].named].workspace,
                        int(events.offset[number]),
                        int(events.quantity[number]),
                        evidence.ids[number],
                        int(events.time_us[number]),
                        evidence.source_of(number),
                        events.identities[16 * number : 16 * number + 16],
                    )
                )
    return found


def unpacked(events: Sequence[Event], first_offset: int = 10) -> list[tuple[str, int, int, str, int, str, bytes]]:
    """What a record tells of these events."""
    return [
        (workspace, offset, quantity, name, time_us, source, identity_of(workspace, source, name))
        for offset, (workspace, quantity, name, time_us, source) in enumerate(events, first_offset)
    ]


def test_groups_of_many_sources_are_one_record_in_order() -> None:
    groups: list[Builder] = [
        usage("usage", ("a", 1, "x"), ("b", 2, "y"), ("a", 3, "z")),
        order(7),
        usage("usage.b", ("b", 4, "y")),
    ]
    (record,) = pack(groups)
    assert [group.topic for group in gathered(record).groups] == ["usage", "plan-purchases", "usage.b"]
    assert [named.workspace for named in gathered(record).named] == ["a", "b", "w"]
    first, _, last = gathered(record).groups
    assert isinstance(first, UsageGroup)
    assert isinstance(last, UsageGroup)
    assert first.events().slot.tolist() == [0, 1, 0]
    assert first.events().offset.tolist() == [10, 11, 12]
    assert first.events().quantity.tolist() == [1, 2, 3]


def test_of_a_workspace_named_twice_the_earlier_commercial_day_holds() -> None:
    late, early = (WorkspaceEntry(Named("a", "acct", day), 0) for day in (DAY, DAY - 5))
    (record,) = pack(
        [built("usage", [("a", 1, "x", 1, "s")], [late]), built("usage.a", [("a", 1, "y", 1, "s")], [early])]
    )
    assert gathered(record).named == [Named("a", "acct", DAY - 5)]


@pytest.mark.parametrize("quantity", [0, 127, 128, -(1 << 31), 10**15, -(10**15)])
@pytest.mark.parametrize("time_us", [0, 5_000, -7, 253_402_300_799_999_999, -62_135_596_800_000_000])
def test_an_event_is_reported_as_it_was_whatever_its_numbers(quantity: int, time_us: int) -> None:
    events = [("a", 1, "x", 5_000, "s"), ("b", quantity, "y", time_us, "t"), ("a", 2, "z", -7, "s")]
    assert events_of(pack([built("usage", events)])) == unpacked(events)


@pytest.mark.parametrize("source", ["s", LONGEST])
@pytest.mark.parametrize("name", ["{}", LONGEST + "{}"])
def test_no_record_is_longer_than_the_limit_whatever_the_ids(source: str, name: str) -> None:
    events = [
        ("w" * 64, 10**15, name.format(number), number, source if len(source) == 1 else source + str(number))
        for number in range(21_000)
    ]
    records = pack([built("usage", events)])
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    assert events_of(records) == unpacked(events)


def test_what_is_left_of_a_record_is_filled_with_a_part_of_the_next_group() -> None:
    events = [("a", number, f"{number:024x}", number, "s") for number in range(84_000)]
    groups = [events[:24_500], events[24_500:56_000], events[56_000:]]

    async def story(writing: Writing) -> None:
        waiting = [writing.writer.add(built("usage", group)) for group in groups]
        for number in range(4):
            await writing.turn()
            assert [future.done() for future in waiting] == ENDS[number]
            if number < 3:
                await writing.acknowledge(number)
        *full, _ = map(len, writing.producer.sent)
        assert min(full) > GROUP_BYTES * 0.9
        assert max(full) <= RECORD_LIMIT_BYTES
        written = [event[2] for event in events_of(writing.producer.sent)]
        assert written == list(range(84_000)), "in order, each once"

    write(story)


#: Which groups are acknowledged whole after 0, 1, 2 and 3 records.
ENDS = [[False, False, False], [True, False, False], [True, True, False], [True, True, True]]


def test_what_does_not_fit_one_record_becomes_several_in_order() -> None:
    builders: list[Builder] = [order(number, b"x" * 200_000) for number in range(9)]
    records = pack(builders)
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    entries = [group.entries[0].offset for record in records for group in gathered(record).groups]  # type: ignore[union-attr]
    assert entries == list(range(9))


def test_an_estimate_that_was_too_low_splits_a_group() -> None:
    events = [("a", number, str(number), number, "s") for number in range(60_000)]
    records = pack([built("usage", events)])
    assert len(records) > 1
    assert max(map(len, records)) <= RECORD_LIMIT_BYTES
    assert events_of(records) == unpacked(events)


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
        self.writer = JournalWriter(1, "meter.journal", lambda: self.producer, self.mark_uncertain)

    def mark_uncertain(self) -> None:
        self.doubts += 1

    async def turn(self) -> None:
        for _ in range(5):
            await asyncio.sleep(0)

    async def acknowledge(self, number: int) -> None:
        self.producer.acknowledgements[number].set_result(SimpleNamespace(timestamp=5))
        await self.turn()


def write(story: Callable[[Writing], Awaitable[None]]) -> None:
    async def scenario() -> None:
        await story(Writing())

    asyncio.run(scenario())


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
        writing.producer.acknowledgements[0].set_exception(NotEnoughReplicasError())
        await writing.turn()
        for future in (first, behind):
            with pytest.raises(Reopen, match="journal partition 1 did not take a record"):
                await future
        assert writing.doubts == 1
        assert len(writing.producer.sent) == 1
        again = writing.writer.add(order(0))
        await writing.turn()
        await writing.acknowledge(1)
        assert again.done()

    write(story)


def test_a_record_that_cannot_be_packed_fails_every_waiter() -> None:
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
