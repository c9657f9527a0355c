"""What an operator's hand, or retention, may do to topics and groups, by a client that is none of the meter's."""

from collections.abc import Iterable
from itertools import count

from confluent_kafka import ConsumerGroupState, ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported all the same
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
)

from tests.end_to_end.kafka import Kafka, wait_until

#: Until the broker has done what it said it would, on a busy machine.
DONE_SECONDS = 60.0
#: Settings of `flush.ms` that all mean never, each another.
_NEVER = count(2**62)
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}


def delete(kafka: Kafka, topic: str) -> None:
    """Deletes a topic; back when it is gone."""
    name = kafka.prefix + topic
    kafka.admin.delete_topics([name])[name].result()
    wait_until(f"{topic} is gone", lambda: not kafka.partitions(topic), DONE_SECONDS)


def create(kafka: Kafka, topic: str, partitions: int, **config: str) -> None:
    """Creates a topic, as soon as its name is free."""
    name = kafka.prefix + topic

    def created() -> bool:
        try:
            kafka.admin.create_topics([NewTopic(name, partitions, 1, config=config)])[name].result()
        except KafkaException:
            return False
        return True

    wait_until(f"{topic} is created", created, DONE_SECONDS)


def grow(kafka: Kafka, topic: str, partitions: int) -> None:
    """More partitions for a topic."""
    name = kafka.prefix + topic
    kafka.admin.create_partitions([NewPartitions(name, partitions)])[name].result()
    wait_until(f"{topic} has {partitions}", lambda: len(kafka.partitions(topic)) == partitions, DONE_SECONDS)


def set_config(kafka: Kafka, topic: str, name: str, value: str) -> None:
    """Changes one setting of a topic; back when the broker's logs have it.

    The broker answers once its metadata have a setting, and only then gives it to its logs, one change after the other.
    So a second change is made: when it can be read, the logs have the first.
    """
    _alter(kafka, topic, name, value)
    _alter(kafka, topic, "flush.ms", str(next(_NEVER)))


def _alter(kafka: Kafka, topic: str, name: str, value: str) -> None:
    """Changes one setting of a topic; back when the broker's metadata have it."""
    entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
    change = ConfigResource(ConfigResource.Type.TOPIC, kafka.prefix + topic, incremental_configs=[entry])
    kafka.admin.incremental_alter_configs([change])[change].result()
    asked = ConfigResource(ConfigResource.Type.TOPIC, kafka.prefix + topic)

    def readable() -> bool:
        return bool(kafka.admin.describe_configs([asked])[asked].result()[name].value == value)

    wait_until(f"{topic} has {name}={value}", readable, DONE_SECONDS)


def lose_before(kafka: Kafka, topic: str, partition: int, offset: int) -> None:
    """Deletes the records before an offset, as retention would; a compacted topic refuses it."""
    place = TopicPartition(kafka.prefix + topic, partition, offset)
    kafka.admin.delete_records([place])[place].result()


def set_offsets(kafka: Kafka, group: str, offsets: Iterable[tuple[str, int, int]]) -> None:
    """Sets a group's offsets, as `kafka-consumer-groups --reset-offsets` does: without metadata."""
    empty(kafka, group)
    places = [TopicPartition(kafka.prefix + topic, partition, offset) for topic, partition, offset in offsets]
    asked = kafka.admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(kafka.prefix + group, places)])
    asked[kafka.prefix + group].result()


def forget(kafka: Kafka, group: str) -> None:
    """Deletes a group, as Kafka does when nobody was in it for `offsets.retention.minutes`."""
    empty(kafka, group)
    name = kafka.prefix + group
    kafka.admin.delete_consumer_groups([name])[name].result()


def empty(kafka: Kafka, group: str) -> None:
    """Waits until nobody is in a group: a coordinator may hear of a leaving after who left has ended."""
    name = kafka.prefix + group
    without = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)

    def nobody() -> bool:
        return kafka.admin.describe_consumer_groups([name])[name].result().state in without

    wait_until(f"nobody is in {group}", nobody, DONE_SECONDS)
