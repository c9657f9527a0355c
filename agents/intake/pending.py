"""Bounds the unacknowledged writes of a chunk, because a fetch may unpack to any size."""

import asyncio
from typing import Any

#: Records of a chunk that are unpacked at once.
PIECE_RECORDS = 500
#: Beyond this many writes under way, all are awaited.
PENDING_LIMIT = 10_000


async def some_acknowledged(pending: list[asyncio.Future[Any]]) -> None:
    """Wait for the writes under way if they are more than PENDING_LIMIT."""
    if len(pending) > PENDING_LIMIT:
        await all_acknowledged(pending)


async def all_acknowledged(pending: list[asyncio.Future[Any]]) -> None:
    """Wait for all writes under way."""
    await asyncio.gather(*pending)
    pending.clear()


def seen(sent: asyncio.Future[Any]) -> None:
    """Mark a failure as seen: the first one is reported for all."""
    if not sent.cancelled():
        sent.exception()
