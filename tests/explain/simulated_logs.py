"""The logs of a simulated cluster for the reader of explanations: committed records, markers that occupy offsets."""

from collections.abc import Iterable, Sequence
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition

from meter.explain.log_reader import LogReader
from tests.simulation.kafka import Cluster, Record

#: Records of a fetch, and of a batch in it: few, so that everything is read in several goes.
FETCHED, BATCHED = 7, 3


class Fetched(list[Record]):
    """In place of `Unopened`."""

    def all(self) -> list[Record]:
        return list(self)

    def holding(self, needles: Sequence[bytes]) -> list[Record]:
        """Batch by batch, as Kafka's are: what stands beside a needle comes along."""
        batches = [self[start : start + BATCHED] for start in range(0, len(self), BATCHED)]
        return [record for batch in batches if any(_holds(each, needles) for each in batch) for record in batch]


def _holds(record: Record, needles: Sequence[bytes]) -> bool:
    return any(needle in (record.key or b"") + b"\0" + (record.value or b"") for needle in needles)


class SimulatedConsumer:
    """In place of AIOKafkaConsumer with `read_committed`."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._client = self
        self._positions: dict[TopicPartition, int] = {}

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, -1)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self._positions[tp] = offset

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return {tp: self._cluster.log(tp.topic, tp.partition).stable_end() for tp in partitions}

    async def offsets_for_times(self, times: dict[TopicPartition, int]) -> dict[TopicPartition, Any]:
        """The simulation writes outputs without a time: then everything may be of any time."""
        found = {}
        for tp, time_ms in times.items():
            records = self._cluster.log(tp.topic, tp.partition).records
            timed = any(record.timestamp for record in records)
            later = [record.offset for record in records if record.timestamp >= time_ms or not timed]
            found[tp] = SimpleNamespace(offset=later[0]) if later else None
        return found

    async def getmany(self, tp: TopicPartition, timeout_ms: int) -> dict[TopicPartition, Fetched]:
        log, start = self._cluster.log(tp.topic, tp.partition), self._positions[tp]
        end = min(start + FETCHED, log.stable_end())
        self._positions[tp] = max(start, end)
        kept = [record for record in log.records[start:end] if record.committed and record.offset not in log.gone]
        return {tp: Fetched(kept)}

    async def fetch_all_metadata(self) -> "SimulatedConsumer":
        return self

    def partitions_for_topic(self, topic: str) -> set[int]:
        return {partition for name, partition in self._cluster.logs if name == topic}


def logs_of(cluster: Cluster) -> LogReader:
    """A reader of the cluster's logs."""
    return LogReader(SimulatedConsumer(cluster))
