"""Commits that say nothing: forgotten by Kafka, or set by another hand. What was read before them is not known.

Reading all that is there again is always right, since identities count once. So only what cannot be read again any
more, or would be left out, is refused.
"""

import time
from typing import TYPE_CHECKING

from meter.kafka.set_aside import Reason, Why

if TYPE_CHECKING:
    from agents.intake.source_lane import SourceLane, Start

#: What was appended so long after the journal was opened was appended to a meter that should have read it.
NEW_METER_MS = 10 * 60_000


async def unknown_beginning(lane: "SourceLane", start: "Start") -> str | None:
    """Why a partition without a commit may not be read from the first record there is.

    A new meter begins where the log does. A group that Kafka forgot (nobody was in it for `offsets.retention.minutes`)
    looks the same, but then what is gone may have been appended while this meter was there to read it.
    """
    if not start.beginning:
        return None
    first = await lane.intake.record_at(lane.tp, start.beginning) if start.beginning < start.end else None
    appended_ms = time.time() * 1000 if first is None else lane.received(first)
    if appended_ms <= lane.intake.facts.opening.opened_ms + NEW_METER_MS:
        return None
    return Why(
        Reason.GONE,
        f"{lane.where}: the group has no offset (Kafka forgets it when no worker ran for offsets.retention.minutes), "
        f"and records 0 to {start.beginning - 1} are gone: whether they were read is not known; "
        f"`meter skip {lane.topic} {lane.tp.partition} {start.beginning}` accepts their loss",
    )


def set_by_another(lane: "SourceLane", at: int) -> str:
    """Why reading may not go on at an offset that carries no mark of ours."""
    skip = f"`meter skip {lane.topic} {lane.tp.partition} {at}`"
    return Why(
        Reason.OFFSET,
        f"{lane.where}: the group's offset was set to {at} by another hand (no mark of the meter's stands with it): "
        "whether the records before were read is not known; set it to the beginning, to read them all again (what was "
        f"counted counts once), or go on there with {skip}",
    )
