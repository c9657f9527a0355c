"""The lane of a source partition: where it resumes, what it handled, what it commits.

The intake keeps no state. A chunk is handled once every journal record with a part of it, and every dead letter, is
acknowledged; only then its offset is committed. After a crash entries repeat; identities make that harmless.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from typing import Any

from aiokafka.errors import KafkaError, TopicAuthorizationFailedError

from agents.intake.dead_records import why_dead
from agents.intake.held import HoldingLane, NotYetKnown
from agents.intake.intake import Intake
from agents.intake.journal_entries import Builder
from agents.intake.letter_allowance import Letters
from agents.intake.marks import Mark, metadata
from agents.intake.outcomes import SourceOutcomes
from agents.intake.pending import PIECE_RECORDS, seen, some_acknowledged
from agents.intake.resume import (
    PartitionStatus,
    Refused,
    Source,
    changed_since,
    is_foreign,
    set_by_another,
    unknown_beginning,
)
from agents.intake.skips import accept_skip
from agents.intake.usage_reader import Dead, exception_text, is_given
from meter.batch.chunks import Chunk
from meter.batch.denials import topic_denied
from meter.batch.lanes import Reopen
from meter.batch.oversize import SIZE_ERRORS, letters_refused
from meter.batch.read_errors import spoiled_by
from meter.batch.turns import Turns
from meter.batch.unopened import UnreadableRecord
from meter.failpoints import reach
from meter.kafka.set_aside import Reason, Why
from schemas.dead_letters import DeadLetter
from schemas.reasons import PRODUCERS_TIME, DeadReason


class SourceLane(HoldingLane):
    """The lane of one source partition; subclasses turn a record into entries."""

    kind = "usage"
    #: Whether records may carry their producer's time (a topic with CreateTime).
    takes_given_times = False

    def __init__(self, app: Any, tp: Any, intake: Intake) -> None:
        super().__init__(app, tp)
        self.intake = intake
        self.topic = intake.topics.bare(tp.topic)
        self.topic_id = intake.topic_ids.get(tp.topic, "")
        self.mark: Mark | None = None
        self.outcomes = SourceOutcomes(intake.metrics, self.kind)
        self.letters = Letters(self.topic, tp.partition)
        self.committed = -1
        self._opened = False
        #: Why the next record cannot be read at all; None while it can.
        self._stuck: str | None = None
        self._go_on = 0
        #: Whether another program set the group's offset.
        self.foreign = False

    async def open(self) -> int:
        """Resume at the committed offset if the log is still the one that was read; returns the offset to read from."""
        await self.intake.mend()
        if self._stuck is not None:
            await self.let_all_go()  # they come before the unreadable record, and a skip must not lose them
        start = await self.asked()
        self.held.clear()  # held records are read again
        self._opened = True
        self.mark = Mark.read(start.metadata)
        self.handled_ms = 0 if self.mark is None or self.takes_given_times else self.mark.timestamp_ms
        self.committed = -1 if start.committed is None else start.committed
        self.outcomes.read_again(self.committed)
        why = await self._discontinued(start)
        if why is None:
            return start.beginning if start.committed is None else start.committed
        await self.intake.control.catch_up()
        skip = self.intake.control.skip_for(self.topic, self.tp.partition, start.committed or 0, start.metadata)
        if skip is None or not start.beginning <= skip.offset <= start.end:
            self.refuse(why)
            raise AssertionError("a refusal raises")
        await accept_skip(self.intake, skip, why, self.topic_id, self._commit)
        self.mark, self.committed, self._stuck, self.foreign = None, skip.offset, None, False
        return skip.offset

    @property
    def source(self) -> Source:
        return Source(self.topic, self.tp.partition, self.topic_id)

    async def _commit(self, moved: tuple[int, str]) -> bool:
        return bool(await self.app.consumer.commit_offsets({self.tp: moved}))

    async def asked(self) -> PartitionStatus:
        """Ask Kafka for the partition's commit and offsets, after committing what was handled since the last commit."""
        try:
            moved = self.progress() if self._opened else None
            if moved is not None:
                await self._commit(moved)
            at = (await self.app.consumer.committed([self.tp])).get(self.tp)
            beginning, end = await self.intake.ends(self.tp)
        except KafkaError as error:
            if topic_denied(error):
                raise self.unreadable("the broker does not show us its offsets; grant the right Describe") from error
            raise Reopen(f"its committed offset could not be read ({error!r})") from error
        return PartitionStatus(None if at is None else at.offset, "" if at is None else at.metadata, beginning, end)

    async def marked(self, mark: Mark) -> Mark | None:
        """The mark of the record that is now at the offset of a mark; None if none is."""
        try:
            found = await self._record_at(mark.offset)
        except UnreadableRecord as error:
            why = Why(Reason.UNREADABLE, f"the last record read cannot be read again: {error}")
            raise self.unreadable(why) from error
        return None if found is None else Mark.of(found)

    async def _record_at(self, offset: int) -> Any | None:
        """The record at an offset; None if it is gone."""
        try:
            return await self.intake.record_at(self.tp, offset)
        except TopicAuthorizationFailedError as error:
            raise self.unreadable("the broker does not let us read it; grant the right Read") from error

    async def _first_ms(self, start: PartitionStatus) -> float:
        """When the log's first record was received; now if there is none, or none that can be read."""
        first = None
        if start.beginning < start.end:
            with suppress(UnreadableRecord):  # reading meets it again, and says how to leave it out
                first = await self._record_at(start.beginning)
        return time.time() * 1000 if first is None else self.received(first)

    async def _discontinued(self, start: PartitionStatus) -> str | None:
        """Why reading cannot resume at the committed offset, with what to do; None if it can."""
        if start.committed is None:
            if not start.beginning:
                return None
            opened_ms = self.intake.facts.opening.opened_ms
            return unknown_beginning(self.source, start, await self._first_ms(start), opened_ms)
        self.foreign = is_foreign(start)
        if self.foreign:
            return set_by_another(self.source, start.committed)
        changed = await changed_since(self.source, start, self.mark, self.marked)
        if changed is None and self._stuck is not None:
            behind = start.committed + 1
            reason = Reason.GONE if self._go_on > behind else Reason.UNREADABLE
            left_out = f"{self.source.skip(max(self._go_on, behind))} (or a later offset) leaves it out"
            return Why(reason, f"{self.source}: {self._stuck}; {left_out}")
        return changed

    def spoiled(self, why: str, go_on: int) -> Exception:
        """The partition reopens, and is then refused unless a `meter skip` leaves out the unreadable record."""
        self._stuck, self._go_on = why, go_on
        return Reopen(why)

    def refuse(self, why: str) -> None:
        """A shared topic that cannot be continued stops the worker."""
        raise Refused(why)

    def received(self, record: Any) -> int:
        """When a record counts as received, in ms: Kafka's time, or now if it only carries its producer's."""
        return time.time_ns() // 1_000_000 if is_given(record) else int(record.timestamp)

    async def handle(self, chunk: Chunk) -> None:
        """Steps 2 to 5: read, write, wait for every acknowledgement."""
        pending: list[asyncio.Future[Any]] = []
        self.outcomes.begin()
        self.letters.begin()
        reach("intake.fetched")
        async with self.acknowledged(pending, chunk.start):
            if self.refuses_times(chunk):
                await self.intake.look_at_settings()  # stops the worker if the topic is still set so
            chunk = await self.read(chunk, pending)
            reach("intake.read")
        reach("intake.acknowledged")
        self.position = chunk.position
        if chunk.last is not None:
            self.mark = Mark.of(chunk.last)
            self.handled_ms = self.received(chunk.last)
        self.outcomes.handled(self.position)

    @asynccontextmanager
    async def acknowledged(self, pending: list[asyncio.Future[Any]], start: int) -> AsyncIterator[None]:
        try:
            yield
            await self._send(self.letters.finish(), pending)
            if pending:
                await asyncio.gather(*pending)
        except BaseException as error:
            for sent in pending:
                sent.add_done_callback(seen)
            if isinstance(error, UnreadableRecord):
                raise self.spoiled(*spoiled_by(error)) from error
            if isinstance(error, SIZE_ERRORS):
                source = f"{self.topic}/{self.tp.partition} from offset {start} on"
                raise letters_refused(self.intake.topics.dead_letters, source, error) from error
            if isinstance(error, KafkaError):
                self.intake.mark_uncertain()
                raise Reopen(f"a dead letter was not acknowledged ({error!r})") from error
            raise

    def refuses_times(self, chunk: Chunk) -> bool:
        """Whether records of the chunk carry their producer's time although Kafka's is needed."""
        return chunk.given_times and not self.takes_given_times

    async def read(self, chunk: Chunk, pending: list[asyncio.Future[Any]]) -> Chunk:
        """Read every record of a chunk; writes to be acknowledged go to `pending`. Returns the last chunk read."""
        refused, turns = self.refuses_times(chunk), Turns()
        async with aclosing(chunk.pieces(PIECE_RECORDS)) as pieces:
            async for records in pieces:
                await self.ready_for(records)
                for record in records:
                    await turns.due()
                    await self._read_one(record, pending, refused)
                await some_acknowledged(pending)
        return chunk

    async def _read_one(self, record: Any, pending: list[asyncio.Future[Any]], times_refused: bool) -> None:
        if record.value is None:
            self.outcomes.add("null")
            return
        try:
            if times_refused and is_given(record):
                raise Dead(DeadReason.INVALID_FIELD, self._given_time())
            pending.extend(self.put(builder) for builder in await self.entries(record))
        except Dead as dead:
            await self.bury(pending, record, dead.reason, dead.error)
        except NotYetKnown as waits:
            await self.hold(record, waits)
        except (Reopen, Refused, asyncio.CancelledError, KafkaError):
            raise
        except Exception as error:  # step 3: whatever goes wrong with one record ends that record only
            await self.bury(pending, record, DeadReason.INVALID_FIELD, exception_text(error))

    async def ready_for(self, records: Sequence[Any]) -> None:
        """Wait for what must be known before these records are read."""

    def _given_time(self) -> str:
        return (
            f"{PRODUCERS_TIME}: {self.topic} must have LogAppendTime, because "
            "Kafka's time decides for which day a record counts; `meter redrive` sends it again"
        )

    def put(self, builder: tuple[int, Builder]) -> asyncio.Future[Any]:
        partition, entry = builder
        return self.intake.writers[partition].add(entry)

    async def entries(self, record: Any) -> list[tuple[int, Builder]]:
        """The journal entries of a record: (journal partition, builder)."""
        raise NotImplementedError

    async def bury(self, pending: list[asyncio.Future[Any]], record: Any, reason: DeadReason, error: str) -> None:
        """Make a record, or the range that it stands for, a dead letter of its own or a part of a shared one."""
        reason, error, records = why_dead(record, reason, error)
        self.outcomes.add("dead", records, reason)
        await self._send(self.letters.of(record, self.received(record), reason, error), pending)

    async def _send(self, letter: DeadLetter | None, pending: list[asyncio.Future[Any]]) -> None:
        """Send a dead letter, if there is one; its acknowledgement goes to `pending`."""
        if letter is not None:
            pending.append(await self.intake.bury(letter))

    def note_commit(self, offset: int) -> None:
        """The group's offset is committed."""
        self.committed = offset
        self.outcomes.committed(offset)

    def committable(self) -> tuple[int, str] | None:
        return (self.committed, metadata(self.mark, topic_id=self.topic_id)) if self.committed >= 0 else None

    def progress(self) -> tuple[int, str] | None:
        """Offset and metadata to commit, if they moved, also past markers at the end; else None."""
        handled_to = self.handled_to()
        if handled_to <= self.committed and self.committed >= 0:
            return None
        return handled_to, metadata(self.progress_mark(), topic_id=self.topic_id)

    def idle_at(self, position: int) -> None:
        """Nothing is under way; reading has moved to `position`, past markers."""
        self.position = max(self.position, position)

    async def close(self) -> None:
        return None
