"""Writes of a chunk that are under way: what a fetch may become has no bound, what is held of it has one."""

import asyncio
from typing import Any

#: Records of a chunk that are made at once.
PIECE_RECORDS = 500
#: Writes that are awaited together, at most.
PENDING_LIMIT = 10_000


async def some_acknowledged(pending: list[asyncio.Future[Any]]) -> None:
    """Wait for what is under way if it is much."""
    if len(pending) > PENDING_LIMIT:
        await all_acknowledged(pending)


async def all_acknowledged(pending: list[asyncio.Future[Any]]) -> None:
    """Wait for all that is under way."""
    await asyncio.gather(*pending)
    pending.clear()


def seen(sent: asyncio.Future[Any]) -> None:
    """One failure is told for all."""
    if not sent.cancelled():
        sent.exception()
