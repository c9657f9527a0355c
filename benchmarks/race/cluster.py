"""What the race asks of Kafka: topics made and deleted, offsets committed, where a topic's data ends, last values."""

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # exported all the same

ANSWER_SECONDS = 30
#: Until a new topic has a leader, on a busy machine; and how many topics are deleted at once.
LEADER_SECONDS, DELETED_AT_ONCE = 120.0, 500
#: How far before the end of a partition the last data record is looked for at first.
LOOK_BACK = 64
BATCH = 20_000
#: Nothing about connections that end with the broker.
QUIET = {"log_level": 2}
#: A topic and one of its partitions.
Place = tuple[str, int]


@dataclass(frozen=True)
class Made:
    """A topic to be made."""

    name: str
    partitions: int
    config: Mapping[str, str]


class Cluster:
    """One broker, asked from outside."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self._admin = AdminClient({"bootstrap.servers": broker, **QUIET})
        self._asking: dict[str, Consumer] = {}
        self._partitions: dict[str, list[int]] = {}

    def consumer(self, **config: str | int | bool) -> Consumer:
        """A consumer of committed records that belongs to no group's work."""
        own = {"bootstrap.servers": self.broker, "group.id": "race-look", "isolation.level": "read_committed"}
        quick = {
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.queue.backoff.ms": 5,
            "fetch.wait.max.ms": 10,
        }
        return Consumer({**own, **quick, **config})

    def create(self, topics: Iterable[Made]) -> None:
        """Make topics and wait until they can be used."""
        wanted = [NewTopic(made.name, made.partitions, 1, config=dict(made.config)) for made in topics]
        for future in self._admin.create_topics(wanted).values():
            future.result(ANSWER_SECONDS)

    def delete(self, prefix: str) -> None:
        """Delete every topic whose name begins so."""
        names = [name for name in self._admin.list_topics(timeout=ANSWER_SECONDS).topics if name.startswith(prefix)]
        for first in range(0, len(names), DELETED_AT_ONCE):
            for future in self._admin.delete_topics(names[first : first + DELETED_AT_ONCE]).values():
                future.result(ANSWER_SECONDS)

    def wait_for_leader(self, topic: str) -> None:
        """Wait until a topic can be written to; Kafka makes topics in the order in which it was asked."""
        deadline = time.monotonic() + LEADER_SECONDS
        while not self._led(topic):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{topic} has no leader after {LEADER_SECONDS} s")
            time.sleep(0.02)

    def _led(self, topic: str) -> bool:
        found = self._admin.list_topics(topic, timeout=ANSWER_SECONDS).topics[topic]
        return bool(found.partitions) and all(each.leader >= 0 for each in found.partitions.values())

    def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; none if it is not there yet."""
        known = self._partitions.get(topic)
        if known is None:
            found = self._admin.list_topics(timeout=ANSWER_SECONDS).topics.get(topic)
            if found is None or found.error is not None:
                return []
            known = self._partitions[topic] = sorted(found.partitions)
        return known

    def committed(self, group: str, topics: Iterable[str]) -> dict[Place, int]:
        """What a group has committed of these topics: asked by a consumer that bears its name and never joins."""
        asking = self._asking.get(group)
        if asking is None:
            config = {"bootstrap.servers": self.broker, "group.id": group, "isolation.level": "read_uncommitted"}
            asking = self._asking[group] = Consumer({**QUIET, **config})
        places = [TopicPartition(topic, partition) for topic in topics for partition in self.partitions(topic)]
        try:
            found = asking.committed(places, ANSWER_SECONDS) if places else []
        except KafkaException:
            return {}
        return {(at.topic, at.partition): at.offset for at in found if at.offset >= 0}

    def forget(self) -> None:
        """Let go of the groups that were asked about."""
        for asking in self._asking.values():
            asking.close()
        self._asking.clear()

    def data_ends(self, topic: str) -> dict[Place, int]:
        """The offset after the last data record of every partition: what a transaction leaves behind it is no data."""
        consumer = self.consumer()
        ends = {}
        for partition in self.partitions(topic):
            ends[topic, partition] = _data_end(consumer, topic, partition)
        consumer.close()
        return ends

    def last_overages(self, topic: str) -> dict[str, int]:
        """The last `overage` of each key; the day, which ends a key, is left out."""
        consumer = self.consumer(**{"queued.min.messages": 100_000})
        partitions = self.partitions(topic)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        last, ended = {}, 0
        while ended < len(partitions):
            for message in consumer.consume(BATCH, 0.2):
                if message.error():
                    ended += 1
                    continue
                key = (message.key() or b"").decode().rpartition("/")[0]
                last[key] = int(json.loads(message.value() or b"")["overage"])
        consumer.close()
        return last


def _data_end(consumer: Consumer, topic: str, partition: int) -> int:
    low, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), ANSWER_SECONDS)
    back = LOOK_BACK
    while high > low:
        start = max(low, high - back)
        consumer.assign([TopicPartition(topic, partition, start)])
        end = None
        while (message := consumer.poll(ANSWER_SECONDS)) is not None and not message.error():
            end = (message.offset() or 0) + 1
        if end is not None:
            return end
        if start == low:
            break
        back *= 4
    return int(low)
