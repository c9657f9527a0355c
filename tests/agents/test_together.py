"""Small chunks of workspace topics that are packed together become the groups that each would have become by itself."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError
from faust.types import TP
from hypothesis import given
from hypothesis import strategies as st

from agents.intake.journal_entries import Builder, UsageBuilder
from agents.intake.journal_writer import JournalWriter
from agents.intake.small_groups import SmallUsageBuilder
from agents.intake.usage_reader import UsageReader
from agents.workspace_topics import together as together_module
from agents.workspace_topics.lanes import WorkspaceTopicLane
from agents.workspace_topics.together import Together
from meter.batch.chunks import Chunk
from meter.batch.lanes import Reopen
from meter.rules.billing_days import parse_day
from schemas.journal import decode_evidence
from tests.agents.reading_ground import binary, event, value_of
from tests.agents.test_early_usage import MIDNIGHT_MS
from tests.agents.test_early_usage import Intake as EarlyIntake

APPENDED_MS = MIDNIGHT_MS - 3_600_000
TIME = "2026-01-31T22:00:00Z"
TOMORROW = "2026-02-01T00:00:30Z"


class Writer:
    """Keeps builders, and acknowledges them when asked to."""

    def __init__(self) -> None:
        self.built: list[Builder] = []
        self.futures: list[asyncio.Future[None]] = []

    def add(self, builder: Builder, written: asyncio.Future[None] | None = None) -> asyncio.Future[None]:
        written = asyncio.get_running_loop().create_future() if written is None else written
        self.built.append(builder)
        self.futures.append(written)
        return written

    def acknowledge(self) -> None:
        for future in self.futures:
            if not future.done():
                future.set_result(None)


class Intake(EarlyIntake):
    """Of the intake what lanes of workspace topics need."""

    def __init__(self) -> None:
        super().__init__()
        self.writer: Any = Writer()
        self.writers: list[Any] = [self.writer]
        self.directory.read_to = 0


def record(offset: int, content: Any, headers: Any = (), timestamp_type: int = 1) -> Any:
    value = content if isinstance(content, bytes) or content is None else value_of(content)
    appended = APPENDED_MS if timestamp_type else 1
    return SimpleNamespace(
        offset=offset, timestamp=appended, timestamp_type=timestamp_type, key=None, headers=headers, value=value
    )


def chunk(*records: Any) -> Chunk:
    return Chunk(TP("usage.wksp_a", 0), records, records[-1].offset + 1, 1, records[0].offset)


def lane(intake: Intake) -> WorkspaceTopicLane:
    checks: Any = None
    made: Any = intake
    return WorkspaceTopicLane(None, TP("usage.wksp_a", 0), "wksp_a", made, checks)


def good(number: int, **fields: Any) -> dict[str, Any]:
    return event(id=f"e{number}", time=TIME, **fields)


def told(builder: Builder) -> tuple[Any, ...]:
    """All that a group says."""
    group: Any = builder.group({"wksp_a": 0})
    events, evidence = group.events(), decode_evidence(group.evidence)
    rows = [
        (
            group.slots[slot],
            quantity,
            offset,
            time_us,
            events.identities[16 * at : 16 * at + 16],
            evidence.source_of(at),
            evidence.ids[at],
        )
        for at, (slot, quantity, offset, time_us) in enumerate(
            zip(*(each.tolist() for each in (events.slot, events.quantity, events.offset, events.time_us)), strict=True)
        )
    ]
    return (group.topic, group.partition, group.timestamp_ms, group.first_offset, list(builder.named.items()), rows)


def by_itself(made: Chunk) -> list[tuple[Any, ...]]:
    """The groups that a chunk becomes without the others."""
    intake = Intake()

    async def read() -> None:
        await lane(intake).read(made, [])

    asyncio.run(read())
    return [told(builder) for builder in intake.writer.built]


def packed(*chunks: Chunk, final: int | None = None) -> tuple[list[bool], list[tuple[Any, ...]]]:
    """Which chunks were packed together, and the groups that they became; `final`: the catalog is, through this day."""
    intake: Any = Intake()
    intake.catalog.final_through = final or intake.catalog.final_through

    async def pack() -> list[bool]:
        together, mine = Together(intake), lane(intake)
        futures: list[Any] = [together.add(mine, each) for each in chunks]
        assert all(future is not None for future in futures)
        done = asyncio.ensure_future(asyncio.gather(*futures))
        while not done.done():
            await asyncio.sleep(0)
            intake.writer.acknowledge()
        return [answer is not False for answer in done.result()]

    return asyncio.run(pack()), [told(builder) for builder in intake.writer.built]


events = st.builds(
    lambda item, quantity, retention, source, minute, subject: {
        **event(
            item=item,
            quantity=quantity,
            retention_days=retention if item == "logs" else None,
            source=source,
            time=f"2026-01-31T21:{minute:02}:00.5Z",
        ),
        "subject": "wksp_a" if subject else None,
    },
    st.sampled_from(("logs", "calls")),
    st.integers(0, 10**15),
    st.sampled_from((None, 14, 30)),
    st.sampled_from(("host-1", "host-2", "源/一")),
    st.integers(0, 59),
    st.booleans(),
)


@given(st.lists(st.lists(events, min_size=1, max_size=4), min_size=1, max_size=4))
def test_what_is_packed_together_is_what_each_would_have_become(contents: list[list[dict[str, Any]]]) -> None:
    chunks, offset = [], 0
    for content in contents:
        records = [record(offset + at, {**each, "id": f"e{offset + at}"}) for at, each in enumerate(content)]
        chunks.append(chunk(*records))
        offset += len(records)
    were, groups = packed(*chunks)
    assert were == [True] * len(chunks)
    assert groups == [group for each in chunks for group in by_itself(each)]


def test_an_event_in_binary_mode_is_packed_too() -> None:
    value, headers = binary(good(1))
    made = chunk(record(5, value, headers))
    assert packed(made) == ([True], by_itself(made))


@pytest.mark.parametrize("what", [{"source": "源/一"}, {"id": "e\u0301"}, {"subject": None, "source": "é"}])
def test_an_event_that_only_the_reference_reads_is_packed_with_its_neighbours(what: dict[str, Any]) -> None:
    escaped = json.dumps({**good(2), **what}).encode()
    made = chunk(record(4, good(1)), record(5, {**good(1), **what}), record(6, escaped), record(7, good(3)))
    assert packed(made) == ([True], by_itself(made))


def test_a_time_that_the_producer_gave_is_no_arrival() -> None:
    now = datetime.now(UTC)
    made = chunk(record(5, event(id="e", time=f"{now:%Y-%m-%dT%H:%M:%SZ}"), timestamp_type=0))
    were, (group,) = packed(made, final=now.date().toordinal())
    assert were == [True] and group[2] >= now.timestamp() * 1000 - 1, "it is received when it is read"
    assert packed(chunk(record(5, good(1), timestamp_type=0))) == ([False], []), "that was long ago"


SPECIAL: dict[str, Any] = {
    "a tombstone": None,
    "no JSON": b"{",
    "another workspace's": good(1, subject="wksp_b"),
    "a correction": good(1, type="usage.corrected"),
    "a negative quantity": good(1, quantity=-1),
    "an unknown item": good(1, item="fax"),
    "an unknown retention": good(1, retention_days=8),
    "of the future": good(1) | {"time": "2026-01-31T23:30:00Z"},
    "of long ago": good(1) | {"time": "2025-01-31T22:00:00Z"},
}


@pytest.mark.parametrize("what", SPECIAL)
def test_a_chunk_with_anything_special_in_it_is_left_to_its_lane_whole(what: str) -> None:
    plain = chunk(record(3, good(3)))
    were, groups = packed(chunk(record(0, good(0)), record(1, SPECIAL[what]), record(2, good(2))), plain)
    assert were == [False, True]
    assert groups == by_itself(plain), "nothing of the first"


def test_what_is_of_a_day_whose_catalog_is_not_final_is_left_to_its_lane() -> None:
    early = record(5, event(id="e", time=TOMORROW))
    early.timestamp = MIDNIGHT_MS - 60_000
    assert packed(chunk(early)) == ([False], [])
    assert packed(chunk(early), final=parse_day("2026-02-01"))[0] == [True]


def test_a_record_that_breaks_its_reader_is_left_to_its_lane(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> Any:
        raise OverflowError

    monkeypatch.setattr(UsageReader, "read", breaks)
    assert packed(chunk(record(0, good(0)))) == ([False], [])


def test_the_first_chunk_after_midnight_makes_the_day_final_and_the_next_one_is_packed() -> None:
    async def story() -> None:
        intake: Any = Intake()
        mine = lane(intake)
        mine.together = Together(intake)
        for offset, kind in ((0, UsageBuilder), (1, SmallUsageBuilder), (2, SmallUsageBuilder)):
            late = record(offset, event(id=f"e{offset}", time=TOMORROW))
            late.timestamp = MIDNIGHT_MS + 60_000
            handling = asyncio.create_task(mine.handle(chunk(late)))
            while not handling.done():
                await asyncio.sleep(0)
                intake.writer.acknowledge()
            await handling
            assert type(intake.writer.built[-1]) is kind
        assert (mine.position, len(intake.writer.built)) == (3, 3)

    asyncio.run(story())


def test_what_is_not_small_or_not_made_is_not_taken() -> None:
    intake: Any = Intake()
    many = chunk(*(record(offset, good(offset)) for offset in range(together_module.SMALL + 1)))
    assert Together(intake).add(lane(intake), many) is None


def test_a_lane_goes_on_once_its_chunk_is_acknowledged_and_reads_by_itself_what_is_left_to_it() -> None:
    async def story() -> None:
        intake: Any = Intake()
        mine = lane(intake)
        mine.together = Together(intake)
        handling = asyncio.create_task(mine.handle(chunk(record(0, good(0)), record(1, good(1)))))
        while not intake.writer.built and not handling.done():
            await asyncio.sleep(0)
        assert (mine.position, handling.done()) == (0, False)
        intake.writer.acknowledge()
        await handling
        assert (mine.position, mine.mark and mine.mark.offset, mine.handled_ms) == (2, 1, APPENDED_MS)
        handling = asyncio.create_task(mine.handle(chunk(record(2, good(2)), record(3, None))))
        while len(intake.writer.built) < 2 and not handling.done():
            await asyncio.sleep(0)
        intake.writer.acknowledge()
        await handling
        assert (mine.position, len(intake.writer.built)) == (4, 2)

    asyncio.run(story())


def test_a_write_that_fails_is_told_to_every_lane_whose_chunk_was_in_it() -> None:
    async def story() -> None:
        intake: Any = Intake()

        def fails() -> Any:
            raise KafkaConnectionError

        intake.writers = [JournalWriter(0, "meter.journal", fails)]
        lanes = [lane(intake) for _ in range(3)]
        shared = Together(intake)
        for each in lanes:
            each.together = shared
        handled = await asyncio.gather(
            *(each.handle(chunk(record(0, good(0)))) for each in lanes), return_exceptions=True
        )
        assert [type(error) for error in handled] == [Reopen] * 3
        assert [each.position for each in lanes] == [0] * 3

    asyncio.run(story())
