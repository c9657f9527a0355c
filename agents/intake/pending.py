"""Bounds the unacknowledged writes of a chunk: a fetch may unpack to any size, what is held of it may not."""

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
