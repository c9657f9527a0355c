"""Skipping a gap: judge what an operator names against the group's commit and the log, and order it.

The order goes to `meter.control`, since Kafka refuses an outside commit into a living group. It is the intake that
takes it, and only where it cannot go on at that very commit: an order is no way to leave out what can be read.
"""

import time
from typing import NamedTuple

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from meter import control
from meter.admin import connected_admin
from meter.commits import is_ours
from meter.redriving import is_input
from meter.rules.days import time_text
from meter.settings import Settings
from meter.topics import Topics
from meter.trouble import Trouble
from schemas.control import Skip


class Standing(NamedTuple):
    """Where a source partition stands: the group's commit with its metadata, the log's beginning and end."""

    committed: int
    metadata: str
    beginning: int
    end: int


async def skip(settings: Settings, topic: str, partition: int, offset: int) -> tuple[Skip, Standing]:
    """Order to go on at `offset`; `topic` with or without the prefix. `Trouble` if it makes no sense there."""
    topics = Topics.of(settings.topic_prefix)
    bare = topics.bare(topic)
    if not is_input(bare):
        raise Trouble(f"{bare} is no input topic: usage, usage.<workspace>, workspaces or plan-purchases")
    standing = await _standing(settings, topics, bare, partition)
    why = refusal(bare, partition, offset, standing)
    if why is not None:
        raise Trouble(why)
    at = time_text(time.time_ns() // 1000)
    wanted = Skip(
        kind="skip",
        topic=bare,
        partition=partition,
        offset=offset,
        instead_of=max(0, standing.committed),
        mark=standing.metadata,
        at=at,
    )
    await control.order(settings, wanted)
    return wanted, standing


def refusal(topic: str, partition: int, offset: int, standing: Standing) -> str | None:
    """Why a skip makes no sense: the law, then the numbers."""
    where = f"{topic}/{partition}"
    if standing.committed < 0 and not standing.beginning:
        return (
            f"{where} was never read, so nothing of it is missing: it is read from its beginning, {standing.beginning}"
        )
    if not standing.beginning <= offset <= standing.end:
        return f"reading goes on inside the log: {where} holds {standing.beginning} to {standing.end}, not {offset}"
    if offset == standing.committed and standing.beginning <= standing.committed and is_ours(standing.metadata):
        return f"{where} stands at {offset} already, and nothing before it is skipped"
    return None


async def _standing(settings: Settings, topics: Topics, bare: str, partition: int) -> Standing:
    own = topics.workspace_of(topics.prefix + bare) is not None
    group = topics.own_intake_group if own else topics.intake_group
    place = TopicPartition(topics.prefix + bare, partition)
    async with connected_admin(settings) as admin:
        committed = (await admin.list_consumer_group_offsets(group)).get(place)
    consumer = aiokafka.AIOKafkaConsumer(isolation_level="read_committed", **settings.kafka_client_kwargs())
    try:
        await consumer.start()
        there = (await consumer._client.fetch_all_metadata()).partitions_for_topic(place.topic) or set()
        if partition not in there:
            raise Trouble(f"there is no {bare}/{partition}: {bare} has {len(there)} partitions")
        beginning = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
    except (KafkaError, OSError) as error:
        raise Trouble(f"{bare}/{partition} could not be asked for: {error!r}; try again") from error
    finally:
        await consumer.stop()
    offset, metadata = (-1, "") if committed is None else (committed.offset, committed.metadata)
    return Standing(offset, metadata, beginning, end)
