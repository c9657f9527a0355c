"""Reads operators' commands (`meter skip`) from `meter.control`; every intake reads them itself.

Kafka refuses a commit from outside into a group with members, so the lane that cannot go on accepts the gap itself: it
looks for the command that names its commit. Commands are few and kept for ever; the topic is read once, then only its
end.
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
from meter.batch.stopping import stopped
from meter.kafka.commit_metadata import spoken
from schemas.control import Skip, control_from_json

log = logging.getLogger(__name__)

#: The topic is short: a read that takes longer than this means that Kafka does not answer.
CATCH_UP_SECONDS = 20.0


class Control:
    """The commands known so far; `catch_up` reads those acknowledged before it was called."""

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
            await stopped(self._consumer)

    async def catch_up(self) -> None:
        """Read all commands up to now; Reopen if Kafka does not answer in time."""
        async with self._lock:
            try:
                await asyncio.wait_for(self._catch_up(), CATCH_UP_SECONDS)
            except (KafkaError, TimeoutError) as error:
                raise Reopen(f"the commands on {self._tp.topic} could not be read ({error!r})") from error

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
            command = control_from_json(record.value or b"")
        except ValidationError as error:
            log.warning("%s: the command at %d cannot be read and is ignored: %s", self._tp.topic, record.offset, error)
            return
        if isinstance(command, Skip):
            self._skips[(command.topic, command.partition, command.instead_of, spoken(command.mark))] = command

    def skip_for(self, topic: str, partition: int, committed: int, metadata: str) -> Skip | None:
        """The last `meter skip` for a source (topic without the prefix) that names exactly this commit."""
        return self._skips.get((topic, partition, committed, spoken(metadata)))
