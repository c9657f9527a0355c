"""Moves partitions between the nodes of a cluster, as an operator does who replaces a machine."""

import asyncio
from collections.abc import Iterable
from functools import partial
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.protocol.admin import AlterPartitionReassignmentsRequest

from tests.end_to_end.kafka import REQUEST_SECONDS, wait_until
from tests.support.clusters import UP_SECONDS, Cluster

#: The nodes of each partition, the one that should lead first.
Nodes = dict[tuple[str, int], list[int]]


def move(cluster: Cluster, topics: Iterable[str]) -> None:
    """Takes every partition from the node that leads it, and then gives that one a copy again."""
    found = cluster.admin.list_topics(timeout=REQUEST_SECONDS).topics
    leaders = {(name, number): part.leader for name in topics for number, part in found[name].partitions.items()}
    numbers = range(1, len(cluster.nodes) + 1)
    others = {place: [number for number in numbers if number != leader] for place, leader in leaders.items()}
    for wanted in (others, {place: [*others[place], leader] for place, leader in leaders.items()}):
        asyncio.run(_reassign(cluster.bootstrap, wanted))
        wait_until("every partition is where it was moved to", partial(are_at, cluster, wanted), UP_SECONDS)


def are_at(cluster: Cluster, wanted: Nodes) -> bool:
    """Whether the copies are on these nodes, and in sync."""
    found = cluster.admin.list_topics(timeout=REQUEST_SECONDS).topics
    parts = [(found[name].partitions[number], nodes) for (name, number), nodes in wanted.items()]
    return all(sorted(part.replicas) == sorted(part.isrs) == sorted(nodes) for part, nodes in parts)


async def _reassign(bootstrap: str, wanted: Nodes) -> None:
    """By aiokafka: confluent-kafka knows no reassignment."""
    topics: dict[str, list[Any]] = {}
    for (name, number), nodes in wanted.items():
        topics.setdefault(name, []).append((number, nodes, {}))
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        asked = AlterPartitionReassignmentsRequest(30_000, [(name, parts, {}) for name, parts in topics.items()], {})
        answer: Any = (await admin._send_request(asked)).to_object()
    finally:
        await admin.close()
    codes = {part["error_code"] for topic in answer["responses"] for part in topic["partitions"]}
    assert answer["error_code"] == 0 and codes == {0}, answer
