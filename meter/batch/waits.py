"""Waits with an end that leave nothing behind: `asyncio.wait` goes on without letting go of what it waited for."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

Value = TypeVar("Value")


async def woken(event: asyncio.Event, seconds: float) -> bool:
    """Whether an event is set within `seconds`."""
    waiting = asyncio.ensure_future(event.wait())
    try:
        await asyncio.wait({waiting}, timeout=seconds)
    finally:
        waiting.cancel()
    return event.is_set()


async def within(seconds: float, work: Coroutine[Any, Any, Value]) -> Value:
    """The result of `work`; TimeoutError after `seconds`, even if `work` does not end when cancelled.

    A cancellation inside `work` that nobody requested is a TimeoutError too: aiokafka shares the future on which a
    connection's closing waits, so one cancelled waiter cancels the next, and a lane would end silently.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(seen)
    if not task.done() or task.cancelled():
        raise TimeoutError
    return task.result()


async def to_its_end(work: asyncio.Future[Value]) -> Value:
    """The result of what cannot be given up half-way: whoever is cancelled meanwhile, also again, is so afterwards."""
    given_up: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError as error:
            given_up = error
    if given_up is None:
        return work.result()
    seen(work)
    raise given_up


def seen(future: asyncio.Future[Any]) -> None:
    """Mark a failure as seen: the first one is reported for all."""
    if not future.cancelled():
        future.exception()
