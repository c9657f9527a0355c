"""Running what a command asks of Kafka, so that a refusal is shown as what it is, and at once."""

from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from meter.kafka.rights import Right
    from meter.settings import Settings

Answer = TypeVar("Answer")


def answered(
    settings: "Settings", command: str, rights: "Sequence[Right]", work: Coroutine[Any, Any, Answer]
) -> Answer:
    """What the work of a command answers. Its rights are asked for first; `UserError` names those that are missing."""
    import asyncio

    return asyncio.run(_asked(settings, f"`meter {command}`", rights, work))


async def _asked(
    settings: "Settings", who: str, rights: "Sequence[Right]", work: Coroutine[Any, Any, Answer]
) -> Answer:
    from meter.kafka.access import require
    from meter.kafka.admin import connected_admin
    from meter.kafka.troubles import explained, of_kafka

    begun = False
    try:
        async with connected_admin(settings) as admin:
            await require(settings, admin, who, rights)
        begun = True
        return await work
    except Exception as error:
        if not of_kafka(error):
            raise
        reason = await explained(settings, who, rights, error)
        if reason is error:
            raise
        raise reason from error
    finally:
        if not begun:
            work.close()
