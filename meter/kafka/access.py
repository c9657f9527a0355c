"""Asks Kafka which rights this user has, so that missing ones are found before anything is tried.

For topics and groups Kafka answers what the user may do with them, whether they exist or not. For transactional ids it
does not: there the end of a transaction is requested for a producer id that was never issued. Kafka refuses it either
because the right is missing, or, changing nothing, because it does not know the producer.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    for_code,
)
from aiokafka.protocol.transaction import EndTxnRequest

from meter.kafka.groups import group_described
from meter.kafka.rights import PREFIXED, MissingRights, Operation, Resource, Right
from meter.kafka.topic_ids import topic_operations
from meter.settings import Settings

#: How long a coordinator may be missing: in a new cluster, or while a broker restarts.
COORDINATOR_SECONDS = 30.0
AGAIN_SECONDS = 0.2
#: A name under a prefix, to ask for the rights on all names under it; no such topic needs to exist.
ANY_NAME = "any-name"
#: How many partitions' transactional ids are asked about; one grant covers all ids with the prefix.
TRANSACTIONAL_IDS = 16
#: A producer id that no broker has issued: they count up from 0.
NO_PRODUCER = 1 << 62
TRANSACTION = 1

Answer = TypeVar("Answer")


async def require(settings: Settings, admin: AIOKafkaAdminClient, who: str, rights: Sequence[Right]) -> None:
    """MissingRights with every missing right and how to grant it."""
    lacking = await missing(admin, rights, settings.partitions)
    if lacking:
        raise MissingRights(settings, who, lacking)


async def missing(admin: AIOKafkaAdminClient, rights: Sequence[Right], partitions: int) -> list[Right]:
    """The missing ones of these rights. KafkaError or TimeoutError if Kafka does not answer."""
    of: dict[Resource, list[Right]] = {kind: [right for right in rights if right.resource is kind] for kind in Resource}
    denied = set(await _topics(admin, of[Resource.TOPIC]))
    denied |= set(await _groups(admin, of[Resource.GROUP]))
    for right in of[Resource.TRANSACTIONAL_ID]:
        if not await _may_write(admin, right, partitions):
            denied.add(right)
    return [right for right in rights if right in denied]


async def _topics(admin: AIOKafkaAdminClient, rights: Sequence[Right]) -> list[Right]:
    """The missing rights on topics."""
    if not rights:
        return []
    found = await topic_operations(admin._client, dict.fromkeys(map(asked_name, rights)))
    hidden = [name for name, operations in found.items() if operations is None]
    described = await _settings_shown(admin, hidden)
    lacking = []
    for right in rights:
        name = asked_name(right)
        operations = found.get(name) or 0
        shown = right.operation is Operation.DESCRIBE_CONFIGS and name in described
        if not shown and not may(operations, right.operation):
            lacking.append(right)
    return lacking


async def _settings_shown(admin: AIOKafkaAdminClient, names: Sequence[str]) -> set[str]:
    """Those of the topics whose settings may be read, for topics about which Kafka answers nothing else."""
    if not names:
        return set()
    answers = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name) for name in names])
    return {
        resource[3]
        for answer in answers
        for resource in answer.resources
        if for_code(resource[0]) is not TopicAuthorizationFailedError
    }


async def _groups(admin: AIOKafkaAdminClient, rights: Sequence[Right]) -> list[Right]:
    """The missing rights on groups."""
    names = list(dict.fromkeys(right.name for right in rights))
    found = dict(zip(names, await asyncio.gather(*(_group(admin, name) for name in names)), strict=True))
    return [right for right in rights if not may(found[right.name], right.operation)]


def asked_name(right: Right) -> str:
    """The topic to ask about."""
    return right.name.removesuffix(PREFIXED) + ANY_NAME if right.prefixed else right.name


def may(operations: int, wanted: Operation) -> bool:
    """Whether an operation is among those that Kafka allows, given as bits."""
    return bool(operations >> wanted & 1)


async def _group(admin: AIOKafkaAdminClient, group: str) -> int:
    """The operations allowed on a consumer group, as bits."""

    try:
        operations, _ = await _of_coordinator(lambda: group_described(admin, group))
        return operations
    except GroupAuthorizationFailedError:
        return 0


async def _may_write(admin: AIOKafkaAdminClient, right: Right, partitions: int) -> bool:
    """Whether the transactional ids of the journal's partitions may be used."""

    async def ask(transactional_id: str) -> None:
        node = await admin.find_coordinator(transactional_id, TRANSACTION)
        request = EndTxnRequest(transactional_id, NO_PRODUCER, 0, False)
        answer: Any = await admin._send_request(request, node)
        error = for_code(answer.error_code)
        if error is TransactionalIdAuthorizationFailed or error.retriable:
            raise error(transactional_id)

    begins = right.name.removesuffix(PREFIXED)
    for partition in range(min(partitions, TRANSACTIONAL_IDS)):
        try:
            await _of_coordinator(lambda name=f"{begins}{partition}": ask(name))  # type: ignore[misc]
        except TransactionalIdAuthorizationFailed:
            return False
    return True


async def _of_coordinator(ask: Callable[[], Awaitable[Answer]]) -> Answer:
    """A coordinator's answer; retries while a new cluster is still creating the coordinators' topics."""
    deadline = time.monotonic() + COORDINATOR_SECONDS
    while True:
        try:
            return await ask()
        except KafkaError as error:
            if not error.retriable or time.monotonic() > deadline:
                raise
            await asyncio.sleep(AGAIN_SECONDS)
