"""Stops a consumer of aiokafka, whose own `stop()` may wait for ever.

The fetch task of aiokafka 0.14 cancels its fetches when an assignment changes, and waits for them. A cancellation of
the task itself in that moment counts as one of theirs and is lost; the task then waits for the next assignment. Every
consumer that is assigned by hand (`assign`) can be stopped in that moment.

And it lets out the cancellation of a fetch that it ends itself, as if somebody had cancelled whoever stops it: a broker
that is gone leaves such fetches behind. The client is then closed here.

Python 3.11 loses a cancellation too: `asyncio.wait_for` returns an answer that came in the moment of it. What loops
would then go on, and whoever waits for its end would wait for ever.
"""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

#: A task that has not ended is cancelled again after so many seconds.
AGAIN_SECONDS = 0.5

Value = TypeVar("Value")


async def stopped(consumer: Any) -> None:
    """Stop an `AIOKafkaConsumer`, started or not, and wait until it is; twice is once."""
    fetcher = getattr(consumer, "_fetcher", None)
    if fetcher is None:
        await consumer.stop()
        return
    ending = asyncio.ensure_future(consumer.stop())
    while not (await asyncio.wait({ending}, timeout=AGAIN_SECONDS))[0]:
        fetcher._fetch_task.cancel()
    if ending.cancelled():
        for fetch in fetcher._pending_tasks:
            fetch.cancel()
        await consumer._client.close()
        return
    ending.result()


async def ended(*tasks: asyncio.Task[Any]) -> None:
    """Cancel tasks until they have ended; what they failed with is seen."""
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=AGAIN_SECONDS)
    for task in tasks:
        if not task.cancelled():
            task.exception()


def is_cancelled() -> bool:
    """Whether somebody asked to cancel the present task; aiokafka lets cancellations out that nobody asked for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


async def spared(work: Awaitable[Value]) -> Value:
    """The result of `work`; a cancellation inside of it that nobody asked for is a TimeoutError.

    Without that whoever waits for Kafka again and again would end in silence.
    """
    try:
        return await work
    except asyncio.CancelledError as error:
        if is_cancelled():
            raise
        raise TimeoutError("a connection was given up") from error
