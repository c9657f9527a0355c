"""`meter explain` beside a running meter: reads what was published, counts the journal, and puts the answer together.

Everything is as of one journal record: the last folded one, or the one asked for. It is chosen before the outputs are
read, so nothing later slips in. Without the journal it is as of the newest balance.
"""

import asyncio
import time
from dataclasses import dataclass, replace

from aiokafka.errors import KafkaError

from agents.journal.facts_reader import recorded
from agents.journal.reader import folded_position
from meter.errors import UserError
from meter.explain.cell import Cell
from meter.explain.count import CellCount, Counted, cell_of
from meter.explain.dead import DeadPlaces, OwnLetters
from meter.explain.drivers import drivers
from meter.explain.explain import Sources, explanation
from meter.explain.ground import Ground
from meter.explain.history import Published
from meter.explain.log_reader import LogReader, open_logs
from meter.explain.model import Explanation
from meter.explain.published import NEWEST, SLACK_US, Key, OfCell, PublishedReader, cell_as_published
from meter.explain.sources import sources_of
from meter.kafka.partitioner import partition_of
from meter.kafka.topics import OUTPUT_RETENTION_DAYS, Topics
from meter.rules.billing_days import SECOND_US, day_text
from meter.settings import Settings
from schemas.catalog import Item
from schemas.journal import Gathered, decode
from tables import keys

#: Revisions in the history, the newest, unless more are asked for.
HISTORY = 100
NO_METER = "no meter ran under this prefix, METER_TOPIC_PREFIX names another"
NOT_COUNTED = "the journal was not read; `meter explain` without --no-sources counts it"
#: The outputs of a transaction are published within this time of its journal record.
PUBLISHED_WITHIN_US = 600 * SECOND_US


@dataclass(frozen=True)
class Wanted:
    """The question. `revision`: as of this journal record; `compare_day`, `compare_revision`: what to compare with."""

    account: str
    workspace: str
    item: str
    day: int
    revision: int | None = None
    compare_day: int | None = None
    compare_revision: int | None = None
    sources: bool = True
    history: int = HISTORY


async def explain(settings: Settings, wanted: Wanted) -> Explanation:
    """The whole answer, by the journal's facts; mistakes of the user raise `UserError`."""
    topics = Topics.of(settings.topic_prefix)
    try:
        async with open_logs(settings) as logs:
            partition = await _partition(settings, logs, topics, wanted.account, topics.journal, topics.changelog)
            return await explained(logs, topics, partition, wanted)
    except KafkaError as error:
        raise UserError(
            f"explaining stopped: {type(error).__name__}: {error}; look at the broker, then again"
        ) from error


async def explained(logs: LogReader, topics: Topics, partition: int, wanted: Wanted) -> Explanation:
    """The answer from open logs; `partition`: of the account."""
    logs.needles[topics.changelog] = (keys.POSITION, keys.FACTS)
    known = await recorded(logs, topics)
    if known is None:
        raise UserError(f"{topics.journal} is empty; {NO_METER}")
    folded = await folded_position(logs, topics.changelog, partition)
    return await _Explaining(topics, logs, Ground.of_journal(known.facts), wanted, partition, folded).run()


async def explain_as_published(settings: Settings, wanted: Wanted, ground: Ground) -> Explanation:
    """The answer from published topics alone, for users who may read nothing else; without source records."""
    topics = Topics.of(settings.topic_prefix)
    try:
        async with open_logs(settings) as logs:
            partition = await _partition(settings, logs, topics, wanted.account)
            return await _Explaining(topics, logs, ground, replace(wanted, sources=False), partition, None).run()
    except KafkaError as error:
        raise UserError(
            f"explaining stopped: {type(error).__name__}: {error}; look at the broker, then again"
        ) from error


async def _partition(settings: Settings, logs: LogReader, topics: Topics, account: str, *internal: str) -> int:
    """The account's partition; `UserError` if topics are missing."""
    counts = {topic: await logs.partitions(topic) for topic in (*internal, *topics.outputs)}
    missing = [topic for topic, partitions in counts.items() if not partitions]
    if missing:
        raise UserError(f"there is no topic {', '.join(missing)} at {settings.broker}; {NO_METER}")
    return partition_of(account, counts[topics.overages])


@dataclass(frozen=True)
class _Side:
    """One of two figures that are compared: a cell, what was published under its key, and its count."""

    key: Key
    item: Item
    published: list[Published]
    cell: Cell
    counted: Counted | None
    through: int


class _Explaining:
    """One answer."""

    def __init__(
        self, topics: Topics, logs: LogReader, ground: Ground, wanted: Wanted, partition: int, folded: int | None
    ) -> None:
        self._topics, self._logs, self._ground, self._wanted = topics, logs, ground, wanted
        self._published = PublishedReader(logs, topics)
        self._notes: list[str] = []
        self._partition = partition
        #: The first journal offset that is not folded; None: the journal is not to be read.
        self._folded = folded
        #: Why the journal says nothing.
        self._no_journal = NOT_COUNTED

    async def run(self) -> Explanation:
        """1 the figure, 2 what it is compared with, 3 its sources, 4 the answer."""
        wanted = self._wanted
        last = self._last(wanted.revision)
        letters = OwnLetters(wanted.workspace, wanted.item, wanted.day, self._ground.zone)
        side = await self._side(wanted.day, last, letters)  # 1
        compared = None
        if wanted.compare_day is not None or wanted.compare_revision is not None:  # 2
            day = wanted.day if wanted.compare_day is None else wanted.compare_day
            through = last if wanted.compare_revision is None else self._last(wanted.compare_revision)
            other = await self._side(day, through, replace(letters, day=day, letters={}))
            revisions = [each.published[-1].record.revision if each.published else 0 for each in (other, side)]
            compared = drivers(other.cell, side.cell, (revisions[0], revisions[1]))
        sources = Sources(None, self._no_journal)
        if side.counted is not None and side.counted.own is not None:  # 3
            found, dead = sources_of(side.counted.own, letters.letters)
            sources = Sources(found, None, dead)
        day_of_answer = self._ground.day(wanted.day, time.time_ns() // 1000)
        return explanation(side.cell, day_of_answer, side.published, sources, compared, self._notes)  # 4

    def _last(self, revision: int | None) -> int:
        """The journal record that the answer is as of."""
        if self._folded is None:
            return NEWEST if revision is None else revision
        if revision is None or revision < self._folded:
            return self._folded - 1 if revision is None else revision
        raise UserError(
            f"revision {revision} is not published yet: {self._topics.journal}/{self._partition} is folded up to "
            f"offset {self._folded - 1}; ask for that or an earlier one"
        )

    async def _side(self, day: int, through: int, letters: OwnLetters) -> _Side:
        wanted = self._wanted
        key = Key(wanted.account, wanted.workspace, wanted.item, day, day_text(day), self._partition)
        item, since_us = self._item(wanted.item, day), self._ground.zone.begin_of(day)
        begin = await self._whole_from(since_us, day) if wanted.sources else None
        stands = OfCell() if begin is not None else await self._stands(key, through)
        self._note(day, through, stands)
        published = stands.seen_by(wanted.workspace, await self._revisions(key, since_us, through))
        last = published[-1].record if published else None
        plans = await self._published.plans(key, through, [] if last is None else last.plans)
        currency, traffic = self._ground.currency, self._ground.traffic(wanted.item, day)
        if begin is None:
            cell = cell_as_published(key, item, plans, currency, traffic, last, stands)
            return _Side(key, item, published, cell, None, through)
        dead = await self._published.letters(key, await self._partitions(), since_us, letters)
        counted = await self._count(key, item, dead, begin, through)
        cell = cell_of(counted, key.account, key.workspace, day, item, plans, currency, traffic)
        return _Side(key, item, published, cell, counted, through)

    def _item(self, name: str, day: int) -> Item:
        found = self._ground.item(name, day)
        if found is None:
            items = ", ".join(sorted(self._ground.catalog.version(day).items))
            raise UserError(f"unknown item {name!r}: the catalog of {day_text(day)} has {items}")
        return found

    def _note(self, day: int, through: int, stands: OfCell) -> None:
        """What the answer may lack."""
        if day < self._ground.zone.day_of(time.time_ns() // 1000) - OUTPUT_RETENTION_DAYS:
            self._notes.append(
                f"the records published for {day_text(day)} are gone: they are kept for {OUTPUT_RETENTION_DAYS} days"
            )
        balance = stands.balance
        if balance is not None and self._wanted.revision is not None and balance.revision < through:
            self._notes.append(
                f"the other workspaces are as of revision {balance.revision}, the newest balance up to {through}; "
                "only the journal has the state in between"
            )

    async def _revisions(self, key: Key, since_us: int, through: int) -> list[Published]:
        """The published revisions of the key."""
        until = await self._published_by(key, through)
        most = self._wanted.history
        published, lacking = await self._published.revisions(key, since_us, through, most, until)
        if until is not None and not published:
            published, lacking = await self._published.revisions(key, since_us, through, most)
        if lacking:
            self._notes.append(lacking)
        return published

    async def _partitions(self) -> int:
        """How many partitions each output topic has."""
        return await self._logs.partitions(self._topics.dead_letters)

    async def _published_by(self, key: Key, through: int) -> int | None:
        """The offset on `overages` from which to search backwards for an older revision; None: the end."""
        asked = self._wanted.revision is not None or self._wanted.compare_revision is not None
        if self._folded is None or not asked:
            return None
        low, high = await self._logs.bounds(self._topics.journal, self._partition)
        if not low <= through < high:
            return None
        async for records in self._logs.lists(self._topics.journal, self._partition, through, through + 1):
            at_us = records[0].timestamp * 1000 + PUBLISHED_WITHIN_US
            return await self._published.offset_at(key, at_us)
        return None

    async def _whole_from(self, since_us: int, day: int) -> int | None:
        """The journal offset from which on all usage of the day is kept; None if its beginning is gone."""
        topic = self._topics.journal
        low, high = await self._logs.bounds(topic, self._partition)
        since = await self._logs.offset_at(topic, self._partition, since_us - SLACK_US)
        begin = high if since is None else max(low, since)
        if low == 0 or begin > low:
            return begin
        self._no_journal = (
            f"the journal no longer holds the beginning of {day_text(day)}: {topic}/{self._partition} begins at offset "
            f"{low}; METER_JOURNAL_RETENTION_DAYS says how long it is kept"
        )
        return None

    async def _count(self, key: Key, item: Item, dead: DeadPlaces, begin: int, through: int) -> Counted:
        count = CellCount(key.account, item, key.day, key.workspace, dead)
        names = key.account.encode()
        async for records in self._logs.lists(self._topics.journal, self._partition, begin, through + 1, names):
            for record in records:
                if names in record.value:
                    found = decode(record.value)
                    if isinstance(found, Gathered):
                        count.take(found)
                await asyncio.sleep(0)  # lets other tasks of the event loop run
        return await asyncio.to_thread(count.counted)

    async def _stands(self, key: Key, through: int) -> OfCell:
        """Statements of a day that is over, else the balance."""
        closes_us = self._ground.closes_at_us(key.day)
        if time.time_ns() // 1000 >= closes_us:
            statements = await self._published.statements(key, closes_us, through)
            if statements:
                return OfCell(None, statements)
        return OfCell(await self._published.balance(key, self._ground.zone.begin_of(key.day), through))
