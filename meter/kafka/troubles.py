"""Explains an error of Kafka by asking Kafka, because a client's error seldom says the reason.

Two questions find it: can the user connect and authenticate, and does the user have every right needed? Only if both
answers are yes, the client's own text is used.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiokafka.errors import IllegalOperation, KafkaError

from meter.batch.denials import chain
from meter.batch.errors import Reopen
from meter.errors import UserError
from meter.kafka.access import missing
from meter.kafka.admin import connected_admin
from meter.kafka.reachability import BrokerUnreachable, as_error, reasons_of
from meter.kafka.rights import MissingRights, Right
from meter.settings import Settings

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: How long both questions may take.
ASK_SECONDS = 15.0
OF_KAFKA = (KafkaError, IllegalOperation, Reopen)


def of_kafka(error: BaseException) -> bool:
    """Whether an error is of Kafka or its client."""
    return any(isinstance(each, OF_KAFKA) for each in chain(error))


def passing(error: BaseException) -> bool:
    """Whether the same question may be answered in a moment: a broker went, or says nothing for a while."""
    errors = list(chain(error))
    unreachable = [each for each in errors if isinstance(each, BrokerUnreachable)]
    if unreachable:
        return all(each.back for each in unreachable)
    return any(isinstance(each, TimeoutError) or (isinstance(each, KafkaError) and each.retriable) for each in errors)


async def asked_again(ask: Callable[[], Awaitable[Answer]], seconds: float, pause: float = 0.5) -> Answer:
    """What `ask` answers, asked until it does or `seconds` are over; at once what no waiting helps against."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return await ask()
        except Exception as error:
            if not passing(error) or time.monotonic() > deadline:
                raise
            log.info("Kafka could not answer (%r); asking again", error)
        await asyncio.sleep(pause)


async def explained(settings: Settings, who: str, rights: Sequence[Right], error: BaseException) -> UserError:
    """The reason of an error of Kafka, with what to do; `who` met it and needs `rights`."""
    if isinstance(error, MissingRights | BrokerUnreachable):
        return error
    try:
        lacking = await asyncio.wait_for(_lacking(settings, rights), ASK_SECONDS)
    except BrokerUnreachable as reason:
        return reason
    except (KafkaError, OSError, TimeoutError):
        reasons = await reasons_of(settings)
        if reasons:
            return as_error(reasons)
        lacking = []
    if lacking:
        return MissingRights(settings, who, lacking)
    if isinstance(error, UserError):
        return error
    words = ": ".join(filter(None, (type(error).__name__, str(error).removeprefix(f"{type(error).__name__}: "))))
    return UserError(
        f"Kafka at {settings.broker} did not do what {who} asked ({words}); look at the broker, then again"
    )


async def _lacking(settings: Settings, rights: Sequence[Right]) -> list[Right]:
    async with connected_admin(settings) as admin:
        return await missing(admin, rights, settings.partitions)
