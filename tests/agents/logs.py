"""Logs in memory, and stand-ins for aiokafka's clients: as much of them as opening and following use."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from aiokafka import TopicPartition


@dataclass(frozen=True)
class Record:
    """One record, as the worker's install_batches consumers give it."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass
class Logs:
    """Partitions by topic and number; `gone`: how many records retention took from the beginning of one."""

    records: dict[tuple[str, int], list[Record]] = field(default_factory=dict)
    gone: dict[tuple[str, int], int] = field(default_factory=dict)
    #: Whatever was appended, in order: topic, partition.
    appended: list[tuple[str, int]] = field(default_factory=list)

    def append(self, topic: str, partition: int, value: bytes, timestamp: int, key: bytes | None = None) -> int:
        log = self.records.setdefault((topic, partition), [])
        log.append(Record(len(log), timestamp, key, value))
        self.appended.append((topic, partition))
        return len(log) - 1


class Reader:
    """`AIOKafkaConsumer` over logs in memory; a fetch brings at most a thousand records."""

    def __init__(self, logs: Logs, **_: Any) -> None:
        self.logs = logs
        self.at: dict[TopicPartition, int] = {}
        #: Records that were fetched.
        self.fetched = 0

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self.at = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        assert partition in self.at, "it was assigned"
        self.at[partition] = offset

    async def position(self, partition: TopicPartition) -> int:
        return self.at[partition]

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: self.logs.gone.get(tuple(each), 0) for each in partitions}

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {each: len(self.logs.records.get(tuple(each), [])) for each in partitions}

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int = 0) -> dict[TopicPartition, list[Record]]:
        (partition,) = partitions
        start = self.at[partition]
        assert start >= self.logs.gone.get(tuple(partition), 0), "offset out of range"
        found = self.logs.records[tuple(partition)][start : start + 1_000]
        self.at[partition] += len(found)
        self.fetched += len(found)
        return {partition: found}


class Writer:
    """`AIOKafkaProducer` over logs in memory; `now_ms` is the broker's clock."""

    def __init__(self, logs: Logs, now_ms: int = 0) -> None:
        self.logs = logs
        self.now_ms = now_ms

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def send_and_wait(self, topic: str, value: bytes, partition: int) -> None:
        self.logs.append(topic, partition, value, self.now_ms)
