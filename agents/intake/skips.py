"""Accepts a skip: publishes what cannot be read as lost, then goes on behind it.

The dead letter and the commit are two writes. A crash between them repeats the letter under the same key. After the
commit the command names a commit that is gone, so it is never accepted twice.
"""

import logging
import time
from collections.abc import Awaitable, Callable

from aiokafka.errors import KafkaError

from agents.intake.intake import Intake
from agents.intake.marks import metadata
from meter.batch.lanes import Reopen
from meter.failpoints import reach
from meter.kafka.commit_metadata import is_ours
from meter.rules.billing_days import time_text
from schemas.control import Skip
from schemas.dead_letters import DeadLetter
from schemas.plurals import counted
from schemas.reasons import LAW, DeadReason

log = logging.getLogger(__name__)


def lost(skip: Skip, at_us: int) -> DeadLetter:
    """The dead letter of a gap; for a topic that was made again it is unknown how much of the old one was not read."""
    count, last = skip.offset - skip.instead_of, skip.offset - 1
    if is_ours(skip.mark):
        known = f"{counted(count, 'record')}, {skip.instead_of} to {last}, {'was' if count == 1 else 'were'} not read"
        unknown = f"what the former topic held from {skip.instead_of} on is not known; read from {skip.offset} on"
    else:
        are, were = ("is", "it was") if count == 1 else ("are", "they were")
        known = (
            f"{counted(count, 'record')}, {skip.instead_of} to {last}, {are} gone, and Kafka forgot whether {were} read"
        )
        unknown = f"the offset {skip.instead_of} was set by another hand; read from {skip.offset} on"
    return DeadLetter.model_construct(
        reason=DeadReason.RECORDS_LOST,
        error=f"{LAW[DeadReason.RECORDS_LOST]}: {known if count > 0 else unknown}",
        topic=skip.topic,
        partition=skip.partition,
        offset=skip.instead_of,
        last_offset=skip.offset - 1 if count > 0 else None,
        headers=[],
        at=time_text(at_us),
    )


async def accept_skip(
    intake: Intake, skip: Skip, why: str, topic_id: str, commit: Callable[[tuple[int, str]], Awaitable[bool]]
) -> None:
    """1 publish the loss, 2 commit behind it, 3 count it."""
    try:
        await (await intake.bury(lost(skip, time.time_ns() // 1000)))  # 1
        reach("skip.told")
        committed = await commit((skip.offset, metadata(None, topic_id=topic_id)))  # 2
    except KafkaError as error:
        raise Reopen(f"the skip to {skip.offset} could not be written ({error!r})") from error
    if not committed:
        raise Reopen(f"the group rebalances before the skip to {skip.offset} is committed")
    reach("skip.committed")
    count = max(0, skip.offset - skip.instead_of)
    intake.metrics.lost.inc(count)  # 3
    intake.metrics.dead(DeadReason.RECORDS_LOST.value)
    log.warning(
        "%s; skipped by the command of %s: reading on at %d, %s lost",
        why,
        skip.at,
        skip.offset,
        counted(count, "record"),
    )
