"""Joining a group again while its coordinator, just started, still reads what it knows of groups.

aiokafka waits for that where it joins, where it beats and where it commits, but not in the step between, when shares
are asked for: there it took the answer for the end of all reading, and the worker stopped. It has asked to rejoin by
then; all that is missing is to go on (found by an hour of faults, after a `kill -9` of the broker).
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
        if error.args == (repr(GroupLoadInProgressError()),):  # all that aiokafka leaves of it
            return None
        raise


def install() -> None:
    """Put it in the place of aiokafka's, for every client of this process."""
    CoordinatorGroupRebalance._send_sync_group_request = ask_for_share
