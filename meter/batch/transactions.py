"""One fenced transaction a chunk, over aiokafka's transactional producer.

What is overridden of aiokafka, each with a test:
* an end of transaction whose answer is lost is never sent again: a delayed copy could end half of the next
  transaction. The doubt is told (`Reopen`), a new epoch is taken, and the position in the state says what happened;
* a transaction that the one before still keeps waiting is asked for again after 2 ms, not 20;
* a commit is asked for only after every batch was acknowledged (aiokafka's commit does not look at failed ones).
"""

import asyncio
import contextlib
import logging
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from aiokafka import AIOKafkaProducer
from aiokafka.client import CoordinationType
from aiokafka.errors import IllegalOperation, KafkaError, ProducerClosed
from aiokafka.producer import sender as aiokafka_sender
from aiokafka.producer.sender import EndTxnHandler, Sender

from meter.batch.lanes import Reopen
from meter.batch.oversize import SIZE_ERRORS, RefusedForSize, refused_for_size
from meter.errors import UserError
from meter.failpoints import reach

log = logging.getLogger(__name__)

#: An open transaction of a dead owner is aborted by the broker after this long.
TRANSACTION_TIMEOUT_MS = 15_000
#: No step of a transaction may take longer; then the partition is taken anew.
STEP_SECONDS = 20.0
#: Letting a producer go may take this long, twice.
STOP_SECONDS = 2.0
#: A batch is at most this long, but for a longer row by itself; the topics' max.message.bytes is above it.
BATCH_BYTES = 1 << 20

#: The broker ends a transaction a few ms after it said so, and refuses the next one until then: ask again so soon.
#: aiokafka waits 20 ms, which was most of a transaction's 27 ms where one follows the other.
ENDING_SECONDS = 0.002
aiokafka_sender.BACKOFF_OVERRIDE = ENDING_SECONDS

Value = TypeVar("Value")
Rows = Sequence[tuple[bytes | None, bytes | None]]


class LogMadeAnew(UserError):
    """A topic goes on before where it was."""


class EndInDoubt(KafkaError):
    """The answer to an end of transaction was lost: it may have been committed, or not."""


class _EndOnce(EndTxnHandler):
    """Ends a transaction with one request; only a definite "not done" of the broker is asked again."""

    async def do(self, node_id: int) -> bool:
        request = self.create_request()
        try:
            answer = await self._sender.client.send(node_id, request, group=self.group)
        except KafkaError as error:
            doubt = EndInDoubt(f"the end of the transaction was sent, its answer is lost ({error!r})")
            self._sender._txn_manager.fatal_error(doubt)  # nothing is sent by this producer any more
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
    """The one writer of a partition's state: starting it fences whoever was it before."""

    def __init__(self, transactional_id: str, client_kwargs: Mapping[str, Any]) -> None:
        self.transactional_id = transactional_id
        self._kwargs = client_kwargs
        self._producer: AIOKafkaProducer | None = None
        #: Where each topic goes on, or later: an offset before that is another log under the old name.
        self.following: dict[str, int] = {}

    async def start(self) -> None:
        """Fence the previous owner and abort what it left open."""
        producer = AIOKafkaProducer(
            transactional_id=self.transactional_id,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            max_batch_size=BATCH_BYTES,
            max_request_size=4 * BATCH_BYTES,
            request_timeout_ms=10_000,
            retry_backoff_ms=20,
            linger_ms=0,
            **self._kwargs,
        )
        sender = producer._sender
        sender._do_txn_commit = lambda commit: _end_once(sender, commit)
        try:
            await within(STEP_SECONDS, producer.start())
        except (KafkaError, TimeoutError) as error:
            await let_go(producer)
            raise Reopen(f"the transactional producer {self.transactional_id} did not start ({error!r})") from error
        self._producer = producer

    async def stop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            await let_go(producer)

    async def commit(self, batches: Iterable[tuple[str, int, Rows]]) -> dict[str, int]:
        """Write the rows of each (topic, partition, rows) and commit them as one; the next offset of each topic.

        Raises Reopen when it is not certain that all was committed; LogMadeAnew when a topic goes on before where it
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
            # AssertionError is aiokafka's word for a state that a fenced or failed transaction left behind.
            await self.stop()
            raise Reopen(f"a transaction of {self.transactional_id} is in doubt ({error!r})") from error
        self.following |= following
        return following

    async def _commit(self, batches: Iterable[tuple[str, int, Rows]]) -> dict[str, int]:
        producer = self._producer
        if producer is None:
            raise Reopen(f"the transactional producer {self.transactional_id} is stopped")
        await producer.begin_transaction()
        reach("transaction.begun")
        sent = []
        for topic, partition, rows in batches:
            start = 0
            for batch in _batches(producer, rows):
                future = await producer.send_batch(batch, topic, partition=partition)
                future.add_done_callback(_seen)
                await asyncio.sleep(0)  # packing the next one takes some ms
                end = start + batch.record_count()
                sent.append((topic, partition, rows, start, end, future))
                start = end
                reach("transaction.batch-sent")
        following: dict[str, int] = {}
        for topic, partition, rows, start, end, future in sent:  # every acknowledgement, and only then the commit
            try:
                following[topic] = (await future).offset + end - start
            except SIZE_ERRORS as error:
                raise refused_for_size(topic, partition, rows[start:end], error) from error
        reach("transaction.acknowledged")
        self._check(following)
        await producer.commit_transaction()
        return following

    def _check(self, following: Mapping[str, int]) -> None:
        for topic, offset in following.items():
            if offset <= self.following.get(topic, -1):
                raise LogMadeAnew(
                    f"{topic} went on up to {offset}, which is not after {self.following[topic]}, where it was: it was "
                    "deleted and made again; nothing was committed; restore it, or begin under another prefix"
                )


def _batches(producer: AIOKafkaProducer, rows: Rows) -> Iterable[Any]:
    """Pack rows into as few batches as fit."""
    batch = producer.create_batch()
    append = batch.append
    for key, value in rows:
        if append(key=key, value=value, timestamp=None) is None:
            yield batch
            batch = producer.create_batch()
            append = batch.append
            append(key=key, value=value, timestamp=None)  # a batch takes its first row whatever its size
    if batch.record_count():
        yield batch


def _seen(future: asyncio.Future[Any]) -> None:
    """The first failure is the one that counts; of the others nobody need hear."""
    if not future.cancelled():
        future.exception()


async def within(seconds: float, work: Coroutine[Any, Any, Value]) -> Value:
    """What `work` answers; TimeoutError when the time is over, whether or not it ends when it is cancelled.

    A cancellation inside it that nobody asked for is a TimeoutError too. aiokafka keeps the future that a connection's
    closing waits for: cancelled with one who gave up waiting, it cancels the next, and a lane would end in silence.
    """
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_seen)
    if not task.done() or task.cancelled():
        raise TimeoutError
    return task.result()


async def let_go(producer: AIOKafkaProducer) -> None:
    """Stop a producer, whatever state it is in, without waiting for a broker that does not answer."""
    accumulator = producer._message_accumulator
    for batch in [*accumulator._pending_batches, *_waiting(accumulator)]:
        batch.future.add_done_callback(_seen)
    try:
        await within(STOP_SECONDS, producer.stop())
    except (KafkaError, TimeoutError, AssertionError) as error:
        log.info("a producer did not stop cleanly: %r", error)
        accumulator.fail_all(ProducerClosed())  # whoever still waits for an acknowledgement gets this instead
        with contextlib.suppress(KafkaError, TimeoutError):
            await within(STOP_SECONDS, producer.client.close())
        await _end(producer._sender.sender_task)
    waiters = [batch._drain_waiter for batch in _waiting(accumulator)]
    if producer._txn_manager is not None and producer._txn_manager._transaction_waiter is not None:
        waiters.append(producer._txn_manager._transaction_waiter)
    for waiter in waiters:  # what failed in them was told by another
        waiter.add_done_callback(_seen)


def _waiting(accumulator: Any) -> list[Any]:
    """Batches that were not sent yet."""
    return [batch for batches in accumulator._batches.values() for batch in batches]


async def _end(sending: asyncio.Task[None] | None) -> None:
    """Cancel aiokafka's sender until it is over: the first time it still waits for its requests."""
    for _ in range(10):
        if sending is None or sending.done():
            return
        sending.cancel()
        await asyncio.wait({sending}, timeout=0.1)
