"""Starts several things at once: a start waits for answers of the broker most of its time."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any

#: What is under way when one of them fails gets so long to end: Faust may swallow a cancellation.
CANCEL_SECONDS = 2.0


async def together(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Do several things at once; the first failure, or a cancellation, ends them all and is raised."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        left = [task for task in tasks if not task.done()]
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=CANCEL_SECONDS)
