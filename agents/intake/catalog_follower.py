"""Follows the catalog versions that partition 0 of the journal decides, while the intake runs.

A day's version is final once the day has begun by the broker's clock and partition 0 was read after that. Only verdicts
on final days are cached. Before the intake uses a version it makes sure that every partition has a copy, so that each
partition has the version before usage of its days arrives.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping
from typing import Any

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from agents.intake.usage_reader import AHEAD_LIMIT_US, UsageReader
from agents.journal.catalog_versions import copy
from agents.journal.facts_reader import Recorded, announced_by, reading, recorded
from meter.batch.lanes import Reopen
from meter.batch.stopping import ended, spared, stopped
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.rules.billing_days import LAST_DAY, day_text
from meter.rules.catalog_versions import Announced, version_of
from schemas.journal import CatalogVersion

log = logging.getLogger(__name__)

#: How often partition 0 is read.
FOLLOW_SECONDS = 2.0
#: Reading it to its end, or writing copies, may take this long.
CATCH_UP_SECONDS = 20.0
NEVER_MS = 1 << 62


class KnownCatalog:
    """A catalog that never changes."""

    #: Days up to this one have their version for good.
    final_through = LAST_DAY
    #: Records appended before this time (ms) belong to a day whose catalog version is final.
    final_until_ms = NEVER_MS

    async def start(self) -> None:
        """Read all versions so far."""

    async def stop(self) -> None:
        """Stop following."""

    async def reach(self, appended_ms: int) -> None:
        """Make the day of a record's LogAppendTime final; this asks Kafka once a day."""

    async def catch_up(self) -> None:
        """Read what was decided before the call."""

    def open_at(self, appended_ms: int) -> bool:
        """Whether a record appended then may be of a day that is not final; 0: the time is not known."""
        return not appended_ms or appended_ms + AHEAD_LIMIT_US // 1000 >= self.final_until_ms


class FollowedCatalog(KnownCatalog):
    """The catalog of a running meter; `reader` is given each new version."""

    def __init__(
        self, topics: Topics, reader: UsageReader, client_kwargs: Mapping[str, Any], heard_ms: Callable[[], int]
    ) -> None:
        self.final_through, self.final_until_ms = 0, 0
        self._topics = topics
        self._reader = reader
        self._kwargs = client_kwargs
        #: Returns a time (ms) that the broker's clock is past, from acknowledgements.
        self._heard_ms = heard_ms
        self._tp = TopicPartition(topics.journal, 0)
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._known: Recorded | None = None
        self._uncopied: list[CatalogVersion] = []
        self._judged_by: Announced = ()
        self._lock = asyncio.Lock()
        self._following: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read all versions in the journal, write missing copies, and follow new versions."""
        async with reading(self._kwargs) as reader:
            self._known = known = await recorded(reader, self._topics)
        if known is None:
            raise UserError(f"{self._topics.journal}/0 is empty; it was opened when this worker started")
        self._consumer = consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=1_000,
            max_partition_fetch_bytes=2 << 20,
            **self._kwargs,
        )
        await consumer.start()
        self._uncopied = list(known.facts.announced)
        consumer.assign([self._tp])
        consumer.seek(self._tp, known.next_offset)
        await self.catch_up()
        self._make_final(known.newest_ms)
        self._following = asyncio.create_task(self._follow(), name="following the catalog")

    async def stop(self) -> None:
        if self._following is not None:
            await ended(self._following)
        if self._consumer is not None:
            await stopped(self._consumer)

    async def reach(self, appended_ms: int) -> None:
        if appended_ms >= self.final_until_ms:
            await self.catch_up()
            self._make_final(appended_ms)

    async def catch_up(self) -> None:
        """Read what was decided before the call; Reopen if Kafka does not answer in time."""
        async with self._lock:
            try:
                await asyncio.wait_for(self._catch_up(), CATCH_UP_SECONDS)
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"the catalog in {self._tp.topic}/0 could not be followed ({error!r})") from error

    async def _catch_up(self) -> None:
        """1 read to the end, 2 write copies to the other partitions, 3 only then use new versions."""
        consumer = self._consumer
        assert consumer is not None, "the catalog is started before it is asked"
        end = (await consumer.end_offsets([self._tp]))[self._tp]
        while await consumer.position(self._tp) < end:  # 1
            fetched = await consumer.getmany(self._tp, timeout_ms=200)
            for record in fetched.get(self._tp, ()):
                self._learn(record)
        known = self._now()
        if self._uncopied:  # 2
            await self._copy(known)
        if known.facts.announced != self._judged_by:  # 3
            self._reader.use(known.facts.catalog)
            self._judged_by = known.facts.announced
            days = ", ".join(day_text(version_of(each.version).since) for each in self._judged_by)
            log.info("catalog: the opened version applies, and those announced from %s", days)

    def _now(self) -> Recorded:
        assert self._known is not None, "the catalog is started before it is asked"
        return self._known

    def _learn(self, record: Any) -> None:
        known = self._now()
        facts, entry = known.facts, announced_by(record)
        if entry is not None:
            facts = facts.with_announced(entry)
            self._uncopied += [each for each in facts.announced if each not in known.facts.announced]
        self._known = Recorded(facts, record.offset + 1, max(known.newest_ms, record.timestamp))

    async def _copy(self, known: Recorded) -> None:
        producer = AIOKafkaProducer(enable_idempotence=True, max_request_size=2 << 20, **self._kwargs)
        try:
            await producer.start()
            await copy(producer, self._topics, known, self._uncopied)
        finally:
            await producer.stop()
        self._uncopied = []

    def _make_final(self, appended_ms: int) -> None:
        zone = self._now().facts.zone
        self.final_through = max(self.final_through, zone.day_of(appended_ms * 1000))
        self.final_until_ms = -(-zone.begin_of(self.final_through + 1) // 1000)

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                await spared(self.catch_up())
                await spared(self.reach(max(self._heard_ms(), self._now().newest_ms)))
            except Reopen as error:
                log.warning("%s; trying again", error)
            except Exception as error:  # a lane that needs a new day asks again, and fails with it
                log.error("catalog versions cannot be read: %r; trying again", error)
