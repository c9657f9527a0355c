"""Skips a gap: checks the operator's offset against the group's commit and the log, and writes the command.

The command goes to `meter.control`, because Kafka refuses a commit from outside into a group with members. The intake
applies it only if it cannot go on at exactly that commit: records that can be read cannot be skipped.
"""

import logging
import time
from typing import NamedTuple

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import CorruptRecordException, KafkaError, KafkaTimeoutError

from meter.batch.patches.fetched_records import install_batches, whole
from meter.batch.stopping import stopped
from meter.batch.unopened import UnreadableRecord
from meter.commands import control_log as control
from meter.commands.redrive import is_input
from meter.errors import UserError
from meter.kafka.admin import connected_admin
from meter.kafka.commit_metadata import is_aside, is_ours, spoken, topic_id_of
from meter.kafka.topic_ids import topic_states
from meter.kafka.topics import Topics
from meter.rules.billing_days import time_text
from meter.settings import Settings
from schemas.control import Skip

log = logging.getLogger(__name__)


#: How long reading the record behind the commit may take.
READ_MS = 5_000


class PartitionStatus(NamedTuple):
    """A source partition: the group's commit with its metadata, the log's beginning and end.

    `topic_id`: Kafka's id of the topic now. `readable`: whether the record at the commit can be read, or there is none.
    """

    committed: int
    metadata: str
    beginning: int
    end: int
    topic_id: str = ""
    readable: bool = False

    def is_of_this_log(self) -> bool:
        """Whether the commit is of the present log, as far as its metadata shows."""
        committed_id = topic_id_of(self.metadata)
        in_log = self.beginning <= self.committed <= self.end
        return in_log and is_ours(self.metadata) and (not committed_id or committed_id == self.topic_id)

    def goes_on(self) -> bool:
        """Whether the intake can read on from its commit."""
        return self.is_of_this_log() and self.readable and not is_aside(self.metadata)


async def skip(settings: Settings, topic: str, partition: int, offset: int) -> tuple[Skip, PartitionStatus]:
    """Write the command to go on at `offset`; `topic` with or without the prefix. UserError if that skips nothing."""
    topics = Topics.of(settings.topic_prefix)
    bare = input_topic(settings, topic)
    status = await _standing(settings, topics, bare, partition)
    why = refusal(bare, partition, offset, status)
    if why is not None:
        raise UserError(why)
    at = time_text(time.time_ns() // 1000)
    wanted = Skip(
        kind="skip",
        topic=bare,
        partition=partition,
        offset=offset,
        instead_of=max(0, status.committed),
        mark=spoken(status.metadata),
        at=at,
    )
    await control.append(settings, wanted)
    return wanted, status


def input_topic(settings: Settings, topic: str) -> str:
    """The input topic without the prefix; UserError if it is none."""
    bare = Topics.of(settings.topic_prefix).bare(topic)
    if not is_input(bare):
        raise UserError(f"{bare} is no input topic: usage, usage.<workspace>, workspaces or plan-purchases")
    return bare


def refusal(topic: str, partition: int, offset: int, status: PartitionStatus) -> str | None:
    """Why there is nothing to skip, with the numbers; None if there is."""
    where = f"{topic}/{partition}"
    if status.committed < 0 and not status.beginning:
        return f"{where} was never read, so nothing of it is missing: it is read from its beginning, {status.beginning}"
    if not status.beginning <= offset <= status.end:
        return f"reading goes on inside the log: {where} holds {status.beginning} to {status.end}, not {offset}"
    if offset == status.committed and status.is_of_this_log():
        return f"{where} is read up to {offset} already: nothing before it is missing"
    if status.goes_on():
        return (
            f"nothing of {where} is missing: it is read up to {status.committed}, the log holds {status.beginning} "
            f"to {status.end}; the intake reads on by itself"
        )
    return None


async def _standing(settings: Settings, topics: Topics, bare: str, partition: int) -> PartitionStatus:
    own = topics.workspace_of(topics.prefix + bare) is not None
    group = topics.own_intake_group if own else topics.intake_group
    place = TopicPartition(topics.prefix + bare, partition)
    async with connected_admin(settings) as admin:
        committed = (await admin.list_consumer_group_offsets(group)).get(place)
        states = await topic_states(admin, [place.topic])
    install_batches()
    consumer = aiokafka.AIOKafkaConsumer(
        isolation_level="read_committed", key_deserializer=whole, **settings.kafka_client_kwargs()
    )
    try:
        await consumer.start()
        there = (await consumer._client.fetch_all_metadata()).partitions_for_topic(place.topic) or set()
        if partition not in there:
            raise UserError(f"there is no {bare}/{partition}: {bare} has {len(there)} partitions")
        beginning = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        offset, metadata = (-1, "") if committed is None else (committed.offset, committed.metadata)
        readable = beginning <= offset <= end and await _readable(consumer, place, offset, end)
    except (KafkaError, OSError) as error:
        raise UserError(f"{bare}/{partition} could not be asked for: {error!r}; try again") from error
    finally:
        await stopped(consumer)
    return PartitionStatus(offset, metadata, beginning, end, states[place.topic].id, readable)


async def _readable(consumer: aiokafka.AIOKafkaConsumer, place: TopicPartition, offset: int, end: int) -> bool:
    """Whether the record at or behind `offset`, if there is one, can be read.

    KafkaError if Kafka does not answer: only a batch that Kafka returned can be unreadable.
    """
    consumer.assign([place])
    consumer.seek(place, offset)
    deadline = time.monotonic() + READ_MS / 1000
    while offset < end:
        try:
            fetched = await consumer.getmany(place, timeout_ms=READ_MS, max_records=1)
        except (UnreadableRecord, CorruptRecordException) as error:
            log.info("the record at %d of %s/%d cannot be read (%r)", offset, place.topic, place.partition, error)
            return False
        if fetched:
            return True
        offset = await consumer.position(place)  # markers and aborted records are skipped
        if offset < end and time.monotonic() >= deadline:
            raise KafkaTimeoutError(f"the record at {offset} did not come within {READ_MS / 1000:.0f} s")
    return True
