"""Stops a consumer of aiokafka, whose own `stop()` may wait for ever.

The fetch task of aiokafka 0.14 cancels its fetches when an assignment changes, and waits for them. A cancellation of
the task itself in that moment counts as one of theirs and is lost; the task then waits for the next assignment. Every
consumer that is assigned by hand (`assign`) can be stopped in that moment.
"""

import asyncio
from typing import Any

#: The fetch task is cancelled again after so many seconds.
AGAIN_SECONDS = 0.5


async def stopped(consumer: Any) -> None:
    """Stop an `AIOKafkaConsumer`, started or not, and wait until it is; twice is once."""
    fetcher = getattr(consumer, "_fetcher", None)
    if fetcher is None:
        await consumer.stop()
        return
    ending = asyncio.ensure_future(consumer.stop())
    while not (await asyncio.wait({ending}, timeout=AGAIN_SECONDS))[0]:
        fetcher._fetch_task.cancel()
    await ending
