"""Which meter publishes under a prefix: its output topics by their ids, which topics made again do not share."""

from hashlib import sha256
from typing import NamedTuple

from aiokafka.admin import AIOKafkaAdminClient

from meter.errors import Trouble
from meter.kafka.topic_ids import topic_states
from meter.kafka.topics import Topics


class PublishingMeter(NamedTuple):
    """The meter's id for the file, and the partitions of each output topic."""

    id: str
    partitions: dict[str, int]


async def meter_of(admin: AIOKafkaAdminClient, topics: Topics) -> PublishingMeter:
    """The meter under a prefix; raises Trouble where its topics are not there yet."""
    found = await topic_states(admin, topics.outputs)
    missing = [name for name in topics.outputs if name not in found]
    if missing:
        raise Trouble(
            f"there is no meter under the prefix {topics.prefix!r} yet: {', '.join(missing[:3])} "
            f"and {len(missing) - min(3, len(missing))} more topics are missing; `meter worker` creates them"
        )
    words = " ".join(f"{name}={found[name].id}/{found[name].partitions}" for name in sorted(found))
    return PublishingMeter(sha256(words.encode()).hexdigest(), {name: found[name].partitions for name in found})
