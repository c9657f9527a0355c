"""Rejoins a group whose coordinator has just started and is still loading its groups.

aiokafka waits for that in joins, heartbeats and commits, but not in the step between, when partitions are assigned
(SyncGroup): there it took the answer as fatal, and the worker stopped. aiokafka has requested a rejoin by then, so it
only needs to go on (found by an hour of faults, after a `kill -9` of the broker).
"""

from typing import Any

from aiokafka.consumer.group_coordinator import CoordinatorGroupRebalance
from aiokafka.errors import GroupLoadInProgressError, KafkaError

_ask = CoordinatorGroupRebalance._send_sync_group_request


async def ask_for_share(rebalance: Any, request: Any) -> Any:
    """In place of `_send_sync_group_request`: None (join again after a pause) also while the coordinator loads."""
    try:
        return await _ask(rebalance, request)
    except KafkaError as error:
        if error.args == (repr(GroupLoadInProgressError()),):  # all that aiokafka's error says
            return None
        raise


def install() -> None:
    """Replace aiokafka's function, for every client of this process."""
    CoordinatorGroupRebalance._send_sync_group_request = ask_for_share
