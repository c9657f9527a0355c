"""How far behind the meter is, asked by another client: ends of topics, and what the groups have committed.

Every question answers None while the broker does not: a measurement under faults asks again.
"""

from collections.abc import Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from meter.topics import USAGE_PARTITIONS, Topics

Place = tuple[str, int]
ANSWER_SECONDS = 3.0


class Lag:
    """One prefix of one broker, seen by one thread."""

    def __init__(self, broker: str, prefix: str, partitions: int = 4) -> None:
        topics = Topics.of(prefix)
        self.sources = [(topics.workspaces, 0), (topics.plan_purchases, 0)]
        self.sources += [(topics.usage, number) for number in range(USAGE_PARTITIONS)]
        self.journal = [(topics.journal, number) for number in range(partitions)]
        self._intake, self._meter = _asking(broker, topics.intake_group), _asking(broker, topics.meter_group)

    def source_ends(self) -> dict[Place, int] | None:
        return _ends(self._intake, self.sources)

    def journal_ends(self) -> dict[Place, int] | None:
        return _ends(self._meter, self.journal)

    def taken_in(self) -> dict[Place, int] | None:
        """What the intake has committed."""
        return _committed(self._intake, self.sources)

    def folded(self) -> dict[Place, int] | None:
        """What the meter has committed."""
        return _committed(self._meter, self.journal)

    def behind(self) -> tuple[int, int] | None:
        """Source records not taken in, journal records not folded; ends are asked first."""
        found = (self.source_ends(), self.taken_in(), self.journal_ends(), self.folded())
        ends, taken, journal, folded = found
        if ends is None or taken is None or journal is None or folded is None:
            return None
        return missing(ends, taken), missing(journal, folded)

    def close(self) -> None:
        self._intake.close()
        self._meter.close()


def missing(ends: dict[Place, int], committed: dict[Place, int]) -> int:
    """Offsets not reached; below 0 nothing is committed yet."""
    return sum(max(0, end - max(committed.get(place, 0), 0)) for place, end in ends.items())


def _asking(broker: str, group: str) -> Consumer:
    """A consumer that bears a group's name and never joins."""
    return Consumer(
        {
            "bootstrap.servers": broker,
            "group.id": group,
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
    )


def _ends(consumer: Consumer, places: Iterable[Place]) -> dict[Place, int] | None:
    try:
        marks = {place: consumer.get_watermark_offsets(TopicPartition(*place), ANSWER_SECONDS) for place in places}
    except KafkaException:
        return None
    if any(mark is None for mark in marks.values()):
        return None
    return {place: int(mark[1]) for place, mark in marks.items()}


def _committed(consumer: Consumer, places: Iterable[Place]) -> dict[Place, int] | None:
    try:
        found = consumer.committed([TopicPartition(*place) for place in places], ANSWER_SECONDS)
    except KafkaException:
        return None
    return {(at.topic, at.partition): at.offset for at in found}
