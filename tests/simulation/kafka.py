"""Kafka as far as the meter's promises rest on it: logs, fencing, transactions, markers that occupy offsets.

The classes stand in for aiokafka's, below the real `Restore`, `FencedProducer` and `Meter`; they find their cluster
in the client arguments. A log keeps everything, so that a reader of uncommitted records sees what was aborted too.
"""

from collections import defaultdict
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from types import SimpleNamespace
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError, ProducerFenced

from tests.simulation.steps import answer, request, step

#: Records in one batch: few, so that a transaction has many of them to lose.
BATCH_RECORDS = 6
OPEN, COMMITTED, ABORTED = "open", "committed", "aborted"


@dataclass(eq=False)
class Transaction:
    """What belongs together; `counts` is what the fold said of it when the commit was asked for."""

    state: str = OPEN
    counts: dict[tuple[str, str], int] = field(default_factory=dict)
    touched: set[tuple[str, int]] = field(default_factory=set)


@dataclass(eq=False, slots=True)
class Record:
    """One entry of a log; a marker has a transaction and no content for anybody."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    transaction: Transaction | None = None
    marker: bool = False
    partition: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp_type: int = 1

    @property
    def committed(self) -> bool:
        return not self.marker and (self.transaction is None or self.transaction.state == COMMITTED)


class Log:
    """A partition."""

    def __init__(self, partition: int = 0) -> None:
        self.partition = partition
        self.records: list[Record] = []
        #: Offsets that compaction removed.
        self.gone: set[int] = set()

    def append(self, key: bytes | None, value: bytes | None, timestamp: int = 0, **rest: Any) -> int:
        offset = len(self.records)
        self.records.append(Record(offset, timestamp, key, value, partition=self.partition, **rest))
        return offset

    def stable_end(self) -> int:
        """Where the first open transaction begins, or the end."""
        for record in self.records:
            if record.transaction is not None and record.transaction.state == OPEN:
                return record.offset
        return len(self.records)

    def committed(self) -> Iterator[Record]:
        return (record for record in self.records if record.committed)

    def compact(self, rng: Random) -> None:
        """Remove some records that a later one of their key has replaced."""
        later: set[bytes | None] = set()
        for record in reversed(self.records[: self.stable_end()]):
            if record.committed:
                if record.key in later and rng.random() < 0.8:
                    self.gone.add(record.offset)
                later.add(record.key)


class Cluster:
    """Everything that outlives a worker."""

    def __init__(self) -> None:
        self.logs: defaultdict[tuple[str, int], Log] = defaultdict(Log)
        self.epochs: defaultdict[str, int] = defaultdict(int)
        self.open: dict[str, Transaction] = {}
        self.transactions: list[Transaction] = []
        #: Positions that the meter's group committed, by journal partition.
        self.positions: dict[int, int] = {}

    def log(self, topic: str, partition: int) -> Log:
        log = self.logs[(topic, partition)]
        log.partition = partition
        return log

    def fence(self, name: str) -> int:
        """A new epoch; what the previous one left open is aborted."""
        self.epochs[name] += 1
        if name in self.open:
            self.end(name, ABORTED)
        return self.epochs[name]

    def check(self, name: str, epoch: int) -> None:
        if self.epochs[name] != epoch:
            raise ProducerFenced

    def transaction(self, name: str) -> Transaction:
        if name not in self.open:
            self.open[name] = Transaction()
            self.transactions.append(self.open[name])
        return self.open[name]

    def end(self, name: str, state: str) -> None:
        transaction = self.open.pop(name)
        transaction.state = state
        for topic, partition in sorted(transaction.touched):
            self.log(topic, partition).append(None, None, transaction=transaction, marker=True)


class Batch:
    """Records that travel together."""

    def __init__(self) -> None:
        self._rows: list[tuple[bytes | None, bytes | None]] = []

    def extend(self, rows: Sequence[tuple[bytes | None, bytes | None]], start: int) -> int:
        taken = rows[start : start + BATCH_RECORDS - len(self._rows)]
        self._rows += taken
        return start + len(taken)

    def closed(self) -> bool:
        return len(self._rows) >= BATCH_RECORDS

    def record_count(self) -> int:
        return len(self._rows)

    def rows(self) -> list[tuple[bytes | None, bytes | None]]:
        return self._rows


class Producer:
    """In place of PackingProducer, as `FencedProducer` uses it."""

    def __init__(self, *, transactional_id: str, cluster: Cluster, counts_of: Any = dict, **_: Any) -> None:
        self.name = transactional_id
        self.cluster = cluster
        self.counts_of = counts_of
        self.epoch = 0
        self._sender = SimpleNamespace()

    async def start(self) -> None:
        unheard = await request("fence")
        self.epoch = self.cluster.fence(self.name)
        answer(unheard, "fence")

    async def stop(self) -> None:
        """What is open stays open until the next owner, or the broker, ends it."""

    async def begin_transaction(self) -> None:
        await step("begin")

    def create_batch(self) -> Batch:
        return Batch()

    async def send_batch(self, batch: Batch, topic: str, *, partition: int) -> Any:
        """Put in line; whether it arrived is said by what is returned."""
        try:
            unheard = await request("write")
            self.cluster.check(self.name, self.epoch)
            transaction = self.cluster.transaction(self.name)
            transaction.touched.add((topic, partition))
            log = self.cluster.log(topic, partition)
            base, *_ = [log.append(*row, transaction=transaction) for row in batch.rows()]
            answer(unheard, "write")
        except KafkaError as error:
            return Acknowledgement(-1, error)
        return Acknowledgement(base)

    async def commit_transaction(self) -> None:
        """As aiokafka does, without a look at batches that failed."""
        unheard = await request("commit")
        self.cluster.check(self.name, self.epoch)
        if self.name in self.cluster.open:
            self.cluster.open[self.name].counts = self.counts_of(self.name)
            self.cluster.end(self.name, COMMITTED)
        answer(unheard, "commit")
        await step("committed")


@dataclass(frozen=True)
class Acknowledgement:
    """What a producer is told of a batch, once it asks."""

    offset: int
    error: KafkaError | None = None

    def add_done_callback(self, _: Any) -> None:
        """It is done; nobody has to hear of it."""

    def __await__(self) -> Generator[Any, Any, "Acknowledgement"]:
        if self.error is not None:
            raise self.error
        return self
        yield


class Pieces:
    """In place of `LazyBatch`: what a fetch brought, all of it readable; `end`: where reading goes on."""

    whole, piecewise = True, False

    def __init__(self, records: list[Record], end: int) -> None:
        self._records = records
        self.end = end

    def take(self, count: int) -> list[Record]:
        """The next records, at most so many."""
        taken, self._records = self._records[:count], self._records[count:]
        return taken


class Consumer:
    """In place of AIOKafkaConsumer, as `Restore` and `Meter.record_at` use it."""

    def __init__(
        self, *, cluster: Cluster, isolation_level: str = "read_uncommitted", value_deserializer: Any = None, **_: Any
    ) -> None:
        self.cluster = cluster
        self.everything = isolation_level != "read_committed"
        #: What a fetch brings is taken in pieces, as of `LazyBatch`.
        self.lazy = value_deserializer is not None
        self.at: dict[TopicPartition, int] = {}

    async def start(self) -> None:
        await request("connect")

    async def stop(self) -> None:
        """Nothing is kept."""

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self.at = dict.fromkeys(partitions, 0)

    def seek(self, tp: TopicPartition, offset: int) -> None:
        self.at[tp] = offset

    async def beginning_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def end_offsets(self, partitions: Sequence[TopicPartition]) -> dict[TopicPartition, int]:
        await request("end")
        return {tp: self._end(self.cluster.log(*tp)) for tp in partitions}

    def _end(self, log: Log) -> int:
        return len(log.records) if self.everything else log.stable_end()

    async def position(self, tp: TopicPartition) -> int:
        return self.at[tp]

    async def getmany(self, tp: TopicPartition, *, timeout_ms: int, max_records: int) -> dict[TopicPartition, Any]:
        """A few records; the position moves over markers, and over what was aborted or compacted."""
        await request("fetch")
        log = self.cluster.log(*tp)
        end = self._end(log)
        found: list[Record] = []
        while self.at[tp] < end and len(found) < min(max_records, 2 * BATCH_RECORDS):
            record = log.records[self.at[tp]]
            readable = not record.marker if self.everything else record.committed
            if readable and record.offset not in log.gone:
                found.append(record)
            self.at[tp] += 1
        fetched = Pieces(found, self.at[tp]) if self.lazy else found
        return {tp: fetched} if found else {}
