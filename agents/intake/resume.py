"""Decides where reading of a source partition resumes: at its commit, if the log is still the one that was read.

The commit may be missing (Kafka forgot it) or may have been set by another program; then nobody knows what was read.
Reading everything again is always right, because identities count once. So the meter refuses only if records are gone
or would be left out.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from agents.intake.marks import Mark
from meter.errors import UserError
from meter.kafka.commit_metadata import is_ours, topic_id_of
from meter.kafka.set_aside import Reason, Why

#: A running meter should have read records appended this long after the journal was opened.
NEW_METER_MS = 10 * 60_000


class Refused(UserError):
    """Going on may be wrong; an operator must decide."""


class PartitionStatus(NamedTuple):
    """A source partition in Kafka: the group's commit (None: none), the log's first offset and its end."""

    committed: int | None
    metadata: str
    beginning: int
    end: int


class Source(NamedTuple):
    """A source partition by the topic's name without the prefix; `topic_id`: Kafka's id of the topic now."""

    topic: str
    partition: int
    topic_id: str = ""

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}"

    def skip(self, offset: int) -> str:
        """The command with which an operator accepts the loss of the records before an offset."""
        return f"`meter skip {self.topic} {self.partition} {offset}`"


def unknown_beginning(source: Source, status: PartitionStatus, first_ms: float, opened_ms: int) -> Why | None:
    """Why a partition without a commit may not be read from its first record, appended at `first_ms`.

    A new meter begins where the log begins. A group that Kafka forgot (no member for `offsets.retention.minutes`) looks
    the same, but then the meter may or may not have read the records that are gone.
    """
    if not status.beginning or first_ms <= opened_ms + NEW_METER_MS:
        return None
    return Why(
        Reason.GONE,
        f"{source}: the group has no offset (Kafka forgets it when no worker ran for offsets.retention.minutes), "
        f"and records 0 to {status.beginning - 1} are gone: whether they were read is not known; "
        f"{source.skip(status.beginning)} accepts their loss",
    )


def set_by_another(source: Source, at: int) -> Why:
    """Why reading may not go on at an offset whose commit has no mark of the meter."""
    return Why(
        Reason.OFFSET,
        f"{source}: the group's offset was set to {at} by another hand (its commit has no mark of the meter): "
        "whether the records before were read is not known; set it to the beginning, to read them all again (what was "
        f"counted counts once), or go on there with {source.skip(at)}",
    )


async def changed_since(
    source: Source, status: PartitionStatus, mark: Mark | None, record_of: Callable[[Mark], Awaitable[Mark | None]]
) -> Why | None:
    """Why the log is not the one read up to the commit; None if it is. `record_of` reads a mark's record again."""
    at, again = status.committed or 0, f"{source.skip(status.beginning)} reads it from its beginning"
    if source.topic_id and topic_id_of(status.metadata) not in ("", source.topic_id):
        return Why(
            Reason.MADE_AGAIN,
            f"{source} was read up to {at} of another topic of its name: the topic was deleted and made again; {again}",
        )
    if status.beginning > at:
        return Why(
            Reason.GONE,
            f"{source}: records {at} to {status.beginning - 1} are gone before they were read; "
            f"{source.skip(status.beginning)} accepts their loss",
        )
    if status.end < at:
        return Why(
            Reason.MADE_AGAIN,
            f"{source} ends at {status.end}, it was read up to {at}: the topic was deleted and made again; {again}",
        )
    if mark is not None and mark.offset >= status.beginning:
        found = await record_of(mark)
        compacted = found is None and topic_id_of(status.metadata) == source.topic_id != ""
        if found != mark and not compacted:
            return Why(
                Reason.MADE_AGAIN,
                f"{source}: the record at {mark.offset} is not the one that was read: the topic was deleted and made "
                f"again; {again}",
            )
    return None


def is_foreign(status: PartitionStatus) -> bool:
    """Whether another program set the group's offset behind records that still exist."""
    return status.committed is not None and status.beginning < status.committed and not is_ours(status.metadata)
