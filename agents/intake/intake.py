"""What the lanes of the intake share: facts, directory, journal writers, the producer of dead letters. No state.

The steps are those of docs/architecture.md §3 (intake → journal): 1 read committed records from the committed offset,
which is never reset; 2 read `workspaces` up to its end; 3 a bad record harms no other record; 4 find the account's
journal partition; 5 one unacknowledged record for each journal partition, dead letters awaited too; 6 commit the
position with a mark.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError, TopicAuthorizationFailedError
from faust.types import TP

from agents.intake.catalog_follower import FollowedCatalog, KnownCatalog
from agents.intake.journal_writer import JournalWriter
from agents.intake.marks import Mark
from agents.intake.operator_commands import Control
from agents.intake.usage_reader import UsageReader
from agents.intake.validation_cache import ValidationCache
from agents.intake.workspace_directory import WorkspaceDirectory
from agents.metrics.metrics import Metrics
from meter.batch.lanes import Reopen
from meter.batch.patches.fetched_records import install_batches, lazy
from meter.batch.starting import together
from meter.batch.stopping import stopped
from meter.batch.transactions import let_go
from meter.batch.unopened import LazyBatch, UnreadableRecord, first_of
from meter.failpoints import reach
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.dead_letters import DeadLetter
from tables.workspaces import StoredWorkspaces

log = logging.getLogger(__name__)

#: Starting a producer may take this long.
START_SECONDS = 20.0
#: How long a single record may take to be read again, for its mark.
RECORD_MS = 5_000


class Intake:
    """The intake of one worker; its lanes share it."""

    #: Raises if a shared topic has settings that a start would refuse; the worker sets it.
    look_at_settings: Callable[[], Awaitable[None]]

    def __init__(self, settings: Settings, facts: JournalFacts, metrics: Metrics, topic_ids: Mapping[str, str]) -> None:
        self.settings = settings
        #: Kafka's ids of the shared topics when the worker started, by topic name.
        self.topic_ids = topic_ids
        self.facts = facts
        self.metrics = metrics
        self.topics = Topics.of(settings.topic_prefix)
        self.kwargs = settings.kafka_client_kwargs()
        opening = facts.opening
        self.reader = UsageReader(facts.catalog, facts.zone, opening.restatement_horizon_days)
        self.directory = WorkspaceDirectory(
            self.topics.workspaces, facts.zone, opening.partitions, self.kwargs, self._table()
        )
        self.writers = [
            JournalWriter(partition, self.topics.journal, self._current, self.mark_uncertain)
            for partition in range(opening.partitions)
        ]
        self.validation_cache = ValidationCache()
        self.catalog: KnownCatalog = FollowedCatalog(
            self.topics, self.reader, self.kwargs, lambda: max(writer.appended_ms for writer in self.writers)
        )
        self.control = Control(self.topics.control, self.kwargs)
        self._producer: AIOKafkaProducer | None = None
        self._uncertain = False
        self._renewing = asyncio.Lock()
        #: Producers that are being stopped.
        self._ending: set[asyncio.Task[None]] = set()
        self._asker: aiokafka.AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    async def start(self) -> None:
        install_batches()
        self._asker = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            value_deserializer=lazy,
            **self.kwargs,
        )
        readers = (self._asker.start(), self.control.start(), self.catalog.start(), self.directory.start())
        await together([self._start_producer(), *readers])

    async def stop(self) -> None:
        await self.directory.stop()
        await self.catalog.stop()
        await self.control.stop()
        if self._asker is not None:
            await stopped(self._asker)
        if self._producer is not None:
            await self._producer.stop()
        await asyncio.gather(*self._ending, return_exceptions=True)

    def _table(self) -> StoredWorkspaces:
        """Where the directory keeps what it read, beside the stores of the meter role."""
        topic_id = self.topic_ids[self.topics.workspaces]
        path = self.settings.data_dir / "stores" / "workspaces"
        return StoredWorkspaces(path, self.facts.opening.meter_id, self.settings.topic_prefix, topic_id)

    async def _start_producer(self) -> None:
        self._producer = await self._new_producer()

    async def _new_producer(self) -> AIOKafkaProducer:
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_batch_size=1 << 20,  # for dead letters; a journal record is a batch by itself, even if longer
            max_request_size=4 << 20,
            request_timeout_ms=20_000,
            linger_ms=0,
            **self.kwargs,
        )
        try:
            await asyncio.wait_for(producer.start(), START_SECONDS)
        except BaseException:
            await self._let_go(producer)
            raise
        return producer

    async def _let_go(self, producer: AIOKafkaProducer) -> None:
        """Stop a producer, even if whoever asks for it is cancelled meanwhile: aiokafka would keep it for ever."""
        ending = asyncio.create_task(let_go(producer))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)
        await asyncio.shield(ending)

    def _current(self) -> AIOKafkaProducer:
        """The producer; Reopen while it is uncertain: the lane then reopens and renews it."""
        assert self._producer is not None, "the intake is started before it writes"
        if self._uncertain:
            raise Reopen("the producer is uncertain since another write failed")
        return self._producer

    def mark_uncertain(self) -> None:
        """A write failed: the producer no longer knows what Kafka has of it, so it is not used again."""
        self._uncertain = True

    async def mend(self) -> None:
        """What a lane needs before it reads: a directory whose table is sound, and a producer that is not in doubt."""
        await self.directory.mend()
        await self.renew()

    async def renew(self) -> None:
        """Replace an uncertain producer. Writes that the old one has under way fail, or arrive as repeats."""
        async with self._renewing:
            if not self._uncertain:
                return
            try:
                fresh = await self._new_producer()
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"a new producer did not start ({error!r})") from error
            old, self._producer = self._producer, fresh
            if old is not None:
                await self._let_go(old)
            self._uncertain = False  # only now: the old one's writes under way have failed

    async def bury(self, letter: DeadLetter) -> asyncio.Future[Any]:
        """Send a dead letter; done when acknowledged."""
        key = letter.record_key()
        partition = self.directory.partition_of(key)
        producer = self._current()
        try:
            sent: asyncio.Future[Any] = await producer.send(
                self.topics.dead_letters, letter.json_bytes(), key=key.encode(), partition=partition
            )
            reach("intake.dead-letter-sent")
            return sent
        except KafkaError as error:
            self.mark_uncertain()
            raise Reopen(f"a dead letter could not be sent ({error!r})") from error

    async def ends(self, tp: TP) -> tuple[int, int]:
        """The first offset of a partition and its end (last stable offset)."""
        assert self._asker is not None
        wanted = TopicPartition(*tp)
        beginning = await self._asker.beginning_offsets([wanted])
        end = await self._asker.end_offsets([wanted])
        return beginning[wanted], end[wanted]

    async def record_at(self, tp: TP, offset: int) -> Any | None:
        """The record at an offset; None if it is gone. Reopen if Kafka does not answer.

        TopicAuthorizationFailedError and UnreadableRecord are raised as they are: another try would not help.
        """
        asker = self._asker
        assert asker is not None
        async with self._asking:
            wanted = TopicPartition(*tp)
            asker.assign([wanted])
            asker.seek(wanted, offset)
            try:
                fetched = await asker.getmany(wanted, timeout_ms=RECORD_MS, max_records=1)
                record = await first_of(fetched.get(wanted))
                if record is not None:
                    return record if record.offset == offset else None
                if await asker.position(wanted) > offset:
                    return None
            except (TopicAuthorizationFailedError, UnreadableRecord):
                raise
            except KafkaError as error:
                raise Reopen(f"its record {offset} could not be read ({error!r})") from error
            raise Reopen(f"Kafka did not give its record {offset} within {RECORD_MS / 1000:.0f} s")

    async def marks_at(self, wanted: Mapping[TP, Mark]) -> dict[TP, Mark]:
        """For many partitions at once: the marks of the records that are now at the offsets of these marks.

        A partition is missing from the result if Kafka failed or did not answer in time; its lane then asks by itself.
        """
        if not wanted:
            return {}
        found: dict[TP, Mark] = {}
        waiting = {TopicPartition(*tp): mark.offset for tp, mark in wanted.items()}
        asker = self._asker
        assert asker is not None
        async with self._asking:
            asker.assign(list(waiting))
            for kafka_tp, offset in waiting.items():
                asker.seek(kafka_tp, offset)
            until = time.monotonic() + RECORD_MS / 1000
            while waiting and time.monotonic() < until:
                try:
                    fetched = await asker.getmany(*waiting, timeout_ms=500)
                except KafkaError as error:
                    log.warning(
                        "the last records of %d partitions could not be read at once (%r); each lane reads its own",
                        len(waiting),
                        error,
                    )
                    break
                for kafka_tp, unopened in fetched.items():
                    mark = await _mark_at(waiting.pop(kafka_tp), unopened)
                    if mark is not None:
                        found[TP(kafka_tp.topic, kafka_tp.partition)] = mark
                    asker.pause(kafka_tp)
        return found


async def _mark_at(offset: int, unopened: LazyBatch) -> Mark | None:
    """The mark of a fetch's first record if it is the one at this offset; None also if nobody can read it."""
    with suppress(UnreadableRecord):
        record = await first_of(unopened)
        if record is not None and record.offset == offset:
            return Mark.of(record)
    return None
