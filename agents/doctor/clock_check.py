"""Compares this machine's clock with Kafka's and writes nothing, so that looking changes nothing.

The controller names its time. To a user who may not ask it, the newest journal record shows something: Kafka's clock
was there when that record came, so this machine's clock is ahead by at most the record's age.
"""

import time

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import ClusterAuthorizationFailedError, KafkaError

from agents.doctor.lines import Line, ok, warn
from agents.journal.facts_reader import newest_ms, reading
from agents.meter.day_end import CLOCK_LIMIT_US
from meter.kafka.admin import partition_counts
from meter.kafka.controller_time import controller_time_ms
from meter.kafka.rights import Operation, Resource, Right, grant
from meter.kafka.topics import Topics
from meter.rules.billing_days import SECOND_US
from meter.settings import Settings

CLUSTER = Right(Operation.DESCRIBE, Resource.CLUSTER, "kafka-cluster")
LIMIT_SECONDS = CLOCK_LIMIT_US / SECOND_US
MS_A_SECOND = 1_000
SET_IT = "set it: days close by the broker's clock, and are looked after by this one"


async def clock_line(settings: Settings, admin: AIOKafkaAdminClient, lacking: list[Right]) -> Line:
    """How far this machine's clock is from Kafka's; a warning beyond the limit, or if it is not known."""
    try:
        before = time.time()
        theirs = await controller_time_ms(admin)
        ahead = (before + time.time()) / 2 - theirs / MS_A_SECOND
    except KafkaError as refused:
        return await _by_the_journal(settings, admin, lacking, refused)
    finding = f"this machine's is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} the broker's"
    return ok("clock", finding) if abs(ahead) <= LIMIT_SECONDS else warn("clock", finding, SET_IT)


async def _by_the_journal(
    settings: Settings, admin: AIOKafkaAdminClient, lacking: list[Right], refused: KafkaError
) -> Line:
    newest = await _newest(settings, admin, lacking)
    age = None if newest is None else time.time() - newest / MS_A_SECOND
    if age is not None and age < -LIMIT_SECONDS:
        return warn("clock", f"this machine's is at least {-age:.1f} s behind the broker's", SET_IT)
    if age is not None and age <= LIMIT_SECONDS:
        return ok(
            "clock", f"this machine's is at most {max(age, 0.0):.1f} s ahead of the broker's (newest journal record)"
        )
    if isinstance(refused, ClusterAuthorizationFailedError):
        return warn(
            "clock", "the broker's time is not known: it takes Describe on the cluster", grant(settings, CLUSTER)
        )
    return warn("clock", "the broker's time is not known", "look again while usage arrives")


async def _newest(settings: Settings, admin: AIOKafkaAdminClient, lacking: list[Right]) -> int | None:
    topic = Topics.of(settings.topic_prefix).journal
    partitions = (await partition_counts(admin)).get(topic, 0)
    if not partitions or any(right.name == topic and right.operation is Operation.READ for right in lacking):
        return None
    async with reading(settings.kafka_client_kwargs()) as reader:
        return await newest_ms(reader, topic, partitions)
