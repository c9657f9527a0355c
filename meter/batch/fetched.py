"""Waits for what an `AIOKafkaConsumer` has fetched, and no longer than until somebody wants something else of it."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition


async def fetched_of(
    kafka: Any, wanted: Sequence[TopicPartition], other: asyncio.Event, seconds: float
) -> Mapping[TopicPartition, list[Any]]:
    """All records fetched of these partitions; nothing if `other` was set first, or none came within `seconds`.

    What was fetched of another partition holds up all fetches of its broker until it is taken, for up to 100 ms, so
    `other` says that it may be taken. There is no limit of records over all partitions: it would cut the chunk of one
    partition by the size of another's.
    """
    fetched: Mapping[TopicPartition, list[Any]] = await kafka.getmany(*wanted)
    if fetched:
        return fetched
    came, asked = kafka._fetcher._create_fetch_waiter(), asyncio.ensure_future(other.wait())
    try:
        done, _ = await asyncio.wait({came, asked}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        came.cancel()
        asked.cancel()
    if came in done:
        came.result()  # raises what went wrong
    return {}
