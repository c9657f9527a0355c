"""Usage ahead of Kafka's clock: judged by what can be known of tomorrow's catalog, remembered only for good."""

import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from agents.intake.catalog_follower import KnownCatalog
from agents.intake.journal_entries import Builder, UsageBuilder
from agents.intake.usage_lane import UsageLane
from agents.intake.usage_reader import UsageReader
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_map import WorkspaceEntry
from meter.batch.chunks import Chunk
from meter.kafka.topics import Topics
from meter.rules.billing_days import parse_day, parse_time, zone
from schemas.catalog import Catalog, Version
from schemas.journal import Named
from tests.agents.reading_ground import event, value_of
from tests.rules.announced_world import OPENED_VERSION, version

MIDNIGHT_MS = parse_time("2026-02-01T00:00:00Z") // 1000
OPENED = Catalog("CNY", 372, (OPENED_VERSION,))
CALLS = version("2026-02-01", logs="2", sms="0.1")


class GrowingCatalog(KnownCatalog):
    """The day of 31 January is final; what is asked for next is told to the reader when it is asked for."""

    def __init__(self, reader: UsageReader) -> None:
        self.reader = reader
        self.final_through, self.final_until_ms = parse_day("2026-01-31"), MIDNIGHT_MS
        self.news: list[Version] = []
        self.asked = 0

    async def reach(self, appended_ms: int) -> None:
        if appended_ms >= self.final_until_ms:
            await self.catch_up()
            self.final_through, self.final_until_ms = self.final_through + 1, self.final_until_ms + 86_400_000

    async def catch_up(self) -> None:
        self.asked += 1
        self.reader.use(Catalog("CNY", 372, (OPENED_VERSION, *self.news)))


class Intake:
    """What a usage lane needs of the intake; what it writes and buries is kept."""

    def __init__(self) -> None:
        self.reader = UsageReader(OPENED, zone("+00:00"), 35)
        self.catalog = GrowingCatalog(self.reader)
        self.topics = Topics.of("")
        self.topic_ids: dict[str, str] = {}
        self.validation_cache = ValidationCache()
        home = WorkspaceEntry(Named("wksp_a", "acct_1", 0), 0)
        self.directory = SimpleNamespace(
            known=lambda workspace: home,
            known_all=lambda workspaces: [home] * len(workspaces),
            partition_of=lambda account: 0,
        )
        self.metrics = SimpleNamespace(count=_nothing, dead=_nothing, seen=_nothing)
        self.writers = [SimpleNamespace(add=self._add)]
        self.counted: list[tuple[str, int]] = []
        self.buried: list[str] = []

    def _add(self, builder: Builder) -> "asyncio.Future[None]":
        assert isinstance(builder, UsageBuilder)
        group = builder.group({"wksp_a": 0})
        self.counted += [(group.slots[slot].item, group.slots[slot].retention) for slot in group.events().slot.tolist()]
        return asyncio.get_running_loop().create_future()

    async def bury(self, letter: Any) -> Any:
        self.buried.append(letter.reason)
        return asyncio.get_running_loop().create_future()

    def read(self, *events: tuple[str, int], time: str = "2026-02-01T00:01:00Z") -> None:
        """A chunk of events of a time: what of (without a retention), and when Kafka had it, in ms after midnight."""
        records = [
            SimpleNamespace(
                offset=number, timestamp=MIDNIGHT_MS + after_ms, key=None, headers=(), value=_value(item, time)
            )
            for number, (item, after_ms) in enumerate(events)
        ]
        tp = TP("usage", 0)
        lane = UsageLane(None, tp, self)  # type: ignore[arg-type]
        asyncio.run(lane.read(Chunk(tp, records, len(records), 0), []))


def _nothing(*_: Any) -> None:
    """Counts nothing."""


def _value(item: str, time: str) -> bytes:
    content = event(item=item, time=time)
    del content["data"]["retention_days"]
    return value_of(content)


def test_an_item_unknown_of_tomorrow_is_asked_for_once_a_chunk_before_it_is_dead() -> None:
    intake = Intake()
    intake.catalog.news = [CALLS]
    intake.read(("sms", -60_000), ("fax", -60_000), ("fax", -60_000))
    assert (intake.counted, intake.buried, intake.catalog.asked) == ([("sms", 0)], ["unknown_item"] * 2, 1)


def test_an_item_unknown_of_today_is_dead_at_once() -> None:
    intake = Intake()
    intake.read(("fax", -3_600_000), time="2026-01-31T22:00:00Z")
    assert (intake.buried, intake.catalog.asked) == (["unknown_item"], 0)


def test_what_was_judged_of_tomorrow_is_judged_again_when_tomorrow_has_come() -> None:
    intake = Intake()
    intake.read(("logs", -60_000), ("logs", -60_000))
    items = {**CALLS.items, "logs": _kept_30_days()}
    intake.catalog.news = [Version(CALLS.since, items, {}, {})]
    intake.read(("logs", -1), ("logs", 0), ("logs", 1))
    assert intake.counted == [("logs", 14), ("logs", 14), ("logs", 14), ("logs", 30), ("logs", 30)]
    assert intake.catalog.asked == 1, "once a day"


def _kept_30_days() -> Any:
    item = CALLS.items["logs"]
    return type(item)("logs", "sum", 1, item.price, 30, item.retentions)


def test_what_was_judged_of_today_is_remembered() -> None:
    intake = Intake()
    intake.read(("logs", -3_600_000), time="2026-01-31T22:00:00Z")
    kind = ("logs", None, "usage.recorded", parse_day("2026-01-31"))
    assert intake.validation_cache.kind(kind) is not None
    assert intake.validation_cache.entry("wksp_a") is not None
    intake.read(("logs", -60_000))
    assert intake.validation_cache.kind((*kind[:-1], parse_day("2026-02-01"))) is None
