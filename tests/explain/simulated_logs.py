"""The logs of a simulated cluster for the reader of explanations: committed records, markers that occupy offsets."""

from collections.abc import Iterable, Sequence

from aiokafka import TopicPartition

from meter.explain.log_reader import LogReader
from tests.explain.consumers import LogConsumer
from tests.simulation.kafka import Cluster, Record

#: Records of a fetch, and of a batch in it: few, so that everything is read in several goes.
FETCHED, BATCHED = 7, 3


class Fetched(list[Record]):
    """In place of `Unopened`."""

    def all(self) -> list[Record]:
        return list(self)

    def holding(self, needles: Sequence[bytes]) -> list[Record]:
        """Batch by batch, as Kafka's are: what is beside a needle comes along."""
        batches = [self[start : start + BATCHED] for start in range(0, len(self), BATCHED)]
        return [record for batch in batches if any(_holds(each, needles) for each in batch) for record in batch]


def _holds(record: Record, needles: Sequence[bytes]) -> bool:
    return any(needle in (record.key or b"") + b"\0" + (record.value or b"") for needle in needles)


class SimulatedConsumer(LogConsumer):
    """The logs of a simulated cluster; a fetch brings a few records."""

    def __init__(self, cluster: Cluster) -> None:
        super().__init__()
        self._cluster = cluster

    def partitions(self) -> Iterable[TopicPartition]:
        return (TopicPartition(*place) for place in self._cluster.logs)

    def end(self, tp: TopicPartition) -> int:
        return self._cluster.log(tp.topic, tp.partition).stable_end()

    def first_since(self, tp: TopicPartition, time_ms: int) -> int | None:
        """The simulation writes outputs without a time: then everything may be of any time."""
        records = self._cluster.log(tp.topic, tp.partition).records
        timed = any(record.timestamp for record in records)
        return next((record.offset for record in records if record.timestamp >= time_ms or not timed), None)

    def fetch(self, tp: TopicPartition, start: int) -> tuple[Fetched, int]:
        log = self._cluster.log(tp.topic, tp.partition)
        end = min(start + FETCHED, log.stable_end())
        kept = [record for record in log.records[start:end] if record.committed and record.offset not in log.gone]
        return Fetched(kept), end


def logs_of(cluster: Cluster) -> LogReader:
    """A reader of the cluster's logs."""
    return LogReader(SimulatedConsumer(cluster))
