"""The log of operators' orders (`meter.control`), as the commands use it: read all of it, add to it."""

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from meter.errors import UserError
from meter.kafka.output_reader import open_outputs
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.control import Redriven, Skip, control_from_json


async def orders(settings: Settings) -> list[Skip | Redriven]:
    """All orders so far, the oldest first; what cannot be read is none."""
    found = []
    async with open_outputs(settings, Topics.of(settings.topic_prefix).control) as reader:
        async for record in reader.to_the_end():
            try:
                found.append(control_from_json(record.value))
            except ValidationError:
                continue
    return found


async def order(settings: Settings, wanted: Skip | Redriven) -> None:
    """Write an order; done when Kafka acknowledged it."""
    producer = AIOKafkaProducer(acks="all", enable_idempotence=True, **settings.kafka_client_kwargs())
    topic = Topics.of(settings.topic_prefix).control
    try:
        await producer.start()
        await producer.send_and_wait(topic, wanted.json_bytes(), key=wanted.record_key().encode(), partition=0)
    except (KafkaError, OSError) as error:
        raise UserError(f"the order could not be written to {topic}: {error!r}; try again") from error
    finally:
        await producer.stop()
