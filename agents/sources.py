"""A source partition's lane in the intake: from where it reads, what was handled, what is committed.

The intake keeps no state: a chunk is handled when every journal record that holds something of it, and every dead
letter, was acknowledged. Only then the offset counts. A crash repeats entries; identities make that harmless.
"""

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.gathering import Builder
from agents.marks import Mark
from agents.reading import Dead
from meter.batch.chunks import Chunk
from meter.batch.lanes import Lane, Retake
from meter.rules.dead_letters import dead_letter
from schemas.reasons import DeadReason

if TYPE_CHECKING:
    from agents.intake import Intake

log = logging.getLogger(__name__)

#: Foreign text in a dead letter's error: an exception's own words are cut to this.
ERROR_LIMIT = 200


class Refused(RuntimeError):
    """The meter cannot know that going on would be right; a person has to say so."""


class SourceLane(Lane):
    """One source partition; subclasses say how one record is read."""

    kind = "usage"

    def __init__(self, app: Any, tp: Any, intake: "Intake") -> None:
        super().__init__(app, tp)
        self.intake = intake
        self.topic = intake.topics.bare(tp.topic)
        self.mark: Mark | None = None
        self.committed = -1

    async def open(self) -> int:
        """Steps 1 and 6 of DESIGN's intake: from the committed offset, if the log is still the one it was."""
        await self.intake.renew()
        try:
            at = (await self.app.consumer.committed([self.tp])).get(self.tp)
            beginning, end = await self.intake.ends(self.tp)
        except KafkaError as error:
            raise Retake(f"its committed offset could not be read ({error!r})") from error
        if at is None:
            if beginning > 0:
                log.warning(
                    "%s/%d begins at offset %d; reading it from there", self.topic, self.tp.partition, beginning
                )
            self.mark, self.committed = None, -1
            return beginning
        self.mark = Mark.read(at.metadata)
        self.committed = at.offset
        await self._compare(at.offset, beginning, end)
        return int(at.offset)

    async def _compare(self, offset: int, beginning: int, end: int) -> None:
        where = f"{self.topic}/{self.tp.partition}"
        if beginning > offset:
            self.refuse(
                f"{where}: records {offset} to {beginning - 1} are gone before they were read; "
                f"`meter skip {self.topic} {self.tp.partition} {beginning}` accepts their loss"
            )
        if end < offset:
            self.refuse(
                f"{where} ends at {end}, it was read up to {offset}: the topic was deleted and made again; "
                f"`meter skip {self.topic} {self.tp.partition} 0` reads it from its beginning"
            )
        if self.mark is not None and self.mark.offset >= beginning:
            found = await self.intake.record_at(self.tp, self.mark.offset)
            if found is None or Mark.of(found) != self.mark:
                self.refuse(
                    f"{where}: the record at {self.mark.offset} is not the one that was read: the topic was deleted "
                    f"and made again; `meter skip {self.topic} {self.tp.partition} 0` reads it from its beginning"
                )

    def refuse(self, why: str) -> None:
        """What cannot be continued stops the worker."""
        raise Refused(why)

    async def handle(self, chunk: Chunk) -> None:
        """Steps 2 to 5: read, gather, wait for every acknowledgement."""
        pending: list[asyncio.Future[Any]] = []
        try:
            await self.read(chunk, pending)
            if pending:
                await asyncio.gather(*pending)
        except BaseException as error:
            for sent in pending:
                sent.add_done_callback(_seen)
            if isinstance(error, KafkaError):
                self.intake.doubt()
                raise Retake(f"a dead letter was not acknowledged ({error!r})") from error
            raise
        last = chunk.records[-1]
        self.mark = Mark.of(last)
        self.position = chunk.position
        self.intake.metrics.seen(self.kind, last.timestamp)

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> None:
        """Read every record of a chunk; what must be acknowledged goes to `pending`."""
        for record in chunk.records:
            if record.value is None:
                self.intake.metrics.count(self.kind, "null")
                continue
            try:
                pending.extend(self.put(builder) for builder in await self.entries(record))
            except Dead as dead:
                pending.append(await self.bury(record, dead.reason, dead.error))
            except (Retake, Refused, asyncio.CancelledError, KafkaError):
                raise
            except Exception as error:  # step 3: whatever a single record does to us, it is that record's end
                pending.append(await self.bury(record, DeadReason.INVALID_FIELD, said(error)))

    def put(self, builder: tuple[int, Builder]) -> asyncio.Future[Any]:
        partition, entry = builder
        return self.intake.writers[partition].add(entry)

    async def entries(self, record: Any) -> list[tuple[int, Builder]]:
        """What a record becomes in which journal partitions."""
        raise NotImplementedError

    async def bury(self, record: Any, reason: DeadReason, error: str) -> asyncio.Future[Any]:
        """A record becomes a dead letter."""
        letter = dead_letter(
            reason,
            error,
            self.topic,
            record.partition,
            record.offset,
            record.key,
            record.value,
            record.headers,
            record.timestamp * 1000,
        )
        self.intake.metrics.count(self.kind, "dead")
        self.intake.metrics.dead(reason.value)
        return await self.intake.bury(letter)

    def committable(self) -> tuple[int, str] | None:
        return (self.committed, "" if self.mark is None else self.mark.text()) if self.committed >= 0 else None

    def progress(self) -> tuple[int, str] | None:
        """What to commit, if it moved: also past markers at the tail, that no record stands behind."""
        runner_position = self.position
        if runner_position <= self.committed and self.committed >= 0:
            return None
        return runner_position, "" if self.mark is None else self.mark.text()

    def idle_at(self, position: int) -> None:
        """Nothing is under way and reading has moved on to `position`, over markers."""
        self.position = max(self.position, position)

    async def close(self) -> None:
        return None


def _seen(sent: asyncio.Future[Any]) -> None:
    """One failure is told for all."""
    if not sent.cancelled():
        sent.exception()


def said(error: BaseException) -> str:
    """An unexpected exception in a dead letter's words."""
    text = f"{type(error).__name__}: {error}"
    return "".join(char if char.isprintable() else "?" for char in text)[:ERROR_LIMIT]


def topic_partition(tp: Any) -> TopicPartition:
    return TopicPartition(tp.topic, tp.partition)
