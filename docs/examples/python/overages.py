"""Reads `overages` to its end in both ways, and shows that they agree.

    pip install confluent-kafka
    python overages.py

`latest` keeps the highest revision of each key, `added_up` adds deltas. Both may see a record twice.
"""

import json
import os
from collections import defaultdict
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition

PREFIX = os.environ.get("METER_TOPIC_PREFIX", "")
Overage = dict[str, Any]
Key = tuple[str, str, str, str]


def records(topic: str) -> Iterator[Overage]:
    """All committed records of a topic, from its beginning to its present end."""
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ.get("METER_BROKER", "127.0.0.1:9092"),
            "group.id": "examples",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
        }
    )
    numbers = consumer.list_topics(topic, timeout=10).topics[topic].partitions
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in numbers])
    unread = set(numbers)
    while unread:
        record = consumer.poll(1)
        if record is None:
            continue
        if record.error() is None:
            yield json.loads(record.value())
        elif record.error().code() == KafkaError._PARTITION_EOF:
            unread.discard(record.partition())
        else:
            raise SystemExit(record.error())
    consumer.close()


def key_of(record: Overage) -> Key:
    """What a figure is of."""
    return record["account"], record["workspace"], record["item"], record["day"]


def latest(changes: Iterable[Overage]) -> dict[Key, Overage]:
    """The current record of each key: the one with the highest revision."""
    kept: dict[Key, Overage] = {}
    for record in changes:
        key = key_of(record)
        if key not in kept or record["revision"] > kept[key]["revision"]:
            kept[key] = record
    return kept


def added_up(changes: Iterable[Overage]) -> dict[Key, int]:
    """The current overage of each key, from its deltas."""
    totals: dict[Key, int] = defaultdict(int)
    seen: dict[Key, int] = defaultdict(int)
    for record in changes:
        key = key_of(record)
        if record["revision"] <= seen[key]:
            continue  # read before
        if record["previous_revision"] == seen[key]:
            totals[key] += record["delta"]
        else:
            totals[key] = record["overage"]  # a gap: earlier revisions were compacted away, begin from the figure
        seen[key] = record["revision"]
    return totals


def main() -> None:
    changes = list(records(PREFIX + "overages"))
    figures, totals = latest(changes), added_up(changes)
    assert {key: record["overage"] for key, record in figures.items()} == totals
    for key, record in sorted(figures.items()):
        charge = record["charge"]
        print(*key, record["overage"], charge["amount"], charge["currency"])
    # Decimal, never float: amounts are text because money is exact.
    print("charges", sum((Decimal(record["charge"]["amount"]) for record in figures.values()), Decimal(0)))


if __name__ == "__main__":
    main()
