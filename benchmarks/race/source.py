"""The input of the race: made once, read by all; copied, partition by partition, for who reads a topic of its own."""

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

from confluent_kafka import Producer, TopicPartition

from benchmarks.load import Load
from benchmarks.race.cluster import BATCH, QUIET, Cluster, Made

PARTITIONS = 4
FLUSH_SECONDS = 120
APPEND_TIME = {"message.timestamp.type": "LogAppendTime", "retention.ms": "-1"}


@dataclass(frozen=True)
class Source:
    """A topic that holds a load, made on `day`; its events are of that day."""

    topic: str
    load: Load
    day: date
    mean_bytes: float
    expected: dict[str, int]

    @classmethod
    def made(cls, cluster: Cluster, load: Load) -> "Source":
        """Make the topic; an event goes to the partition of its workspace."""
        now = datetime.now(UTC)
        topic = f"race-input-{load.workspaces}-{load.events}-{now:%H%M%S}"
        cluster.create([Made(topic, PARTITIONS, APPEND_TIME)])
        producer = _producer(cluster)
        size = 0
        for line in load.lines(now):
            size += len(line)
            _send(producer, topic, json.loads(line)["subject"].encode(), line, -1)
        _flush(producer)
        return cls(topic, load, now.date(), size / load.events, load.overages())

    def copy(self, cluster: Cluster, topic: str) -> None:
        """Copy it into another topic: the same records in the same partitions in the same order."""
        consumer = cluster.consumer(**{"queued.min.messages": 100_000})
        partitions = cluster.partitions(self.topic)
        consumer.assign([TopicPartition(self.topic, partition, 0) for partition in partitions])
        producer = _producer(cluster)
        ended = 0
        while ended < len(partitions):
            for message in consumer.consume(BATCH, 0.2):
                if message.error():
                    ended += 1
                    continue
                _send(producer, topic, message.key() or b"", message.value() or b"", message.partition() or 0)
        consumer.close()
        _flush(producer)


def _producer(cluster: Cluster) -> Producer:
    return Producer(
        {
            "bootstrap.servers": cluster.broker,
            **QUIET,
            "acks": "all",
            "linger.ms": 50,
            "batch.size": 65_536,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
        }
    )


def _send(producer: Producer, topic: str, key: bytes, value: bytes, partition: int) -> None:
    while True:
        try:
            producer.produce(topic, value, key=key, partition=partition)
            break
        except BufferError:
            producer.poll(0.1)
    producer.poll(0)


def _flush(producer: Producer) -> None:
    left = producer.flush(FLUSH_SECONDS)
    if left:
        raise SystemExit(f"{left} records of the input were not acknowledged within {FLUSH_SECONDS} s")
