"""One fenced transaction a chunk, over aiokafka's transactional producer.

Changes to aiokafka, each with a test:
* an end of transaction whose answer is lost is never sent again, because a delayed copy could end half of the next
  transaction. The lane reopens (`Reopen`) with a new epoch, and the position in the state shows what happened;
* while the broker still ends the transaction before, the next one is tried again after 2 ms, not 20;
* a commit is sent only after every batch was acknowledged (aiokafka's commit ignores failed batches).
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.errors import IllegalOperation, KafkaError, ProducerClosed
from aiokafka.producer import sender as aiokafka_sender
from aiokafka.producer.sender import EndTxnHandler, Sender

from meter.batch.lanes import Reopen
from meter.batch.oversize import SIZE_ERRORS, RefusedForSize, refused_for_size
from meter.batch.packed_batches import BATCH_BYTES, PackedBatch, PackingProducer
from meter.batch.waits import seen, within
from meter.errors import UserError
from meter.failpoints import reach

log = logging.getLogger(__name__)

#: The broker aborts an open transaction of a dead owner after this long.
TRANSACTION_TIMEOUT_MS = 15_000
#: A step of a transaction that takes longer is given up, and the partition reopened.
STEP_SECONDS = 20.0
#: Each of the two steps of stopping a producer may take this long.
STOP_SECONDS = 2.0
#: A request holds at most one batch of each partition; a batch of one long row is the longest.
MAX_REQUEST_BYTES = 4 << 20

#: How soon the next transaction is tried again: the broker ends one a few ms after its answer, and refuses the next one
#: until then. aiokafka waits 20 ms, most of the 27 ms of a transaction when one follows another.
ENDING_SECONDS = 0.002
aiokafka_sender.BACKOFF_OVERRIDE = ENDING_SECONDS

Rows = Sequence[tuple[bytes | None, bytes | None]]
#: A topic and one of its partitions.
Place = tuple[str, int]


class LogMadeAgain(UserError):
    """A topic acknowledged a lower offset than before: it was deleted and made again."""


class UncertainEnd(KafkaError):
    """The answer to an end of transaction was lost: it may or may not have been committed."""


class _EndOnce(EndTxnHandler):
    """Ends a transaction with one request; it is sent again only if the broker said that it did nothing."""

    async def do(self, node_id: int) -> bool:
        request = self.create_request()
        try:
            answer = await self._sender.client.send(node_id, request, group=self.group)
        except KafkaError as error:
            doubt = UncertainEnd(f"the end of the transaction was sent, its answer is lost ({error!r})")
            self._sender._txn_manager.fatal_error(doubt)  # this producer sends nothing more
            return False
        backoff = self.handle_response(answer)
        if backoff is None:
            return True
        await asyncio.sleep(backoff)
        return False


async def _end_once(sender: Sender, commit: Any) -> None:
    """In place of `Sender._do_txn_commit`."""
    await sender._message_accumulator.flush_for_commit()
    manager = sender._txn_manager
    if manager.is_empty_transaction():
        manager.complete_transaction()
        return
    node = await sender._find_coordinator(CoordinationType.TRANSACTION, manager.transactional_id)
    await _EndOnce(sender, commit).do(node)


class FencedProducer:
    """The only writer of a partition's state: starting it fences the one before."""

    def __init__(self, transactional_id: str, client_kwargs: Mapping[str, Any]) -> None:
        self.transactional_id = transactional_id
        self._kwargs = client_kwargs
        self._producer: PackingProducer | None = None
        #: Batches of the next transaction by topic and partition.
        self._packed: dict[Place, list[PackedBatch]] = {}
        #: The least next offset of each topic; a lower one means another topic of the same name.
        self.following: dict[str, int] = {}

    async def start(self) -> None:
        """Fence the previous owner and abort its open transaction."""
        producer = PackingProducer(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            linger_ms=0,
            **self._kwargs,
        )
        sender = producer._sender
        sender._do_txn_commit = lambda commit: _end_once(sender, commit)
        self._producer = producer  # `stop` ends it from here on, also while it starts
        try:
            await within(STEP_SECONDS, producer.start())
        except (KafkaError, TimeoutError) as error:
            await self.stop()
            raise Reopen(f"the transactional producer {self.transactional_id} did not start ({error!r})") from error
        if self._producer is not producer:
            await abandon(producer)
            raise Reopen(f"the transactional producer {self.transactional_id} was stopped while it started")

    async def stop(self) -> None:
        producer, self._producer, self._packed = self._producer, None, {}
        if producer is not None:
            await let_go(producer)

    async def commit(self, batches: Iterable[tuple[str, int, Rows]]) -> dict[str, int]:
        """Write what was packed and the rows of each (topic, partition, rows), and commit all of it as one.

        Returns the next offset of each topic.

        Raises Reopen when it is not certain that all was committed; LogMadeAgain when a topic goes on before where it
        was, RefusedForSize when a topic does not take a row: then nothing is.
        """
        try:
            following = await within(STEP_SECONDS, self._commit(batches))
        except Reopen:
            raise
        except RefusedForSize:
            await self.stop()
            raise
        except (KafkaError, IllegalOperation, TimeoutError, AssertionError) as error:
            # aiokafka raises AssertionError in a state that a fenced or failed transaction left behind.
            await self.stop()
            raise Reopen(f"a transaction of {self.transactional_id} is uncertain ({error!r})") from error
        self.following |= following
        return following

    def packing(self, topic: str, partition: int, rows: Rows) -> Iterator[None]:
        """Pack rows of the next transaction, in steps of some ms; `commit` sends what was packed by then."""
        producer, start = self._started(), 0
        batches = self._packed.setdefault((topic, partition), [])
        while start < len(rows):
            if not batches or batches[-1].closed():
                batches.append(producer.create_batch())
            start = batches[-1].extend(rows, start)
            yield

    async def _commit(self, batches: Iterable[tuple[str, int, Rows]]) -> dict[str, int]:
        producer = self._started()
        for each in batches:
            for _ in self.packing(*each):
                await asyncio.sleep(0)
        packed, self._packed = self._packed, {}
        await producer.begin_transaction()
        reach("transaction.begun")
        sent = []
        for (topic, partition), batch in _in_turn(packed):
            future = await producer.send_batch(batch, topic, partition=partition)
            future.add_done_callback(seen)
            sent.append((topic, partition, batch, future))
            reach("transaction.batch-sent")
        following: dict[str, int] = {}
        for topic, partition, batch, future in sent:  # every acknowledgement, and only then the commit
            try:
                following[topic] = (await future).offset + batch.record_count()
            except SIZE_ERRORS as error:
                raise refused_for_size(topic, partition, batch.rows(), error) from error
        reach("transaction.acknowledged")
        self._check(following)
        await producer.commit_transaction()
        return following

    def _started(self) -> PackingProducer:
        if self._producer is None:
            raise Reopen(f"the transactional producer {self.transactional_id} is stopped")
        return self._producer

    def _check(self, following: Mapping[str, int]) -> None:
        for topic, offset in following.items():
            if offset <= self.following.get(topic, -1):
                raise LogMadeAgain(
                    f"{topic} went on up to {offset}, which is not after {self.following[topic]}, where it was: it was "
                    "deleted and made again; nothing was committed; restore it, or begin under another prefix"
                )


def _in_turn(packed: Mapping[Place, Sequence[PackedBatch]]) -> Iterator[tuple[Place, PackedBatch]]:
    """The first batch of each partition, then the second of each: a request takes one batch of each partition."""
    for batches in zip_longest(*packed.values()):
        yield from ((place, batch) for place, batch in zip(packed, batches, strict=True) if batch is not None)


async def let_go(producer: AIOKafkaProducer) -> None:
    """Stop a producer in any state, without waiting for a broker that does not answer."""
    accumulator = producer._message_accumulator
    for batch in [*accumulator._pending_batches, *_waiting(accumulator)]:
        batch.future.add_done_callback(seen)
    try:
        await within(STOP_SECONDS, producer.stop())
    except (KafkaError, TimeoutError, AssertionError) as error:
        log.info("a producer did not stop cleanly: %r", error)
        accumulator.fail_all(ProducerClosed())  # whoever still waits for an acknowledgement gets this error
        await abandon(producer)
    waiters = [batch._drain_waiter for batch in _waiting(accumulator)]
    if producer._txn_manager is not None and producer._txn_manager._transaction_waiter is not None:
        waiters.append(producer._txn_manager._transaction_waiter)
    for waiter in waiters:  # their failures were reported elsewhere
        waiter.add_done_callback(seen)


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close what a producer holds, sending nothing."""
    with contextlib.suppress(KafkaError, TimeoutError):
        await within(STOP_SECONDS, producer.client.close())
    await _end(producer._sender.sender_task)


def _waiting(accumulator: Any) -> list[Any]:
    """Batches that are not sent yet."""
    return [batch for batches in accumulator._batches.values() for batch in batches]


async def _end(sending: asyncio.Task[None] | None) -> None:
    """Cancel aiokafka's sender until it ends: at the first cancellation it still waits for its requests."""
    for _ in range(10):
        if sending is None or sending.done():
            return
        sending.cancel()
        await asyncio.wait({sending}, timeout=0.1)
