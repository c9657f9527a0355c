"""The directory of workspaces: the account and journal partition of each, read from the topic `workspaces`.

Every intake worker reads the topic itself, from where its table of workspaces was left (`tables.workspaces`). The table
changes the cost of a start, never an answer: if it is damaged, or the topic is not the one that it was made of, the
topic is read whole.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from math import inf
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from agents.intake.workspace_map import WorkspaceMap, read_to
from meter.batch.lanes import Reopen
from meter.batch.patches.fetched_records import install_batches, lazy
from meter.batch.stopping import stopped
from meter.batch.store_errors import DamagedStore
from meter.batch.unopened import LazyBatch, UnreadableRecord, first_of
from meter.errors import UserError
from meter.failpoints import reach
from meter.rules.billing_days import BillingZone
from tables.workspaces import ReadTo, Workspaces, WorkspacesInMemory

log = logging.getLogger(__name__)

#: Asking for the end of `workspaces` and reading up to it may take this long, and so may its last known record.
CATCH_UP_SECONDS = 20.0
#: Records taken in without a turn of the event loop: about 10 ms.
LEARNT_AT_ONCE = 1_000
#: How long one fetch may wait for records, in ms. Records are answered at once; with none, a question for the last
#: stable offset may wait this long for the connection.
FETCH_WAIT_MS = 250


class WorkspaceDirectory(WorkspaceMap):
    """The map and its topic. `known` answers at once; `catch_up` reads what was acknowledged before it was called."""

    def __init__(
        self,
        topic: str,
        zone: BillingZone,
        partitions: int,
        client_kwargs: Mapping[str, Any],
        table: Workspaces | None = None,
    ) -> None:
        super().__init__(zone, partitions, WorkspacesInMemory() if table is None else table)
        self._tp = TopicPartition(topic, 0)
        self._kwargs = client_kwargs
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._ends: aiokafka.AIOKafkaConsumer | None = None
        self._lock, self._mending = asyncio.Lock(), asyncio.Lock()
        #: Whether a transaction is open at `read_to`, so that later records are not known yet.
        self.held_up = False
        #: The end of the topic as last asked, and when the last `catch_up` was.
        self.end = 0
        self._caught_up_at = -inf

    async def start(self) -> None:
        """Connect, open the table, and read the log to its end."""
        install_batches()
        self._consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=FETCH_WAIT_MS,
            value_deserializer=lazy,
            max_partition_fetch_bytes=4 << 20,
            **self._kwargs,
        )
        # read_uncommitted, for the true end: the last stable offset stops before an open transaction.
        self._ends = aiokafka.AIOKafkaConsumer(enable_auto_commit=False, **self._kwargs)
        await self._consumer.start()
        await self._ends.start()
        self._consumer.assign([self._tp])
        self._ends.assign([self._tp])
        beginning = (await self._ends.beginning_offsets([self._tp]))[self._tp]
        if beginning:
            raise UserError(
                f"{self._tp.topic}/0: records 0 to {beginning - 1} are gone, and with them whose the workspaces are; "
                "restore it (it may never expire), or begin under another prefix"
            )
        try:
            await self._resume()
            await self._read_whole()
        except DamagedStore:
            await self.mend()

    async def _resume(self) -> None:
        """Go on where the table was left, if the log is still the one that was read into it."""
        kept = self._asked(self._table.open)
        if kept is not None and not await self._continues(kept):
            self._table.rebuild("was made of another log of workspaces")
            kept = None
        self._seek(0 if kept is None else kept.offset)

    async def _continues(self, kept: ReadTo) -> bool:
        """Whether the last record that the table knows still stands in the log."""
        consumer, ends = self._consumer, self._ends
        assert consumer is not None and ends is not None, "the directory is started before it is asked"
        try:
            if (await ends.end_offsets([self._tp]))[self._tp] < kept.offset:
                return False
            consumer.seek(self._tp, kept.last_offset)
            fetched = await consumer.getmany(self._tp, timeout_ms=int(CATCH_UP_SECONDS * 1000))
            record = await first_of(fetched.get(self._tp))
            silent = record is None and await consumer.position(self._tp) <= kept.last_offset
        except UnreadableRecord:
            return False
        except KafkaError as error:
            raise Reopen(f"the log of workspaces could not be read ({error!r})") from error
        if silent:
            raise Reopen(f"Kafka did not give record {kept.last_offset} of workspaces within {CATCH_UP_SECONDS:.0f} s")
        return record is not None and read_to(record) == kept

    def _seek(self, offset: int) -> None:
        assert self._consumer is not None, "the directory is started before it reads"
        self._consumer.seek(self._tp, offset)
        self.read_to, self.held_up, self._caught_up_at = offset, False, -inf

    async def _read_whole(self) -> None:
        """Read the log up to its end, however long that takes, as long as something comes."""
        begun, start = time.monotonic(), self.read_to
        while True:
            read = self._read
            try:
                await self._caught_up()
                break
            except DamagedStore:
                raise
            except Reopen:
                if self._read == read:
                    raise
                log.info("workspaces: %d records read so far", self._read)
        seconds = time.monotonic() - begun
        log.info(
            "workspaces: read from offset %d to %d, %d records in %.2f s", start, self.read_to, self._read, seconds
        )

    async def mend(self) -> None:
        """Build the table again if it turned out damaged; until that is done nobody gets an answer from it."""
        async with self._mending:
            if self._damage is None:
                return
            async with self._lock:
                self._table.rebuild("is damaged")
                self._seek(0)
            await self._read_whole()
            self._damage = None

    async def stop(self) -> None:
        for consumer in (self._consumer, self._ends):
            if consumer is not None:
                await stopped(consumer)
        self._table.close()

    def require_answer(self, workspaces: Iterable[str], *, commercial: bool = False) -> None:
        """UserError if an open transaction may hide whether a workspace is bound (or is `commercial`, for orders)."""
        known = self.commercial if commercial else self.known
        hidden = next((name for name in workspaces if self.held_up and known(name) is None), None)
        if hidden is not None:
            what = f"whether {hidden} is commercial" if self.known(hidden) else f"to which account {hidden} belongs"
            raise UserError(
                f"{self._tp.topic}: a producer's transaction is open at offset {self.read_to}, and behind it may stand "
                f"{what}; wait until it ends, then try again"
            )

    async def catch_up(self, *, within: float = 0.0) -> int:
        """Read `workspaces` up to its end now, or to an open transaction before it; returns that end.

        Everything acknowledged before the call is known once `read_to` has reached the returned end. Reopen if Kafka
        does not answer in time. `within`: skip asking if somebody asked that many seconds ago (thousands may wait).
        """
        self._require_sound()
        end = await self._caught_up(within)
        self._require_sound()
        reach("intake.directory-known")
        return end

    async def _caught_up(self, within: float = 0.0) -> int:
        async with self._lock:
            now = time.monotonic()
            if now - self._caught_up_at < within:
                return self.end
            try:
                end = await asyncio.wait_for(self._catch_up(), CATCH_UP_SECONDS)
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"the log of workspaces could not be read to its end ({error!r})") from error
            self._caught_up_at = now
        return end

    async def _catch_up(self) -> int:
        consumer, ends = self._consumer, self._ends
        assert consumer is not None and ends is not None, "the directory is started before it is asked"
        self.end = end = int((await ends.end_offsets([self._tp]))[self._tp])
        while self.read_to < end:
            if self.held_up and self.read_to >= (await consumer.end_offsets([self._tp]))[self._tp]:
                return end  # the last stable offset: the transaction there is still open
            await asyncio.sleep(0)  # lets a cancellation in before anything is fetched
            fetched = await consumer.getmany(self._tp, timeout_ms=200, max_records=LEARNT_AT_ONCE)
            if self._tp in fetched:
                await self._learn_all(fetched[self._tp])
            self.read_to = await consumer.position(self._tp)
            self.held_up = not fetched and self.read_to < end
        return end

    async def _learn_all(self, fetched: LazyBatch) -> None:
        """Learn what was fetched, a piece at a time; whoever gives this up goes on behind the last piece."""
        assert self._consumer is not None, "the directory is started before it reads"
        try:
            while records := await fetched.taken(LEARNT_AT_ONCE):
                self.learn(records)
                self.read_to = records[-1].offset + 1
                await asyncio.sleep(0)
        except BaseException:
            self._consumer.seek(self._tp, self.read_to)
            raise
        finally:
            fetched.close()
        if not fetched.whole:
            self._consumer.seek(self._tp, fetched.end)
