"""Days older than those kept: the account's statement is in the file, its workspaces' statements come from Kafka.

All are published in one transaction with the account's statement, so the times of its versions show where to look:
a few minutes of one partition are read, and the highest revision per workspace is kept.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import aiokafka
import msgspec
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter.batch.stopping import stopped
from meter.dashboard.models import Record
from meter.errors import UserError
from meter.kafka.topics import Topics
from meter.settings import Settings

#: Time read around the account's statement: several journal records state a large account.
BEFORE_MS, AFTER_MS = 120_000, 600_000
#: Time limit, and most records to read.
SECONDS, RECORDS = 15.0, 500_000
POLL_MS = 500


async def workspace_statements(
    settings: Settings, account: str, day: str, partition: int, published_ms: Sequence[int]
) -> list[Record]:
    """The statements of an account's workspaces; `published_ms`: when each version of the account's was published."""
    place = TopicPartition(Topics.of(settings.topic_prefix).statements, partition)
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="none",
        **settings.kafka_client_kwargs(),
    )
    found: dict[str, Record] = {}
    try:
        async with asyncio.timeout(SECONDS):
            await consumer.start()
            consumer.assign([place])
            for since, until in spans(published_ms):
                await _read(consumer, place, since, until, f"{account}/{day}/", found)
    except (KafkaError, OSError, TimeoutError) as error:
        raise UserError(
            f"the workspaces of {day} are read from Kafka, and that failed ({error!r}); "
            "try again, or use `meter explain` for one of them"
        ) from error
    finally:
        await stopped(consumer)
    return [found[name] for name in sorted(found)]


def spans(published_ms: Sequence[int]) -> list[tuple[int, int]]:
    """The time spans to read: one around each time, overlapping spans merged."""
    joined: list[tuple[int, int]] = []
    for at in sorted(published_ms):
        since, until = at - BEFORE_MS, at + AFTER_MS
        if joined and since <= joined[-1][1]:
            joined[-1] = (joined[-1][0], until)
        else:
            joined.append((since, until))
    return joined


async def _read(
    consumer: Any, place: TopicPartition, since: int, until: int, prefix: str, found: dict[str, Record]
) -> None:
    """Keep a span's records with this key prefix, the highest revision per key."""
    start = (await consumer.offsets_for_times({place: since}))[place]
    end = (await consumer.end_offsets([place]))[place]
    if start is None:
        return
    consumer.seek(place, start.offset)
    looked_at = 0
    while await consumer.position(place) < end and looked_at < RECORDS:
        for record in (await consumer.getmany(place, timeout_ms=POLL_MS)).get(place, ()):
            looked_at += 1
            if record.timestamp > until:
                return
            key = (record.key or b"").decode("utf-8", "replace")
            if record.value is not None and key.startswith(prefix):
                one: Record = msgspec.json.decode(record.value)
                if one["revision"] > found.get(key, {"revision": 0})["revision"]:
                    found[key] = one
