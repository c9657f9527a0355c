"""Kafka through confluent-kafka (librdkafka), a client that shares no code with the meter's.

Topics go by their names without the prefix; a `Kafka` belongs to one prefix.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from confluent_kafka import (
    TIMESTAMP_LOG_APPEND_TIME,
    Consumer,
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka import Message as KafkaMessage
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # exported all the same

from tests.oracle_reading import Sent
from tests.records import Message

INPUTS = ("usage", "workspaces", "plan-purchases")
JOURNAL = "meter.journal"
#: Of workers: whoever reads the journal, the shared topics, the workspace topics.
GROUPS = ("meter", "meter-intake", "meter-intake-own")
#: A request that a healthy broker on a busy machine answers.
REQUEST_SECONDS = 30.0
#: By then the producer has said of each record whether Kafka took it.
TOLD_SECONDS = 150.0
FETCH = 2_000
#: What a reader waits for more at a topic's end, on the broker and here: each partition's end costs as much.
FETCH_WAIT_MS, CONSUME_SECONDS = 10, 0.02
#: The library's own log: what matters comes back as an error.
QUIET = {"log_level": 0}


Told = Callable[[KafkaError | None, KafkaMessage], None]


@dataclass(frozen=True)
class Published:
    """A record of an output topic."""

    topic: str
    partition: int
    offset: int
    key: str
    value: dict[str, Any]


def wait_until(what: str, condition: Callable[[], bool], seconds: float, state: Callable[[], str] = lambda: "") -> None:
    """Asks a condition until it holds, the longer the less often; fails with what it waited for, and how things are."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        if waited > seconds:
            raise AssertionError(f"waited {seconds} s until {what}\n{state()}")
        time.sleep(min(0.05 + waited / 20, 0.5))


class Kafka:
    """One prefix of one broker."""

    def __init__(self, bootstrap: str, prefix: str) -> None:
        self.bootstrap = bootstrap
        self.prefix = prefix
        self.admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                **QUIET,
                "acks": "all",
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.max.bytes": 2_000_000,
                "message.timeout.ms": 120_000,
            }
        )

    def send(self, messages: Iterable[Message], batch: int = 2_000) -> int:
        """Sends in order and waits for every acknowledgement; answers how many there were."""
        acknowledged: list[bool] = []
        failures: list[str] = []

        def collect(error: KafkaError | None, record: KafkaMessage) -> None:
            if error is None:
                acknowledged.append(True)
            else:
                failures.append(f"{record.topic()}: {error.str()}")

        count = 0
        for count, message in enumerate(messages, start=1):
            self.produce(message, collect)
            if count % batch == 0:
                self.producer.flush(TOLD_SECONDS)
        self.producer.flush(TOLD_SECONDS)
        assert not failures, failures[:5]
        assert len(acknowledged) == count, f"{count - len(acknowledged)} records are not acknowledged"
        return count

    def produce(self, message: Message, told: Told) -> None:
        """Gives a message to the producer; `told` hears what became of it."""
        self.producer.produce(
            self.prefix + message.topic,
            message.value,
            key=message.key.encode() or None,
            headers=list(message.headers),
            on_delivery=told,
        )

    def topics(self) -> set[str]:
        """The topics there are."""
        names = self.admin.list_topics(timeout=REQUEST_SECONDS).topics
        return {name.removeprefix(self.prefix) for name in names if name.startswith(self.prefix)}

    def forget(self) -> None:
        """Deletes all topics of the prefix: every client's metadata, and the broker, carry what earlier tests left."""
        names = [self.prefix + name for name in self.topics()]
        for deleted in self.admin.delete_topics(names).values() if self.prefix and names else ():
            with contextlib.suppress(KafkaException, TimeoutError):  # a busy broker goes on with it
                deleted.result(REQUEST_SECONDS)

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; none if there is no such topic."""
        found = self.admin.list_topics(self.prefix + topic, timeout=REQUEST_SECONDS).topics[self.prefix + topic]
        return sorted(found.partitions) if found.error is None else []

    def ends(self, topics: Iterable[str], *, stable: bool = False) -> dict[tuple[str, int], int]:
        """The high watermark of every partition; `stable`: the end for readers of committed records."""
        return self._offsets(topics, OffsetSpec.latest(), stable)  # type: ignore[no-untyped-call] # a library with half its types

    def unreadable(self, topics: Iterable[str]) -> dict[tuple[str, int], int]:
        """How many records readers of committed ones cannot read yet, by topic and partition, where that is anything.

        A group's offset is committed before the markers of its transaction stand in every partition.
        """
        names = list(topics)
        stable = self.ends(names, stable=True)
        behind = {place: end - stable.get(place, 0) for place, end in self.ends(names).items()}
        return {place: count for place, count in behind.items() if count > 0}

    def begins(self, topic: str) -> dict[int, int]:
        """The first offset that there is, by partition; waits for leaders that are being chosen, as a consumer does."""
        found: dict[tuple[str, int], int] = {}
        asked: list[KafkaException] = []

        def answered() -> bool:
            try:
                found.update(self._offsets([topic], OffsetSpec.earliest()))  # type: ignore[no-untyped-call] # the same
            except KafkaException as error:
                asked[:] = [error]
                return False
            return True

        wait_until(f"all leaders of {topic} answer", answered, REQUEST_SECONDS, lambda: str(asked))
        return {partition: offset for (_, partition), offset in found.items()}

    def _offsets(self, topics: Iterable[str], which: OffsetSpec, stable: bool = False) -> dict[tuple[str, int], int]:
        wanted = {self.prefix + topic for topic in topics}
        about = {"topic": next(iter(wanted))} if len(wanted) == 1 else {}
        known = self.admin.list_topics(**about, timeout=REQUEST_SECONDS).topics
        there = [(name, known[name].partitions) for name in wanted if name in known and known[name].error is None]
        specs = {TopicPartition(name, partition): which for name, partitions in there for partition in partitions}
        if not specs:
            return {}
        level = IsolationLevel.READ_COMMITTED if stable else IsolationLevel.READ_UNCOMMITTED
        asked = self.admin.list_offsets(specs, isolation_level=level, request_timeout=REQUEST_SECONDS)
        return {
            (place.topic.removeprefix(self.prefix), place.partition): future.result().offset
            for place, future in asked.items()
        }

    def committed(self) -> dict[tuple[str, int], int]:
        """The highest offset that any group of the meter committed, by topic and partition."""
        found: dict[tuple[str, int], int] = {}
        for group in GROUPS:
            for place in self.offsets_of(self.prefix + group):
                key = (place.topic.removeprefix(self.prefix), place.partition)
                found[key] = max(found.get(key, -1), place.offset)
        return found

    def members(self) -> list[int]:
        """How many members each of the meter's groups has."""
        groups = [self.prefix + group for group in GROUPS]
        asked = self.admin.describe_consumer_groups(groups, request_timeout=REQUEST_SECONDS)
        return [len(asked[group].result().members) for group in groups]

    def offsets_of(self, group: str) -> list[TopicPartition]:
        """What a group committed; its metadata must not be looked at here (`marks_of`)."""
        asked = self.admin.list_consumer_group_offsets(
            [ConsumerGroupTopicPartitions(group)], request_timeout=REQUEST_SECONDS
        )
        return list(asked[group].result().topic_partitions or [])

    def marks_of(self, group: str) -> list[TopicPartition]:
        """What a group committed, with its metadata.

        By aiokafka: confluent-kafka takes metadata, which has a length, for a string that ends with a zero byte.
        """

        async def ask() -> list[TopicPartition]:
            admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
            await admin.start()
            try:
                found = await admin.list_consumer_group_offsets(group)
            finally:
                await admin.close()
            return [
                TopicPartition(place.topic, place.partition, each.offset, each.metadata)
                for place, each in sorted(found.items())
            ]

        return asyncio.run(ask())

    def lag(self, topics: Sequence[str]) -> dict[tuple[str, int], int]:
        """What is not committed yet, by topic and partition, where that is anything. Ends are asked first."""
        ends = self.ends(topics)
        committed = self.committed()
        behind = {place: end - max(committed.get(place, 0), 0) for place, end in ends.items()}
        return {place: count for place, count in behind.items() if count > 0}

    def read(self, topic: str, committed: bool = True) -> list[KafkaMessage]:
        """All records of a topic from the first there is to its end (the last stable offset, if committed)."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap,
                **QUIET,
                "group.id": f"reader-{uuid.uuid4()}",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "fetch.wait.max.ms": FETCH_WAIT_MS,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "auto.offset.reset": "error",
            }
        )
        try:
            # By number: to look for OFFSET_BEGINNING a new consumer waits half a second until it knows the leaders.
            begins = self.begins(topic)
            consumer.assign([TopicPartition(self.prefix + topic, *place) for place in begins.items()])
            return _to_the_end(consumer, set(begins))
        finally:
            consumer.close()

    def published(self, topic: str, committed: bool = True) -> list[Published]:
        """The records of an output topic, in the order of its partitions."""
        records = []
        for record in self.read(topic, committed):
            value = record.value()
            assert value is not None, f"{topic}: a tombstone at {record.offset()}"
            place = (record.partition() or 0, record.offset() or 0)
            records.append(Published(topic, *place, (record.key() or b"").decode(), json.loads(value)))
        return records

    def sent(self, topics: Iterable[str] = INPUTS) -> list[Sent]:
        """What stands on the input topics, with the times that Kafka gave."""
        found = []
        for topic in topics:
            for record in self.read(topic):
                kind, timestamp = record.timestamp()
                assert kind == TIMESTAMP_LOG_APPEND_TIME, f"{topic} has no LogAppendTime"
                pairs: Any = record.headers() or []
                headers = tuple((name, value or b"") for name, value in pairs)
                place = (record.partition() or 0, record.offset() or 0)
                found.append(Sent(topic, *place, timestamp, record.value(), headers))
        return found


def _to_the_end(consumer: Consumer, waiting: set[int]) -> list[KafkaMessage]:
    records = []
    deadline = time.monotonic() + 120
    while waiting:
        assert time.monotonic() < deadline, f"partitions {waiting} do not end"
        for record in consumer.consume(FETCH, timeout=CONSUME_SECONDS):
            error = record.error()
            if error is None:
                records.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                waiting.discard(record.partition() or 0)
            else:
                raise AssertionError(error.str())
    return sorted(records, key=lambda record: (record.partition() or 0, record.offset() or 0))
