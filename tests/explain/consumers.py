"""A consumer of logs that are no Kafka's: positions, beginnings and ends, the same for every kind of log."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any, Self

from aiokafka import TopicPartition


class LogConsumer(ABC):
    """In place of AIOKafkaConsumer with `read_committed`, over logs that begin at offset 0."""

    def __init__(self) -> None:
        self._client = self
        self._positions: dict[TopicPartition, int] = {}

    @abstractmethod
    def partitions(self) -> Iterable[TopicPartition]:
        """Every partition."""

    @abstractmethod
    def end(self, tp: TopicPartition) -> int:
        """The end of the committed records."""

    @abstractmethod
    def first_since(self, tp: TopicPartition, time_ms: int) -> int | None:
        """The first offset of this time or later."""

    @abstractmethod
    def fetch(self, tp: TopicPartition, start: int) -> tuple[Any, int]:
        """What a fetch from an offset brings, and the offset behind it."""

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, -1)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, Any]:
        start = self._positions[tp]
        fetched, end = self.fetch(tp, start)
        self._positions[tp] = max(start, end)
        return {tp: fetched}

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self.end(tp) for tp in partitions}

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        found = {tp: self.first_since(tp, time_ms) for tp, time_ms in times.items()}
        return {tp: None if offset is None else SimpleNamespace(offset=offset) for tp, offset in found.items()}

    async def fetch_all_metadata(self) -> Self:
        return self

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {tp.partition for tp in self.partitions() if tp.topic == topic}
