"""What is recorded, what a file adds to it, and what the intake may take for final: on logs in memory, no Kafka."""

import asyncio
import logging
from typing import Any

import msgspec
import pytest

from agents.intake.catalog_follower import FollowedCatalog, KnownCatalog
from agents.intake.usage_reader import Dead, UsageReader
from agents.journal.catalog_versions import announce, compare
from agents.journal.facts_reader import OpeningRefused, Recorded, opening, recorded
from meter.batch.lanes import Reopen
from meter.kafka.topics import Topics
from meter.rules.billing_days import parse_day, parse_time, zone
from schemas import journal
from schemas.catalog import Catalog, Version, catalog_json, version_json
from schemas.journal import CatalogVersion, DayClosed, Opening
from tables import keys
from tables.facts import FactsRow
from tests.agents.logs import Logs, Reader, Writer
from tests.agents.reading_ground import event, value_of
from tests.rules.announced_world import OPENED_VERSION, version

TOPICS = Topics.of("")
OPENED_MS = parse_time("2026-01-20T08:00:00Z") // 1000
BEFORE_MS = parse_time("2026-01-31T23:59:59.999Z") // 1000
AFTER_MS = BEFORE_MS + 1
DEARER, DEAREST = version("2026-02-01", logs="2"), version("2026-02-01", logs="4")
OPENED = Catalog("CNY", 372, (OPENED_VERSION,))


def opening_record(meter_id: str = "m") -> Opening:
    return Opening(meter_id, "+00:00", "CNY", 3, 3600, 35, catalog_json(OPENED))


def file(*versions: Version) -> Catalog:
    """A worker's file: what the journal was opened with, and these."""
    return Catalog("CNY", 372, (OPENED_VERSION, *versions))


def opened(*announced: tuple[Version, int]) -> Logs:
    """A journal with the opening in every partition and announcements in partition 0, at these times."""
    logs = Logs()
    for partition in range(3):
        logs.append(TOPICS.journal, partition, journal.encode(opening_record()), OPENED_MS)
    for news, at_ms in announced:
        logs.append(TOPICS.journal, 0, journal.encode(CatalogVersion(version_json(news))), at_ms)
    return logs


def folded(logs: Logs, *rows: tuple[bytes, object]) -> None:
    """Adds rows to changelog partition 0."""
    for key, row in rows:
        logs.append(TOPICS.changelog, 0, msgspec.msgpack.encode(row), OPENED_MS, key)


def known(logs: Logs) -> Recorded:
    found = asyncio.run(recorded(Reader(logs), TOPICS))
    assert found is not None
    return found


def prices(found: Recorded) -> dict[str, str]:
    """The price of logs by the first days of what is recorded."""
    versions = found.facts.recorded().versions
    return {str(each.since - parse_day("2026-01-31")): str(each.items["logs"].price) for each in versions}


# What is recorded


def test_a_journal_that_nobody_opened_records_nothing() -> None:
    assert asyncio.run(recorded(Reader(Logs()), TOPICS)) is None


def test_the_opening_and_what_was_announced_in_time_are_recorded() -> None:
    logs = opened((DEARER, BEFORE_MS), (DEAREST, AFTER_MS))
    found = known(logs)
    assert prices(found) == {"-30": "1.5", "1": "2"}
    assert (found.next_offset, found.newest_ms) == (3, AFTER_MS)


def test_when_the_journal_no_longer_begins_with_the_opening_the_changelog_has_it() -> None:
    logs = opened((DEARER, BEFORE_MS), (version("2026-02-03", logs="3"), BEFORE_MS))
    entry = CatalogVersion(version_json(DEARER), 1, BEFORE_MS)
    stale = FactsRow(msgspec.structs.replace(opening_record(), opened_ms=OPENED_MS), 1, 1)
    folded(logs, (keys.FACTS, stale), (keys.POSITION, (0, OPENED_MS, 0)))
    folded(logs, (keys.FACTS, msgspec.structs.replace(stale, announced=(entry,))), (keys.POSITION, (1, BEFORE_MS, 0)))
    logs.gone[(TOPICS.journal, 0)] = 2
    assert prices(known(logs)) == {"-30": "1.5", "1": "2", "3": "3"}
    assert asyncio.run(opening(Reader(logs), TOPICS)) == stale.opening


def test_the_state_is_looked_for_from_the_changelogs_end() -> None:
    logs = opened()
    facts = FactsRow(msgspec.structs.replace(opening_record(), opened_ms=OPENED_MS), 1, 1)
    folded(logs, *((b"c%d" % number, 0) for number in range(30_000)))
    folded(logs, (keys.FACTS, facts), (keys.POSITION, (7, OPENED_MS + 1, 0)))
    folded(logs, *((b"c%d" % number, 0) for number in range(7_000)))
    folded(logs, (keys.POSITION, (0, OPENED_MS, 0)))
    logs.gone[(TOPICS.journal, 0)] = 1
    reader = Reader(logs)
    found = asyncio.run(recorded(reader, TOPICS))
    assert found is not None
    assert (found.facts.opening, found.newest_ms) == (facts.opening, OPENED_MS)
    assert reader.fetched < 40_000, "nothing is read twice"


def test_without_a_beginning_and_without_a_state_it_refuses() -> None:
    logs = opened((DEARER, BEFORE_MS))
    logs.gone[(TOPICS.journal, 0)] = 1
    with pytest.raises(OpeningRefused, match=r"no longer begins with the opening, and meter\.changelog/0 does not"):
        known(logs)


def test_the_state_of_another_journal_is_not_believed() -> None:
    logs = opened()
    entry = CatalogVersion(version_json(DEARER), 1, BEFORE_MS)
    folded(logs, (keys.FACTS, FactsRow(opening_record("another"), 1, 1, "", None, (entry,))))
    folded(logs, (keys.POSITION, (900, BEFORE_MS, 0)))
    assert prices(known(logs)) == {"-30": "1.5"}


# A worker's file


def announced(logs: Logs, catalog: Catalog, now_ms: int) -> Recorded:
    return asyncio.run(announce(Reader(logs), Writer(logs, now_ms), TOPICS, known(logs), catalog))


def test_a_version_to_come_is_announced_in_partition_0_and_then_copied() -> None:
    logs = opened()
    found = announced(logs, file(DEARER), BEFORE_MS)
    assert prices(found) == {"-30": "1.5", "1": "2"}
    assert logs.appended[3:] == [(TOPICS.journal, 0), (TOPICS.journal, 1), (TOPICS.journal, 2)]
    copies = [journal.decode(logs.records[(TOPICS.journal, number)][-1].value or b"") for number in (1, 2)]
    assert copies == [CatalogVersion(version_json(DEARER), 1, BEFORE_MS)] * 2


def test_the_same_file_announces_nothing_again() -> None:
    logs = opened((DEARER, BEFORE_MS))
    announced(logs, file(DEARER), BEFORE_MS)
    assert len(logs.appended) == 4


def test_a_changed_version_to_come_is_announced_again() -> None:
    march = version("2026-03-01", logs="3")
    logs = opened((DEARER, BEFORE_MS), (march, BEFORE_MS))
    assert prices(announced(logs, file(DEAREST, march), BEFORE_MS)) == {"-30": "1.5", "1": "4", "29": "3"}
    assert len(logs.appended) == 5 + 3, "only what is new is copied"


def test_the_brokers_clock_decides_whether_a_version_comes_in_time() -> None:
    logs = opened()  # whose last record says nothing of how late it is
    with pytest.raises(OpeningRefused, match="version 2026-02-01 is not recorded, the file adds it"):
        announced(logs, file(DEARER), AFTER_MS)
    assert logs.appended[3:] == [(TOPICS.journal, 0)], "an entry that does not count is not copied"
    assert prices(known(logs)) == {"-30": "1.5"}


def test_of_several_versions_none_is_announced_after_one_that_comes_too_late() -> None:
    logs = opened()
    with pytest.raises(OpeningRefused):
        announced(logs, file(DEARER, version("2026-02-03", logs="3")), AFTER_MS)
    assert prices(known(logs)) == {"-30": "1.5"}


def test_a_changed_past_is_refused_before_anything_is_written() -> None:
    logs = opened((DEARER, BEFORE_MS))
    logs.append(TOPICS.journal, 0, journal.encode(DayClosed(1)), AFTER_MS)
    with pytest.raises(OpeningRefused, match=r"logs\.price is recorded as 2, the file says 4"):
        compare(known(logs), file(DEAREST, version("2026-02-03", logs="3")))


def test_a_recorded_version_that_the_file_lacks_is_reported(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        announced(opened((DEARER, BEFORE_MS)), file(), BEFORE_MS)
    assert "version 2026-02-01 of the catalog is in the journal but missing from METER_CATALOG" in caplog.text


# Following


class Followed:
    """The catalog of an intake that follows logs in memory."""

    def __init__(self, logs: Logs, monkeypatch: pytest.MonkeyPatch) -> None:
        self.logs = logs
        self.heard_ms = 0
        self.reader = UsageReader(OPENED, zone("+00:00"), 35)
        monkeypatch.setattr("agents.intake.catalog_follower.aiokafka.AIOKafkaConsumer", lambda **_: Reader(logs))
        monkeypatch.setattr("agents.intake.catalog_follower.AIOKafkaProducer", lambda **_: Writer(logs, AFTER_MS))
        self.catalog = FollowedCatalog(TOPICS, self.reader, {}, lambda: self.heard_ms)

    def run(self, *steps: Any) -> None:
        async def all_of_it() -> None:
            await self.catalog.start()
            for step in steps:
                found = step()
                if found is not None:
                    await found
            await self.catalog.stop()

        asyncio.run(all_of_it())

    def announce(self) -> None:
        self.logs.append(TOPICS.journal, 0, journal.encode(CatalogVersion(version_json(DEARER))), BEFORE_MS)

    def price(self) -> str:
        return str(self.reader.catalog.version(parse_day("2026-02-01")).items["logs"].price)

    def copies(self) -> int:
        return len(self.logs.records[(TOPICS.journal, 1)]) - 1


def test_what_another_worker_announced_is_followed_and_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Followed(opened(), monkeypatch)
    seen: list[tuple[str, int]] = []
    world.run(
        lambda: seen.append((world.price(), world.copies())),
        world.announce,
        lambda: seen.append((world.price(), world.copies())),
        world.catalog.catch_up,
        lambda: seen.append((world.price(), world.copies())),
    )
    assert seen == [("1.5", 0), ("1.5", 0), ("2", 1)]


def test_what_was_announced_before_the_start_is_copied_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Followed(opened((DEARER, BEFORE_MS)), monkeypatch)
    world.run()
    assert (world.price(), world.copies()) == ("2", 1)


def test_nothing_is_judged_by_a_version_that_could_not_be_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    world = Followed(opened(), monkeypatch)

    async def failing() -> None:
        monkeypatch.setattr(Writer, "start", _refuse)
        with pytest.raises(Reopen):
            await world.catalog.catch_up()
        assert world.price() == "1.5"
        monkeypatch.undo()
        monkeypatch.setattr("agents.intake.catalog_follower.AIOKafkaProducer", lambda **_: Writer(world.logs, AFTER_MS))

    world.run(world.announce, failing, world.catalog.catch_up)
    assert (world.price(), world.copies()) == ("2", 1)


async def _refuse(writer: Writer) -> None:
    raise TimeoutError


def test_a_day_is_final_once_it_has_begun_and_partition_0_was_read_on_from_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Followed(opened(), monkeypatch)
    catalog, day = world.catalog, parse_day("2026-01-31")
    final: list[int] = []
    world.run(
        lambda: final.append(catalog.final_through),
        lambda: catalog.reach(BEFORE_MS),
        lambda: final.append(catalog.final_through),
        world.announce,
        lambda: final.append(catalog.final_until_ms - AFTER_MS),
        lambda: catalog.reach(AFTER_MS),
        lambda: final.append(catalog.final_through),
    )
    assert final == [parse_day("2026-01-20"), day, 0, day + 1]
    assert world.price() == "2"


def test_only_in_the_last_minutes_of_a_day_an_event_may_be_of_one_that_is_not_final(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = Followed(opened(), monkeypatch)
    world.run(lambda: world.catalog.reach(BEFORE_MS))
    assert [world.catalog.open_at(AFTER_MS - ms) for ms in (300_001, 300_000, 1)] == [False, True, True]
    assert world.catalog.open_at(0), "of a record whose time only its producer tells nothing is known"
    assert not KnownCatalog().open_at(AFTER_MS)


def test_a_reader_that_is_given_another_catalog_forgets_the_items_of_the_last() -> None:
    reader = UsageReader(OPENED, zone("+00:00"), 35)
    value = value_of(event(item="logs", retention_days=7, time="2026-02-01T08:00:00Z"))
    received_ms = parse_time("2026-02-01T08:00:01Z") // 1000
    reader.read(value_of(event(item="logs", time="2026-02-01T08:00:00Z")), (), received_ms)
    with pytest.raises(Dead, match="logs is kept 14, 30 days"):
        reader.read(value, (), received_ms)
    reader.use(Catalog("CNY", 372, (version("2026-01-01", calls="1"),)))
    with pytest.raises(Dead, match="unknown item"):
        reader.read(value, (), received_ms)
