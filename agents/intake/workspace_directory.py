"""The directory of workspaces: the account and journal partition of each, read from the topic `workspaces`.

Every intake worker reads the topic itself. The directory keeps the offsets at which a workspace was first bound and
first commercial, because a record of `workspaces` is judged by the records before its own offset.
"""

import asyncio
import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.partitioner import murmur2

from agents.intake.cloudevents import RECORD_LIMIT
from agents.intake.usage_reader import Dead, check_size, is_given
from meter.batch.lanes import Reopen
from meter.batch.patches.fetched_records import install_batches, lazy
from meter.batch.stopping import stopped
from meter.batch.unopened import LazyBatch
from meter.errors import UserError
from meter.failpoints import reach
from meter.rules.billing_days import BillingZone
from schemas.ids import shown
from schemas.journal import Named
from schemas.plurals import counted
from schemas.reasons import DeadReason
from schemas.rows import NEVER
from schemas.workspaces import workspace_from_json

log = logging.getLogger(__name__)

#: Asking for the end of `workspaces` and reading up to it may take this long.
CATCH_UP_SECONDS = 20.0
#: Records taken in without a turn of the event loop: about 10 ms.
LEARNT_AT_ONCE = 1_000
#: How long one fetch may wait for records, in ms. Records are answered at once; with none, a question for the last
#: stable offset may wait this long for the connection.
FETCH_WAIT_MS = 250
NOWHERE = 1 << 62


@dataclass(slots=True)
class WorkspaceEntry:
    """A workspace with its account; the offsets of its first record and of its first `commercial` one."""

    named: Named
    bound_at: int
    commercial_at: int = NOWHERE


class WorkspaceDirectory:
    """The directory. `known` answers from memory; `catch_up` reads what was acknowledged before it was called."""

    def __init__(self, topic: str, zone: BillingZone, partitions: int, client_kwargs: Mapping[str, Any]) -> None:
        self._tp = TopicPartition(topic, 0)
        self._zone = zone
        self._partitions = partitions
        self._kwargs = client_kwargs
        self._entries: dict[str, WorkspaceEntry] = {}
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._ends: aiokafka.AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        #: Records read so far.
        self._read = 0
        #: The log is read up to here, markers included.
        self.read_to = 0
        #: Whether a transaction is open at `read_to`, so that later records are not known yet.
        self.held_up = False
        #: The end of the topic as last asked, and when the last `catch_up` was.
        self.end = 0
        self._caught_up_at = -inf

    async def start(self) -> None:
        """Connect and read the whole log once."""
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
        self._consumer.seek(self._tp, 0)
        await self._read_whole()
        log.info("%s known", counted(len(self._entries), "workspace"))

    async def _read_whole(self) -> None:
        """Read up to the end, however long that takes, as long as records arrive."""
        while True:
            read = self._read
            try:
                await self.catch_up()
                return
            except Reopen:
                if self._read == read:
                    raise
                log.info("%d workspaces known so far, of %d records", len(self._entries), self._read)

    async def stop(self) -> None:
        for consumer in (self._consumer, self._ends):
            if consumer is not None:
                await stopped(consumer)

    def known(self, workspace: str) -> WorkspaceEntry | None:
        return self._entries.get(workspace)

    def commercial(self, workspace: str) -> WorkspaceEntry | None:
        """The entry of a workspace that is known to be commercial, which is final."""
        entry = self._entries.get(workspace)
        return None if entry is None or entry.named.commercial == NEVER else entry

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

    def partition_of(self, account: str) -> int:
        """The journal partition of an account, as Kafka's Java partitioner chooses it; takes 3 µs."""
        return int(murmur2(account.encode()) & 0x7FFFFFFF) % self._partitions

    async def catch_up(self, *, within: float = 0.0) -> int:
        """Read `workspaces` up to its end now, or to an open transaction before it; returns that end.

        Everything acknowledged before the call is known once `read_to` has reached the returned end. Reopen if Kafka
        does not answer in time. `within`: skip asking if somebody asked that many seconds ago (thousands may wait).
        """
        async with self._lock:
            now = time.monotonic()
            if now - self._caught_up_at < within:
                return self.end
            try:
                end = await asyncio.wait_for(self._catch_up(), CATCH_UP_SECONDS)
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"the log of workspaces could not be read to its end ({error!r})") from error
            self._caught_up_at = now
        reach("intake.directory-known")
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
                await self._learn_all(fetched[self._tp], self.read_to)
            self.read_to = await consumer.position(self._tp)
            self.held_up = not fetched and self.read_to < end
        return end

    async def _learn_all(self, fetched: LazyBatch, start: int) -> None:
        """Take in a batch fetched from `start` on; if cancelled half-way, read it again."""
        assert self._consumer is not None
        try:
            while records := await fetched.taken(LEARNT_AT_ONCE):
                for record in records:
                    self._learn(record)
                await asyncio.sleep(0)
        except BaseException:
            self._consumer.seek(self._tp, start)
            raise
        finally:
            fetched.close()
        if not fetched.whole:
            self._consumer.seek(self._tp, fetched.end)

    def _learn(self, record: Any) -> None:
        self._read += 1
        if not record.value or is_given(record):
            return
        try:
            check_size(record.value, record.headers, RECORD_LIMIT)
            found = workspace_from_json(record.value)
        except Exception:  # the lane of `workspaces` makes a dead letter of it
            return
        entry = self._entries.get(found.workspace)
        if entry is None:
            named = Named(found.workspace, found.account, NEVER)
            entry = WorkspaceEntry(named, record.offset)
            self._entries[found.workspace] = entry
        elif entry.named.account != found.account:
            return
        if found.tier == "commercial" and entry.commercial_at == NOWHERE:
            day = self._zone.day_of(record.timestamp * 1000)
            entry.named = Named(found.workspace, found.account, day)
            entry.commercial_at = record.offset

    def judge(self, workspace: str, account: str, tier: str, offset: int) -> tuple[DeadReason, str] | bool:
        """Judge the record of `workspaces` at `offset`: the reason why it is dead, or whether it changes anything."""
        entry = self._entries[workspace]
        if entry.bound_at < offset and entry.named.account != account:
            return DeadReason.WORKSPACE_CANNOT_MOVE, cannot_move(workspace, entry.named.account, account)
        if tier == "free":
            if entry.commercial_at < offset:
                return DeadReason.WORKSPACE_CANNOT_RETURN_TO_FREE, cannot_return(workspace, entry.commercial_at)
            return entry.bound_at == offset
        return entry.commercial_at == offset


def cannot_move(workspace: str, account: str, other: str) -> str:
    """Why a record that names another account is refused."""
    return f"workspace {workspace} belongs to account {account} for good, it cannot move to {other}"


def cannot_return(workspace: str, offset: int) -> str:
    """Why a record of the free tier is refused; `offset`: where the workspace became commercial."""
    return f"workspace {workspace} is commercial since offset {offset} of `workspaces`, it cannot return to free"


def unknown_workspace(workspace: str) -> Dead:
    """Usage of a workspace that no record named before it."""
    return Dead(
        DeadReason.WORKSPACE_UNKNOWN,
        f"workspace {shown(workspace)} is on no record of `workspaces` that was sent before this usage; "
        "send one that names its account, then `meter redrive`",
    )
