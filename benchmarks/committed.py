"""What the meter has published, as a reader of committed records sees it from the beginning to the end."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition


def read(broker: str, topic: str) -> Iterator[Any]:
    """All committed records of a topic, a partition after the other."""
    reader = Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": f"judge-{uuid.uuid4()}",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    for partition in sorted(reader.list_topics(topic, 10).topics[topic].partitions):
        reader.assign([TopicPartition(topic, partition, 0)])
        ended = False
        while not ended:
            for record in reader.consume(5_000, 1.0):
                error = record.error()
                if error is None:
                    yield record
                elif error.code() == KafkaError._PARTITION_EOF:
                    ended = True
                else:
                    raise SystemExit(f"{topic}: {error.str()}")
    reader.close()


def last_overages(broker: str, prefix: str) -> tuple[dict[str, int], int]:
    """The last overage of each account/workspace/item, and how many records said so."""
    last: dict[str, tuple[int, int]] = {}
    records = 0
    for record in read(broker, f"{prefix}overages"):
        content = json.loads(record.value())
        records += 1
        key = f"{content['account']}/{content['workspace']}/{content['item']}"
        last[key] = max(last.get(key, (0, 0)), (content["revision"], content["overage"]))
    return {key: overage for key, (_, overage) in last.items()}, records
