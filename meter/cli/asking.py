"""Runs a command's requests to Kafka, checking its rights first, so that a missing one is named at once."""

from collections.abc import Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from meter.kafka.rights import Right
    from meter.settings import Settings

Answer = TypeVar("Answer")

#: What only reads is asked again for so long, so often, while a broker goes and its partitions move to others.
AGAIN_SECONDS = 15.0
PAUSE_SECONDS = 0.5
UNATTENDED = "no worker runs (group meter has no member): nothing more is counted until `meter worker` is started"


def answered(
    settings: "Settings", command: str, rights: "Sequence[Right]", work: Coroutine[Any, Any, Answer]
) -> Answer:
    """The result of a command's work. Its rights are asked for first; UserError names the missing ones."""
    import asyncio

    return asyncio.run(_asked(settings, f"`meter {command}`", rights, work))


def looked_up(
    settings: "Settings", command: str, rights: "Sequence[Right]", look: Callable[[], Coroutine[Any, Any, Answer]]
) -> Answer:
    """The same for work that changes nothing and shows nothing before it ends: done again where that may help."""
    import asyncio

    return asyncio.run(asked_again(lambda: _asked(settings, f"`meter {command}`", rights, look())))


def unattended(settings: "Settings") -> None:
    """Say on stderr that no worker folds the journal now; nothing where that cannot be asked."""
    import asyncio

    import typer
    from aiokafka.errors import KafkaError

    from meter.errors import UserError

    try:
        idle = asyncio.run(_nobody_works(settings))
    except (KafkaError, OSError, TimeoutError, UserError):
        return  # without the right Describe on the group, or Kafka went: what was asked for is shown all the same
    if idle:
        typer.echo(UNATTENDED, err=True)


async def _nobody_works(settings: "Settings") -> bool:
    from meter.kafka.admin import connected_admin
    from meter.kafka.groups import group_described
    from meter.kafka.topics import Topics

    async with connected_admin(settings) as admin:
        _, members = await group_described(admin, Topics.of(settings.topic_prefix).meter_group)
    return members == 0


async def asked_again(ask: Callable[[], Coroutine[Any, Any, Answer]]) -> Answer:
    """What `ask` answers, asked until it does or `AGAIN_SECONDS` are over; at once what no waiting helps against."""
    from meter.kafka import troubles

    return await troubles.asked_again(ask, AGAIN_SECONDS, PAUSE_SECONDS)


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
