"""Sends usage of one workspace and returns when Kafka has acknowledged every record.

    pip install confluent-kafka
    python send_usage.py wksp_a

A run that fails may simply be repeated: an event has the same identity and content, so it counts once.
"""

import json
import os
import sys
from datetime import UTC, datetime

from confluent_kafka import Producer

TOPIC = os.environ.get("METER_TOPIC_PREFIX", "") + "usage"
SOURCE = "examples/python"


def usage(workspace: str, item: str, quantity: int, at: datetime) -> dict[str, object]:
    """One event. Its id follows from what it reports, so a second attempt makes the same id."""
    time = at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "specversion": "1.0",
        "id": f"{item}-{quantity}-{time}",
        "source": SOURCE,
        "type": "usage.recorded",
        "subject": workspace,
        "time": time,
        "data": {"item": item, "quantity": quantity},
    }


def structured(event: dict[str, object]) -> dict[str, object]:
    """The whole event as JSON in the value."""
    return {"value": json.dumps(event).encode()}


def binary(event: dict[str, object]) -> dict[str, object]:
    """Attributes in headers that begin with ce_, only the data in the value."""
    headers = [(f"ce_{name}", str(value).encode()) for name, value in event.items() if name != "data"]
    return {"value": json.dumps(event["data"]).encode(), "headers": headers}


def main(workspace: str) -> None:
    producer = Producer(
        {
            "bootstrap.servers": os.environ.get("METER_BROKER", "127.0.0.1:9092"),
            "acks": "all",
            "enable.idempotence": True,
            "compression.type": "lz4",
        }
    )
    failed = []
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    first = usage(workspace, "logs", 1_000_000, minute)
    second = usage(workspace, "logs", 2_000_000, minute)
    records = [structured(first), structured(first), binary(second)]  # the second is a repeat: it counts once
    for record in records:
        producer.produce(
            TOPIC, key=workspace, on_delivery=lambda error, _: failed.append(error) if error else None, **record
        )
    left = producer.flush(30)
    if left or failed:
        sys.exit(f"{left} records without an answer, {len(failed)} refused {failed[:1]}: run it again")
    print(f"{len(records)} records acknowledged")


if __name__ == "__main__":
    main(sys.argv[1])
