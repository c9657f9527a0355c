"""Reads operators' commands (`meter skip`) from `meter.control`; every intake reads them itself.

Kafka refuses a commit from outside into a living group, so the lane that cannot go on accepts the gap itself: it looks
for the command that names its commit. Commands are few and kept for ever; the log is read once, then only its end.
"""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from meter.batch.lanes import Reopen
from meter.kafka.commit_metadata import spoken
from schemas.control import Skip, control_from_json

log = logging.getLogger(__name__)

#: The log of orders is short: longer than this it is not the log that makes it wait.
CATCH_UP_SECONDS = 20.0


class Control:
    """The orders known so far; `catch_up` reads on to those acknowledged before it was called."""

    def __init__(self, topic: str, client_kwargs: Mapping[str, Any]) -> None:
        self._tp = TopicPartition(topic, 0)
        self._kwargs = client_kwargs
        self._consumer: aiokafka.AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()
        self._skips: dict[tuple[str, int, int, str], Skip] = {}

    async def start(self) -> None:
        self._consumer = consumer = aiokafka.AIOKafkaConsumer(
            isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="none", **self._kwargs
        )
        await consumer.start()
        consumer.assign([self._tp])
        consumer.seek(self._tp, 0)
        await self.catch_up()

    async def stop(self) -> None:
        if self._consumer is not None:
            await self._consumer.stop()

    async def catch_up(self) -> None:
        """Read all orders there are now; Reopen if Kafka does not answer in time."""
        async with self._lock:
            try:
                await asyncio.wait_for(self._catch_up(), CATCH_UP_SECONDS)
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"the orders on {self._tp.topic} could not be read ({error!r})") from error

    async def _catch_up(self) -> None:
        consumer = self._consumer
        assert consumer is not None, "control is started before it is asked"
        end = (await consumer.end_offsets([self._tp]))[self._tp]
        while await consumer.position(self._tp) < end:
            fetched = await consumer.getmany(self._tp, timeout_ms=200)
            for record in fetched.get(self._tp, ()):
                self._learn(record)

    def _learn(self, record: Any) -> None:
        try:
            ordered = control_from_json(record.value or b"")
        except ValidationError as error:
            log.warning("%s: the command at %d cannot be read and is ignored: %s", self._tp.topic, record.offset, error)
            return
        if isinstance(ordered, Skip):
            self._skips[(ordered.topic, ordered.partition, ordered.instead_of, spoken(ordered.mark))] = ordered

    def skip_for(self, topic: str, partition: int, committed: int, metadata: str) -> Skip | None:
        """The order, the last if several, for a source (without the prefix) that stands at this very commit."""
        return self._skips.get((topic, partition, committed, spoken(metadata)))
