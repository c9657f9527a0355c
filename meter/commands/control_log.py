"""Reads all operators' commands on `meter.control`, and appends to them."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from meter.errors import UserError
from meter.kafka.output_reader import open_outputs
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.control import Redriven, Skip, control_from_json


async def operator_commands(settings: Settings) -> list[Skip | Redriven]:
    """All operators' commands so far, oldest first, without unreadable records."""
    found = []
    async with open_outputs(settings, Topics.of(settings.topic_prefix).control) as reader:
        async for record in reader.to_the_end():
            try:
                found.append(control_from_json(record.value))
            except ValidationError:
                continue
    return found


async def append(settings: Settings, command: Skip | Redriven) -> None:
    """Append an operators' command; returns when Kafka acknowledged it."""
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **settings.kafka_client_kwargs())
    topic = Topics.of(settings.topic_prefix).control
    try:
        await producer.start()
        await producer.send_and_wait(topic, command.json_bytes(), key=command.record_key().encode(), partition=0)
    except (KafkaError, OSError) as error:
        raise UserError(f"the command could not be written to {topic}: {error!r}; try again") from error
    finally:
        await producer.stop()
