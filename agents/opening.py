"""The opening: the journal's first record, which fixes what no file and no setting may change afterwards.

Partition 0 decides. A worker writes its opening there if the partition is empty, reads offset 0 back, compares,
and only then copies that record (id and time too) to every other empty partition, reading each back.
"""

import logging
import uuid
from collections.abc import Mapping
from typing import Any

import aiokafka
import msgspec
from aiokafka import AIOKafkaProducer, TopicPartition

from meter.admin import connected_admin, partition_counts
from meter.rules.facts import Facts
from meter.settings import Settings
from meter.topics import Topics
from meter.trouble import Trouble
from schemas.catalog import Catalogue, catalogue_from_json, catalogue_json, differences
from schemas.journal import Opening, decode, encode

log = logging.getLogger(__name__)

#: How long one record of the journal may take to be read back, in ms.
READ_BACK_MS = 10_000


class OpeningRefused(Trouble):
    """The meter under this prefix was opened with other facts."""


async def open_journal(settings: Settings, catalogue: Catalogue) -> Facts:
    """Make sure that every journal partition begins with the one opening; the facts it fixes."""
    topics, kwargs = Topics.of(settings.topic_prefix), settings.kafka_client_kwargs()
    wanted = Opening(
        meter_id=str(uuid.uuid4()),
        time_zone=settings.billing_time_zone,
        currency=catalogue.currency,
        partitions=settings.partitions,
        close_grace_seconds=settings.close_grace_seconds,
        restatement_horizon_days=settings.restatement_horizon_days,
        catalogue=catalogue_json(catalogue),
    )
    reader = aiokafka.AIOKafkaConsumer(isolation_level="read_committed", enable_auto_commit=False, **kwargs)
    producer = AIOKafkaProducer(enable_idempotence=True, **kwargs)
    await reader.start()
    await producer.start()
    try:
        opened = await _first(reader, topics.journal, 0)
        if opened is None:
            await producer.send_and_wait(topics.journal, encode(wanted), partition=0)
            opened = await _first(reader, topics.journal, 0)
            if opened is None:
                raise Trouble(f"{topics.journal}/0 does not give back its first record; is the broker well?")
            log.info("opened the journal under prefix %r as meter %s", settings.topic_prefix, opened.meter_id)
        _compare(opened, wanted, settings)
        for partition in range(1, opened.partitions):
            copied = await _first(reader, topics.journal, partition)
            if copied is None:
                await producer.send_and_wait(topics.journal, encode(opened), partition=partition)
                copied = await _first(reader, topics.journal, partition)
            if copied is None or copied.meter_id != opened.meter_id:
                raise OpeningRefused(
                    f"{topics.journal}/{partition} begins with another opening than {topics.journal}/0: "
                    "one of them was made anew; restore the topic, or begin under another prefix"
                )
    finally:
        await reader.stop()
        await producer.stop()
    return Facts.opened(opened, opened.opened_ms)


async def opening_of(settings: Settings) -> Opening:
    """The opening that stands, for whoever only reads; `Trouble` if no worker has opened the journal yet."""
    topic = Topics.of(settings.topic_prefix).journal
    async with connected_admin(settings) as admin:
        known = topic in await partition_counts(admin)
    reader = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed", enable_auto_commit=False, **settings.kafka_client_kwargs()
    )
    await reader.start()
    try:
        opened = await _first(reader, topic, 0) if known else None
    finally:
        await reader.stop()
    if opened is None:
        raise Trouble(
            f"the journal {topic} at {settings.broker} is not opened yet; the first `meter worker` does it "
            "(METER_TOPIC_PREFIX names the prefix)"
        )
    return opened


async def _first(reader: aiokafka.AIOKafkaConsumer, topic: str, partition: int) -> Opening | None:
    """The opening at offset 0; None if the partition is empty."""
    tp = TopicPartition(topic, partition)
    reader.assign([tp])
    end = (await reader.end_offsets([tp]))[tp]
    if end == 0:
        return None
    beginning = (await reader.beginning_offsets([tp]))[tp]
    reader.seek(tp, beginning)
    fetched: Mapping[Any, Any] = await reader.getmany(tp, timeout_ms=READ_BACK_MS, max_records=1)
    for record in fetched.get(tp, ()):
        found = decode(record.value)
        if isinstance(found, Opening):
            return msgspec.structs.replace(found, opened_ms=found.opened_ms or record.timestamp)
    raise OpeningRefused(f"{topic}/{partition} does not begin with an opening record; was its beginning deleted?")


def _compare(opened: Opening, wanted: Opening, settings: Settings) -> None:
    """Refuse other facts than those the journal was opened with, naming both."""
    named = {
        "time_zone": "METER_BILLING_TIME_ZONE",
        "currency": "the catalogue's currency",
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
    if opened.catalogue != wanted.catalogue:
        wrong += differences(catalogue_from_json(opened.catalogue), catalogue_from_json(wanted.catalogue))
    if wrong:
        raise OpeningRefused("\n".join([*wrong, "the past is a fact: set it back, or begin under another prefix"]))
