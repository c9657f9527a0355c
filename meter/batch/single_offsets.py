"""Faust's methods for consumers that track single offsets, implemented as no-ops.

Lanes decide where reading begins and what is committed, so Faust's own bookkeeping has nothing to do.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import aiokafka
from aiokafka import TopicPartition
from faust.transport import consumer as faust_consumer
from faust.types import TP
from faust.types.tuples import ConsumerMessage


class NoSingleOffsets(faust_consumer.Consumer):
    """Faust's consumer without its offsets, seeks and pauses."""

    kafka: aiokafka.AIOKafkaConsumer

    async def commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:
        return False

    async def perform_seek(self) -> None:
        return None

    async def seek_to_committed(self) -> Mapping[TP, int]:
        return {}

    async def wait_empty(self) -> None:
        return None

    async def verify_all_partitions_active(self) -> None:
        return None

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        return False

    async def _seek(self, partition: TP, offset: int) -> None:
        self.kafka.seek(TopicPartition(*partition), offset)

    async def _getmany(self, active_partitions: set[TP] | None, timeout: float) -> Any:
        raise AssertionError("chunks are read by _drain_messages")

    def _to_message(self, tp: TP, record: Any) -> ConsumerMessage:
        raise AssertionError("chunks are read by _drain_messages")

    def _new_topicpartition(self, topic: str, partition: int) -> TP:
        return TP(topic, partition)

    def pause_partitions(self, tps: Iterable[TP]) -> None:
        return None

    def resume_partitions(self, tps: Iterable[TP]) -> None:
        return None

    async def position_of(self, tp: TP) -> int:
        return int(await self.kafka.position(TopicPartition(*tp)))

    async def seek_wait(self, partitions: Mapping[TP, int]) -> None:
        return None

    async def create_topic(self, *args: Any, **kwargs: Any) -> None:
        return None

    async def earliest_offsets(self, *partitions: TP) -> Mapping[TP, int]:
        found = await self.kafka.beginning_offsets([TopicPartition(*tp) for tp in partitions])
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    async def highwaters(self, *partitions: TP) -> Mapping[TP, int]:
        found = await self.kafka.end_offsets([TopicPartition(*tp) for tp in partitions])
        return {TP(tp.topic, tp.partition): offset for tp, offset in found.items()}

    def key_partition(self, topic: str, key: bytes | None, partition: int | None = None) -> int | None:
        return partition

    def close(self) -> None:
        return None
