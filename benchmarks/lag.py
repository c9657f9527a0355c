"""How far behind the meter is, asked by another client: ends of topics, and what the groups have committed.

Every question answers None while the broker does not: a measurement under faults asks again.
"""

from collections.abc import Callable, Iterable

from confluent_kafka import Consumer, KafkaException, TopicPartition

from meter.kafka.topics import USAGE_PARTITIONS, Topics

FigureKey = tuple[str, int]
ANSWER_SECONDS = 3.0


class Lag:
    """One prefix of one broker, seen by one thread."""

    def __init__(self, broker: str, prefix: str, partitions: int = 4) -> None:
        topics = Topics.of(prefix)
        self.sources = [(topics.workspaces, 0), (topics.plan_purchases, 0)]
        self.sources += [(topics.usage, number) for number in range(USAGE_PARTITIONS)]
        self.journal = [(topics.journal, number) for number in range(partitions)]
        self._intake, self._meter = _Asking(broker, topics.intake_group), _Asking(broker, topics.meter_group)

    def source_ends(self) -> dict[FigureKey, int] | None:
        return self._intake.ends(self.sources)

    def journal_ends(self) -> dict[FigureKey, int] | None:
        return self._meter.ends(self.journal)

    def taken_in(self) -> dict[FigureKey, int] | None:
        """What the intake has committed."""
        return self._intake.committed(self.sources)

    def folded(self) -> dict[FigureKey, int] | None:
        """What the meter has committed."""
        return self._meter.committed(self.journal)

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


def missing(ends: dict[FigureKey, int], committed: dict[FigureKey, int]) -> int:
    """Offsets not reached; below 0 nothing is committed yet."""
    return sum(max(0, end - max(committed.get(place, 0), 0)) for place, end in ends.items())


class _Asking:
    """A consumer that bears a group's name and never joins; after an error, a new one.

    One that was first asked something while the broker did not answer was seen to fail for minutes after.
    """

    def __init__(self, broker: str, group: str) -> None:
        self._config = {
            "bootstrap.servers": broker,
            "group.id": group,
            "isolation.level": "read_uncommitted",
            "enable.auto.commit": False,
            "reconnect.backoff.max.ms": 500,
            "log_level": 0,
        }
        self._consumer = Consumer(self._config)

    def ends(self, places: Iterable[FigureKey]) -> dict[FigureKey, int] | None:
        asked = {place: TopicPartition(*place) for place in places}
        return self._answered(
            lambda reader: {
                place: int(reader.get_watermark_offsets(at, ANSWER_SECONDS)[1]) for place, at in asked.items()
            }
        )

    def committed(self, places: Iterable[FigureKey]) -> dict[FigureKey, int] | None:
        asked = [TopicPartition(*place) for place in places]
        return self._answered(
            lambda reader: {(at.topic, at.partition): at.offset for at in reader.committed(asked, ANSWER_SECONDS)}
        )

    def _answered(self, question: Callable[[Consumer], dict[FigureKey, int]]) -> dict[FigureKey, int] | None:
        try:
            return question(self._consumer)
        except (KafkaException, TypeError):  # it answers nothing, instead of marks, where the time was over
            self._consumer.close()
            self._consumer = Consumer(self._config)
            return None

    def close(self) -> None:
        self._consumer.close()
