"""Reads thousands of partitions, a fetch session for each broker, each partition from where its lane said.

A fetch is answered at once, with what there is, and the next one comes a little later: the more partitions, the later.
A fetch that waits in the broker for records costs there, for every record that comes to any of its partitions, a look
at all of them; so only a few partitions may wait. While there is a backlog, fetches follow one another.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError, for_code
from faust.types import TP

from meter.batch.chunks import Chunk
from meter.batch.sessions.partitions import Broker, Partitions, Reading
from meter.batch.sessions.plain import fetched
from meter.batch.sessions.requests import Fetch, FetchAnswer, Limits, Part
from meter.batch.sessions.session import BEGIN
from meter.batch.stopping import ended
from meter.batch.unopened import UnreadableRecord

log = logging.getLogger(__name__)

#: Of so many partitions a fetch waits in the broker until one has something, at most so long.
WAITING_PARTITIONS, WAIT_MS = 64, 400
#: Between two fetches passes so much time for each partition, within these bounds: a fetch costs 5 µs a partition.
SECONDS_A_PARTITION, LEAST_PAUSE, LONGEST_PAUSE = 0.0002, 0.02, 0.4
PARTITION_BYTES, ANSWER_BYTES = 1 << 20, 16 << 20
#: An answer of so many bytes, in all or of one partition, says that more waits: the next fetch comes as soon as its
#: chunks are handled, or after so long.
BACKLOG_BYTES, BACKLOG_PARTITION_BYTES, BACKLOG_SECONDS = 4 << 20, 512 * 1024, 1.0
#: After an error of a broker, or of one of its partitions, in seconds.
RETRY_SECONDS = 0.5
#: aiokafka keeps connections by such a number: what is fetched does not wait behind other answers, nor they behind it.
CONNECTION = 2


class SessionReader(Partitions):
    """Reads partitions in chunks, a task for each broker that leads some."""

    def __init__(
        self,
        client: AIOKafkaClient,
        topic_id: Callable[[TP], str],
        offer: Callable[[Chunk], None],
        on_error: Callable[[Exception], bool],
    ) -> None:
        super().__init__(topic_id)
        self._client = client
        self._offer = offer
        self._on_error = on_error
        self._tasks: list[asyncio.Task[None]] = []
        #: Its exception is why reading ended.
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def close(self) -> None:
        """Read no more."""
        await ended(*self._tasks)
        self.failed.cancel()

    def _begin_broker(self, broker: Broker) -> None:
        self._tasks.append(asyncio.create_task(self._rounds(broker), name=f"reading of broker {broker.node}"))

    async def _rounds(self, broker: Broker) -> None:
        try:
            while True:
                if not len(broker):
                    broker.wake.clear()
                    await broker.wake.wait()
                await asyncio.sleep(await self._round(broker))
        except BaseException as error:
            if not self.failed.done() and not isinstance(error, asyncio.CancelledError):
                self.failed.set_exception(error)

    async def _round(self, broker: Broker) -> float:
        """Fetch once and hand out what came; how long to wait before the next time."""
        wait = WAIT_MS if len(broker) <= WAITING_PARTITIONS else 0
        asked = broker.next()
        if asked.epoch == BEGIN:  # it names all there is, and forgets nothing by name
            known = set(broker.known())
            broker.ends = {place: ends for place, ends in broker.ends.items() if place in known}
        for place in asked.forgotten:
            broker.ends.pop(place, None)
        answer = await self._answer(broker, Fetch(asked, Limits(wait, 1, ANSWER_BYTES, PARTITION_BYTES)))
        if answer is None:
            return RETRY_SECONDS
        if not broker.answered(answer):
            log.info("fetch session: broker %d ended it (error %d); beginning another", broker.node, answer.error_code)
            return LEAST_PAUSE
        broker.heard_ms = time.time_ns() // 1_000_000
        out = self._out
        much, wrong = self._take(broker, answer)
        if wrong:
            return RETRY_SECONDS
        if much:
            await self._until_handled(out)
            return 0.0
        return min(LONGEST_PAUSE, max(LEAST_PAUSE, len(broker) * SECONDS_A_PARTITION))

    async def _answer(self, broker: Broker, request: Fetch) -> FetchAnswer | None:
        """A broker's answer; None if there is none: then it may, or may not, have got the request."""
        try:
            answer: FetchAnswer = await self._client.send(broker.node, request, group=CONNECTION)
            return answer
        except (KafkaError, TimeoutError) as error:
            log.warning("fetch session: broker %d could not be read from (%r); trying again", broker.node, error)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            log.warning("fetch session: a connection to broker %d was given up; trying again", broker.node)
        broker.lost()
        return None

    def _take(self, broker: Broker, answer: FetchAnswer) -> tuple[bool, bool]:
        """Hand out what came; whether much did, and whether a partition has an error that may pass."""
        size, largest, wrong = 0, 0, False
        for part in answer.parts:
            reading = self._at.get(part.place)
            if reading is None or reading.session is not broker:
                continue
            current = broker.asked(part.place) == reading.position and reading.wanted
            if part.error:
                wrong |= current and self._passes(reading, part.error)
                continue
            reading.error, broker.ends[part.place] = 0, (part.stable, part.highwater)
            if part.content and current:
                size += len(part.content)
                largest = max(largest, len(part.content))
                self._hand_out(reading, part)
        return size >= BACKLOG_BYTES or largest >= BACKLOG_PARTITION_BYTES, wrong

    def _passes(self, reading: Reading, code: int) -> bool:
        """Tell whom an error of a partition concerns; True if nobody is told: then it may pass."""
        error, tp = for_code(code), TopicPartition(*reading.tp)
        if error is OffsetOutOfRangeError and self._on_error(OffsetOutOfRangeError({tp: reading.position})):
            return False
        if error is TopicAuthorizationFailedError and self._on_error(TopicAuthorizationFailedError(tp.topic)):
            return False
        if code != reading.error:
            reading.error = code
            log.info("%s/%d cannot be fetched (Kafka's error %d); trying again", tp.topic, tp.partition, code)
        return True

    def _hand_out(self, reading: Reading, part: Part) -> None:
        start, place, session = reading.position, reading.place, reading.session
        assert place is not None and session is not None
        try:
            records, reading.position = fetched(part, TopicPartition(*reading.tp), start)
        except UnreadableRecord as error:
            self._on_error(error)
            return
        self._moved.add(reading.tp)
        if records:
            reading.ahead += 1
            self._count(1)
            self._offer(Chunk(reading.tp, records, reading.position, reading.epoch, start))
        if reading.wanted:
            session.want(place, reading.position)
        else:
            session.leave(place)

    async def _until_handled(self, out: int) -> None:
        """Wait until no more chunks are out than there were, but not for long: some lanes wait for others."""
        until = time.monotonic() + BACKLOG_SECONDS
        with suppress(TimeoutError):
            while self._out > out:
                self._fell.clear()
                await asyncio.wait_for(self._fell.wait(), max(0.0, until - time.monotonic()))
