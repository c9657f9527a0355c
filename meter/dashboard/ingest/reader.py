"""Reads the published topics into the store: committed records, from the offsets in the file.

If Kafka is away, has no meter yet or has another one, pages keep showing the file, `Live.trouble` says why nothing new
comes, and reading resumes by itself.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from meter.batch.patches.fetched_records import install_batches
from meter.batch.stopping import ended, is_cancelled, stopped
from meter.budgets.topics import BUDGET_ALERTS, BUDGETS
from meter.dashboard.calendar import Calendar
from meter.dashboard.ingest.batch import Ingest
from meter.dashboard.ingest.meter import PublishingMeter, adopt_facts, budgets_there, meter_of
from meter.dashboard.ingest.published import Published, Region
from meter.dashboard.models import Loading
from meter.dashboard.sight import Live
from meter.dashboard.store import Store
from meter.errors import UserError
from meter.kafka.access import require
from meter.kafka.admin import connected_admin
from meter.kafka.rights import MissingRights, of_command
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.plurals import counted

log = logging.getLogger(__name__)

#: Most records in one transaction of the file, while catching up.
BATCH_RECORDS = 10_000
POLL_MS = 200
#: How long Kafka holds a fetch without records, in ms; a record is returned at once.
FETCH_WAIT_MS = 500
FETCH_BYTES = 4 << 20
#: Seconds between two requests for the topics' ends, and the time limit of one.
ENDS_SECONDS, ANSWER_SECONDS = 1.0, 10.0
#: Seconds before the next attempt, at first and at most.
AGAIN_SECONDS, AGAIN_MOST_SECONDS = 0.5, 5.0
#: Topics whose records belong to a day; records of days no longer kept are not read.
OF_DAYS = ("overages", "quota-balances", "quota-alerts", BUDGET_ALERTS)
#: The budget topics are checked at every n-th request for the topics' ends.
BUDGETS_SECONDS = 5
#: Seconds between two log lines while Kafka is away.
SAY_SECONDS = 60.0
#: The name in messages about missing rights, and the commands whose rights are needed.
WHO, READING, WRITING = "the dashboard", "dashboard", "dashboard (writing)"


class BudgetsChanged(Exception):
    """The budget topics appeared, vanished or were recreated: reading restarts."""


class Reader:
    """Reads until it is cancelled; calls `changed` with the changes of each batch."""

    def __init__(
        self,
        settings: Settings,
        store: Store,
        calendar: Calendar,
        live: Live,
        changed: Callable[[set[Region]], None],
    ) -> None:
        self._settings, self._store, self._calendar, self._live = settings, store, calendar, live
        self._topics = Topics.of(settings.topic_prefix)
        self._changed = changed
        self._again = AGAIN_SECONDS
        self._rights = of_command(settings, WRITING if settings.dashboard_write_token is not None else READING)
        #: Whether Kafka has once confirmed all rights.
        self._allowed = False
        #: When Kafka stopped answering; None while it answers.
        self._stopped_at: float | None = None
        #: The last log line about it, and the time from which another one may follow.
        self._said, self._say_after = "", 0.0

    async def run(self) -> None:
        """Read, and restart after every Kafka failure; raises MissingRights if the first attempt may not read."""
        install_batches()
        while True:
            try:
                await self._read()
            except BudgetsChanged:
                continue
            except asyncio.CancelledError:
                if is_cancelled():
                    raise
                self._trouble("Kafka: a request was given up")
            except (KafkaError, OSError, TimeoutError, UserError) as error:
                if isinstance(error, MissingRights) and not self._allowed:
                    raise
                self._trouble(str(error) if isinstance(error, UserError) else f"Kafka: {error!r}")
            except sqlite3.Error as error:
                self._trouble(f"{self._store.path} cannot be written ({error}); free its disk")
            await asyncio.sleep(self._again)
            self._again = min(self._again * 2, AGAIN_MOST_SECONDS)

    def _trouble(self, sentence: str) -> None:
        """Show on pages and in the log why reading stopped; log a changed reason only once in a while."""
        self._live.trouble = sentence
        now = time.monotonic()
        if self._stopped_at is None or (sentence != self._said and now >= self._say_after):
            log.warning("dashboard: reading stopped: %s; trying again", sentence)
            self._said, self._say_after = sentence, now + SAY_SECONDS
        if self._stopped_at is None:
            self._stopped_at = now

    def _answered(self, lag: int) -> None:
        """Kafka answers; log it if it was away."""
        if self._stopped_at is not None:
            away = time.monotonic() - self._stopped_at
            log.info("dashboard: Kafka answers again after %.0f s; reading on, %s behind", away, counted(lag, "record"))
        self._live.trouble = self._stopped_at = None

    async def _read(self) -> None:
        """1 check rights, 2 find the meter, 3 check or empty the file, 4 seek, 5 follow."""
        async with connected_admin(self._settings) as admin, self._consumer() as consumer:
            await require(self._settings, admin, WHO, self._rights)  # 1
            self._allowed = True
            meter = await meter_of(admin, self._topics)  # 2
            await adopt_facts(self._settings, self._topics, self._calendar)
            await asyncio.to_thread(self._store.begin, meter.id, meter.budgets)  # 3
            ingest = Ingest(self._store.writer, self._calendar)
            places = [TopicPartition(*place) for place in meter.places()]
            consumer.assign(places)
            await self._seek(consumer, places)  # 4
            self._again = AGAIN_SECONDS
            watch = asyncio.create_task(self._watch(consumer, places, admin, meter))
            try:
                await self._follow(consumer, ingest, watch)  # 5
            finally:
                await ended(watch)

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[Any]:
        consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            **self._settings.kafka_client_kwargs(),
        )
        try:
            await consumer.start()
            yield consumer
        finally:
            await stopped(consumer)

    async def _seek(self, consumer: Any, places: list[TopicPartition]) -> None:
        """Seek to the file's offsets; a topic of days that is new to the file begins at the first day kept."""
        beginnings = await consumer.beginning_offsets(places)
        known = await asyncio.to_thread(self._positions)
        oldest = self._calendar.oldest_kept(self._calendar.today(time.time_ns() // 1000))
        since_ms = self._calendar.bounds(oldest)[0] // 1000
        days = {
            place: since_ms
            for place in places
            if self._bare(place) not in known and self._topics.bare(place.topic) in OF_DAYS
        }
        found: Mapping[TopicPartition, Any] = await consumer.offsets_for_times(days) if days else {}
        ends = await consumer.end_offsets(places)
        for place in places:
            start = known.get(self._bare(place), beginnings[place])
            if place in days:
                start = ends[place] if found.get(place) is None else found[place].offset
            consumer.seek(place, max(start, beginnings[place]))
        left = {place: (await consumer.position(place), ends[place]) for place in places}
        self._left = {place: span for place, span in left.items() if span[0] < span[1]}
        self._load(left)

    def _load(self, now: Mapping[TopicPartition, tuple[int, int]]) -> None:
        """Report the progress of the first reading."""
        left = {place: span for place, span in self._left.items() if now[place][0] < span[1]}
        if not left:
            self._live.loading = None
            return
        records = sum(end - start for start, end in self._left.values())
        read = sum(min(now[place][0], end) - start for place, (start, end) in self._left.items())
        self._live.loading = Loading(records_read=read, records=records)

    async def _follow(self, consumer: Any, ingest: Ingest, watch: "asyncio.Task[None]") -> None:
        while True:
            if watch.done():
                watch.result()
            try:
                fetched = await consumer.getmany(timeout_ms=POLL_MS, max_records=BATCH_RECORDS)
            except OffsetOutOfRangeError as error:
                await self._out_of_range(consumer, error)
                continue
            if not fetched:
                continue
            positions = {self._bare(place): await consumer.position(place) for place in fetched}
            today = self._calendar.today(time.time_ns() // 1000)
            changed = await asyncio.to_thread(self._take, ingest, fetched, positions, today)
            self._changed(changed)
            if self._live.loading is not None:
                self._load({place: (await consumer.position(place), 0) for place in self._left})

    def _take(
        self, ingest: Ingest, fetched: Mapping[TopicPartition, Any], positions: dict[tuple[str, int], int], today: str
    ) -> set[Region]:
        """In a thread: write a fetch as rows."""
        published = []
        for place, records in fetched.items():
            topic, partition = self._bare(place)
            for record in records:
                key, value = record.key, record.value
                if key is not None and (value is not None or topic == BUDGETS):
                    at = (record.offset, record.timestamp)
                    published.append(Published(topic, partition, *at, key, value or b""))
        return ingest.take(published, positions, today)

    async def _out_of_range(self, consumer: Any, error: Exception) -> None:
        """Retention deleted unread records: continue at the present start of the partition."""
        places: dict[TopicPartition, int] = error.args[0]
        beginnings = await consumer.beginning_offsets(list(places))
        ends = await consumer.end_offsets(list(places))
        for place, offset in places.items():
            if offset > ends[place]:
                raise UserError(f"{place.topic}/{place.partition} ends before what was read of it: it was made again")
            log.warning("dashboard: %s/%d: offsets %d to %d are gone", *place, offset, beginnings[place] - 1)
            consumer.seek(place, beginnings[place])

    async def _watch(
        self, consumer: Any, places: list[TopicPartition], admin: AIOKafkaAdminClient, meter: PublishingMeter
    ) -> None:
        """Once a second, measure the lag behind the topics' ends; every few seconds, check the budget topics."""
        for second in count():
            if second % BUDGETS_SECONDS == BUDGETS_SECONDS - 1:
                await self._same_budgets(admin, meter)
            try:
                ends = await asyncio.wait_for(consumer.end_offsets(places), ANSWER_SECONDS)
            except (KafkaError, TimeoutError) as error:
                self._trouble(f"Kafka at {self._settings.broker} does not answer ({type(error).__name__})")
                raise
            lag = [max(0, ends[place] - await consumer.position(place)) for place in places]
            self._live.lag_records, self._live.asked_us = sum(lag), time.time_ns() // 1000
            self._answered(sum(lag))
            await asyncio.sleep(ENDS_SECONDS)

    async def _same_budgets(self, admin: AIOKafkaAdminClient, meter: PublishingMeter) -> None:
        """Raise BudgetsChanged if the budget topics appeared, vanished or were recreated."""
        if (await budgets_there(admin, self._topics)).id != meter.budgets:
            raise BudgetsChanged

    def _positions(self) -> dict[tuple[str, int], int]:
        rows = self._store.writer.execute("SELECT topic, partition, next_offset FROM positions")
        return {(topic, partition): offset for topic, partition, offset in rows}

    def _bare(self, place: TopicPartition) -> tuple[str, int]:
        return self._topics.bare(place.topic), place.partition
