"""Opens the journal: its first record fixes what no file or setting may change later.

Partition 0 decides. A worker writes its opening there if the partition is empty, reads offset 0 back, compares, and
only then copies that record, with its id and time, to every other empty partition, reading each back.
"""

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from agents.intake.marks import Mark
from agents.journal.catalog_versions import PAST, announce, compare
from agents.journal.facts_reader import OpeningRefused as OpeningRefused
from agents.journal.facts_reader import Recorded, begun, first, opening, reading, recorded
from meter.errors import UserError
from meter.failpoints import reach
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.topics import Topics
from meter.rules.state.journal_facts import JournalFacts
from meter.settings import Settings
from schemas.catalog import Catalog, catalog_json
from schemas.journal import Opening, encode

log = logging.getLogger(__name__)

#: How long a group's coordinator may be missing: in a new cluster, or while a broker restarts.
COORDINATOR_SECONDS = 30.0
#: How long until the next try.
AGAIN_SECONDS = 0.2

Known = TypeVar("Known")


async def open_journal(settings: Settings, catalog: Catalog) -> JournalFacts:
    """Ensure that every journal partition begins with the same opening, and announce what the catalog adds.

    Returns the journal's facts; OpeningRefused if they differ from the worker's settings or catalog.
    """
    topics = Topics.of(settings.topic_prefix)
    wanted = Opening(
        meter_id=str(uuid.uuid4()),
        time_zone=settings.billing_time_zone,
        currency=catalog.currency,
        partitions=settings.partitions,
        close_grace_seconds=settings.close_grace_seconds,
        restatement_horizon_days=settings.restatement_horizon_days,
        catalog=catalog_json(catalog),
    )
    producer = AIOKafkaProducer(enable_idempotence=True, max_request_size=2 << 20, **settings.kafka_client_kwargs())
    async with reading(settings.kafka_client_kwargs()) as reader:
        await producer.start()
        try:
            known = await recorded(reader, topics)
            if known is None:
                await _refuse_read_sources(settings, topics)
                known = await _begin(reader, producer, topics, wanted)
            _compare(known.facts.opening, wanted, settings)
            compare(known, catalog)
            await _copy(reader, producer, topics, known.facts.opening)
            known = await announce(reader, producer, topics, known, catalog)
        finally:
            await producer.stop()
    return known.facts


async def _begin(
    reader: aiokafka.AIOKafkaConsumer, producer: AIOKafkaProducer, topics: Topics, wanted: Opening
) -> Recorded:
    """Write the opening to partition 0 and read it back: another worker's may have come first."""
    await producer.send_and_wait(topics.journal, encode(wanted), partition=0)
    reach("opening.written")
    known = await recorded(reader, topics)
    if known is None:
        raise UserError(f"{topics.journal}/0 does not give back its first record; is the broker well?")
    log.info("the journal under prefix %r is of meter %s", topics.prefix, known.facts.opening.meter_id)
    return known


async def _refuse_read_sources(settings: Settings, topics: Topics) -> None:
    """Refuse an empty journal if an intake has read sources under this prefix: then the journal was deleted."""
    async with connected_admin(settings) as admin:
        for group in (topics.intake_group, topics.own_intake_group):
            for tp, at in (await offsets_of(admin, group)).items():
                if Mark.read(at.metadata or "") is not None:
                    raise OpeningRefused(
                        f"{topics.journal}/0 is empty, but the intake has read {tp.topic}/{tp.partition} up to "
                        f"{at.offset}: the journal was deleted; restore it, or begin under another prefix"
                    )


async def offsets_of(admin: AIOKafkaAdminClient, group: str) -> Mapping[TopicPartition, OffsetAndMetadata]:
    """A group's offsets; retries while a new cluster is still creating its offsets topic."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            found: Mapping[TopicPartition, OffsetAndMetadata] = await admin.list_consumer_group_offsets(group)
            return found
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(AGAIN_SECONDS)


async def _copy(reader: aiokafka.AIOKafkaConsumer, producer: AIOKafkaProducer, topics: Topics, opened: Opening) -> None:
    """Copy partition 0's opening to every empty partition, reading each back."""
    for partition in range(1, opened.partitions):
        if not await begun(reader, topics.journal, partition):
            await producer.send_and_wait(topics.journal, encode(opened), partition=partition)
            reach("opening.copied")
        copied = await first(reader, topics.journal, partition)
        if copied is not None and copied.meter_id != opened.meter_id:
            raise OpeningRefused(
                f"{topics.journal}/{partition} begins with another opening than {topics.journal}/0: "
                "one of them was made again; restore the topic, or begin under another prefix"
            )


async def recorded_under(settings: Settings) -> Recorded:
    """The journal's facts, for commands; UserError if no worker has opened the journal yet."""
    return await _read(settings, recorded)


async def opening_of(settings: Settings) -> Opening:
    """The journal's opening, for commands; UserError if no worker has opened the journal yet."""
    return await _read(settings, opening)


async def _read(
    settings: Settings, ask: Callable[[aiokafka.AIOKafkaConsumer, Topics], Awaitable[Known | None]]
) -> Known:
    topics = Topics.of(settings.topic_prefix)
    async with connected_admin(settings) as admin:
        counts = await partition_counts(admin)
    known = None
    if topics.journal in counts and topics.changelog in counts:
        async with reading(settings.kafka_client_kwargs()) as reader:
            known = await ask(reader, topics)
    if known is None:
        raise UserError(
            f"the journal {topics.journal} at {settings.broker} is not opened yet; the first `meter worker` does it "
            "(METER_TOPIC_PREFIX names the prefix)"
        )
    return known


def _compare(opened: Opening, wanted: Opening, settings: Settings) -> None:
    """Refuse settings that differ from the opening, naming both values."""
    named = {
        "time_zone": "METER_BILLING_TIME_ZONE",
        "partitions": "METER_PARTITIONS",
        "close_grace_seconds": "METER_CLOSE_GRACE_SECONDS",
        "restatement_horizon_days": "METER_RESTATEMENT_HORIZON_DAYS",
    }
    wrong = [
        f"{name} is {getattr(wanted, field)}, the journal under prefix {settings.topic_prefix!r} was opened with "
        f"{getattr(opened, field)}"
        for field, name in named.items()
        if getattr(wanted, field) != getattr(opened, field)
    ]
    if wrong:
        raise OpeningRefused("\n".join([*wrong, PAST]))
