"""Administers topics: connects, checks the broker's version, creates missing topics, refuses wrong ones.

`meter.kafka.topics` decides how a topic must be and what a difference means. Two workers that start at once may both
create a topic; the second uses the first one's.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
    for_code,
)
from aiokafka.protocol.admin import ApiVersionRequest

from meter.errors import UserError
from meter.kafka.reachability import BrokerUnreachable as BrokerUnreachable
from meter.kafka.reachability import unreachable
from meter.kafka.replication import LEAST_IN_SYNC, kafkas_own
from meter.kafka.rights import MissingRights, Operation, Resource, Right
from meter.kafka.topics import Found, TopicSpec, judged, missing_sentence, wanted_topics
from meter.settings import Settings

REQUEST_TIMEOUT_MS = 15_000
#: How long a topic may take from "created" to a leader for each of its partitions.
CREATION_SECONDS = 30
#: How long the brokers of a cluster may differ in what they know.
KNOWN_SECONDS = 15
TOPIC_ALREADY_EXISTS = 36
#: Kafka's errors if the right to create a topic is missing.
NOT_ALLOWED = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError)
#: Kafka 3.6 is the first to verify a transaction's partitions; it is known by version 4 of this request.
ADD_PARTITIONS_TO_TXN_KEY = 24
ADD_PARTITIONS_TO_TXN_VERSION = 4
#: -1 asks for the broker's `default.replication.factor`.
BROKERS_REPLICATION = -1


class TopicsRefused(UserError):
    """Topics are missing or are not what the meter needs; one line for each difference."""


class TopicsUnknown(TopicsRefused):
    """A broker does not know topics, or their leaders, that another broker knew."""


@dataclass(frozen=True)
class Ensured:
    """What `ensure_topics` did: the topics that it created itself, and warnings about others."""

    created: tuple[str, ...]
    warnings: tuple[str, ...]


@asynccontextmanager
async def connected_admin(settings: Settings) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client of the broker in the settings; raises `BrokerUnreachable` when none answers."""
    admin = AIOKafkaAdminClient(
        client_id="meter-admin", request_timeout_ms=REQUEST_TIMEOUT_MS, **settings.kafka_client_kwargs()
    )
    try:
        try:
            await admin.start()
        except (KafkaError, OSError, TimeoutError) as error:
            raise await unreachable(settings, error) from error
        yield admin
    finally:
        await admin.close()


async def require_version(admin: AIOKafkaAdminClient) -> None:
    """Refuse a broker older than 3.6: it would let a late write of a fenced worker into a new transaction."""
    answer = await admin._send_request(ApiVersionRequest())
    versions = {key: newest for key, _, newest in answer.api_versions}
    if versions.get(ADD_PARTITIONS_TO_TXN_KEY, 0) < ADD_PARTITIONS_TO_TXN_VERSION:
        raise BrokerUnreachable(
            "Kafka must be 3.6 or later (it verifies the partitions of transactions), this one is older: "
            f"it knows AddPartitionsToTxn up to version {versions.get(ADD_PARTITIONS_TO_TXN_KEY)}, "
            f"{ADD_PARTITIONS_TO_TXN_VERSION} is needed; upgrade it, or set METER_BROKER to another"
        )


async def ensure_topics(settings: Settings, admin: AIOKafkaAdminClient) -> Ensured:
    """Create missing topics, or refuse with their list; refuse topics that are not as they must be.

    1. Compare existing topics with their specs, so that nothing is created beside a wrong one. 2. Refuse or create
    the missing ones. 3. Compare those too: another worker may have created them with other settings.
    """
    wanted = wanted_topics(settings)
    there = await partition_counts(admin)
    missing = [spec for spec in wanted if spec.name not in there]
    warnings = await compared(admin, [spec for spec in wanted if spec.name in there], settings)  # 1
    if missing and not settings.create_topics:  # 2
        raise TopicsRefused(missing_sentence(missing))
    made = await create_topics(settings, admin, missing)
    warnings += await compared(admin, missing, settings)  # 3
    warnings += kafkas_own(await copy_counts(admin), settings.replication_factor)
    return Ensured(made, tuple(warnings))


async def compared(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec], settings: Settings) -> list[str]:
    """The warnings about topics that exist; raises `TopicsRefused` with all refusals."""
    found = await found_topics(admin, specs)
    bootstrap, copies = ",".join(settings.bootstrap_servers), settings.replication_factor
    verdicts = [judged(spec, found[spec.name], bootstrap, copies) for spec in specs]
    refusals = [line for verdict in verdicts for line in verdict.refusals]
    if refusals:
        raise TopicsRefused("\n".join(refusals))
    return [line for verdict in verdicts for line in verdict.warnings]


async def create_topics(settings: Settings, admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> tuple[str, ...]:
    """Create topics and wait until each of their partitions has a leader; returns those that nobody else created."""
    if not specs:
        return ()
    asked = [new_topic(spec, settings.replication_factor or BROKERS_REPLICATION) for spec in specs]
    answer = await admin.create_topics(asked)
    errors = [entry[:3] for entry in answer.topic_errors if entry[1] not in (0, TOPIC_ALREADY_EXISTS)]
    denied = [
        Right(Operation.CREATE, Resource.TOPIC, name) for name, code, _ in errors if for_code(code) in NOT_ALLOWED
    ]
    if denied:
        then = ", and topics are missing (METER_CREATE_TOPICS=false lists them, for others to create)"
        raise MissingRights(settings, "creating topics", denied, then)
    for topic, code, message in errors:
        raise TopicsRefused(f"topic {topic} cannot be created: {for_code(code).__name__}: {message}; create it by hand")
    deadline = time.monotonic() + CREATION_SECONDS
    names = {spec.name for spec in specs}
    while not names <= (await partition_counts(admin)).keys():
        if time.monotonic() > deadline:
            raise TopicsRefused(f"created topics have no leader after {CREATION_SECONDS} s: {', '.join(sorted(names))}")
        await asyncio.sleep(0.1)
    return tuple(name for name, code, *_ in answer.topic_errors if code == 0)


def new_topic(spec: TopicSpec, replication: int) -> NewTopic:
    """The request for a spec; aiokafka accepts -1 only together with an assignment, which may be empty."""
    assignment: dict[int, list[int]] | None = {} if replication == BROKERS_REPLICATION else None
    return NewTopic(spec.name, spec.partitions, replication, assignment, dict(spec.config))


async def broker_count(admin: AIOKafkaAdminClient) -> int:
    """How many brokers the cluster has now; each client may connect to all of them."""
    return max(1, len((await admin.describe_cluster())["brokers"]))


async def partition_counts(admin: AIOKafkaAdminClient) -> dict[str, int]:
    """The number of partitions of each usable topic."""
    return {name: len(copies) for name, copies in (await copy_counts(admin)).items()}


async def copy_counts(admin: AIOKafkaAdminClient) -> dict[str, list[int]]:
    """The number of copies of each partition of each usable topic."""
    return {
        topic["topic"]: [len(partition["replicas"]) for partition in topic["partitions"]]
        for topic in await admin.describe_topics()
        if topic["error_code"] == 0 and all(partition["leader"] >= 0 for partition in topic["partitions"])
    }


async def found_topics(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> dict[str, Found]:
    """Partitions, copies and effective settings of topics that exist.

    Retries, because each request may go to a broker that does not know a new topic yet.
    """
    deadline = time.monotonic() + KNOWN_SECONDS
    while True:
        try:
            return await found_now(admin, specs) if specs else {}
        except TopicsUnknown:
            if time.monotonic() > deadline:
                raise
        await asyncio.sleep(0.1)


async def found_now(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> dict[str, Found]:
    """`found_topics` without retries; TopicsUnknown if a broker does not know them."""
    copies = await copy_counts(admin)
    gone = [spec.name for spec in specs if spec.name not in copies]
    if gone:
        raise TopicsUnknown(f"topics without a leader, or deleted just now: {', '.join(gone)}; look at the broker")
    configs = await topic_configs(admin, specs)
    lost = [spec.name for spec in specs if spec.name not in configs]
    if lost:
        raise TopicsUnknown(f"topics deleted just now: {', '.join(lost)}; look at the broker")
    return {spec.name: Found(len(copies[spec.name]), configs[spec.name], min(copies[spec.name])) for spec in specs}


async def topic_configs(admin: AIOKafkaAdminClient, specs: Sequence[TopicSpec]) -> dict[str, dict[str, str]]:
    """The effective settings of existing topics: those in their specs, and `min.insync.replicas`."""
    wanted = {spec.name: {**spec.config, LEAST_IN_SYNC: ""} for spec in specs}
    asked = [ConfigResource(ConfigResourceType.TOPIC, name, config) for name, config in wanted.items()]
    answers = await admin.describe_configs(asked)
    resources = [resource for answer in answers for resource in answer.resources]
    return dict(config_of(each) for each in resources if for_code(each[0]) is not UnknownTopicOrPartitionError)


def config_of(resource: Sequence[Any]) -> tuple[str, dict[str, str]]:
    """Topic name and settings in one resource of a DescribeConfigs answer."""
    code, message, _, name, entries = resource[:5]
    if code != 0:
        raise TopicsRefused(f"the settings of topic {name} cannot be read: {for_code(code).__name__}: {message}")
    return name, values(entries)


def values(entries: Iterable[Sequence[Any]]) -> dict[str, str]:
    """Name and value of each setting in an answer."""
    return {entry[0]: entry[1] or "" for entry in entries}
