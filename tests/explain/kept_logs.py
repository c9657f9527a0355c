"""The topics of a meter, read once by another client and kept: explanations look into them as into Kafka."""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import NamedTuple

import pytest
from aiokafka import TopicPartition

from meter.commands.account_state import read
from meter.explain.dead import read_letter
from meter.explain.log_reader import LogReader
from meter.explain.reading import Wanted, explained
from meter.kafka.partitioner import partition_of
from meter.kafka.topics import Topics
from meter.rules.billing_days import parse_day
from schemas.journal import decode
from tests import revisions
from tests.end_to_end.kafka import Kafka, Published
from tests.explain import laws
from tests.explain.consumers import LogConsumer

TOPICS = Topics.of("")
READ = (TOPICS.journal, TOPICS.changelog, *TOPICS.outputs)
#: More revisions than any key has.
ALL = 1_000_000
#: Problems that a failure shows.
SHOWN = 10


class Kept(NamedTuple):
    """A record of Kafka."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


class Log(NamedTuple):
    """A partition: its records, which rise, their offsets, and its end."""

    records: list[Kept]
    offsets: list[int]
    end: int

    def between(self, low: int, high: int) -> list[Kept]:
        return self.records[bisect_left(self.offsets, low) : bisect_left(self.offsets, high)]


class KeptConsumer(LogConsumer):
    """The topics of a meter as they were at one moment; a fetch brings everything up to the end."""

    def __init__(self, kafka: Kafka) -> None:
        super().__init__()
        ends = kafka.ends(READ)
        found: dict[TopicPartition, list[Kept]] = {TopicPartition(*place): [] for place in ends}
        for topic in READ:
            for record in kafka.read(topic):
                kept = Kept(record.offset() or 0, record.timestamp()[1], record.key(), record.value())
                found[TopicPartition(topic, record.partition() or 0)].append(kept)
        self._logs = {
            tp: Log(records, [each.offset for each in records], ends[tp.topic, tp.partition])
            for tp, records in found.items()
        }
        self.holding = cache(self._holding)

    def partitions(self) -> Iterable[TopicPartition]:
        return self._logs

    def end(self, tp: TopicPartition) -> int:
        return self._logs[tp].end

    def first_since(self, tp: TopicPartition, time_ms: int) -> int | None:
        return next((each.offset for each in self._logs[tp].records if each.timestamp >= time_ms), None)

    def fetch(self, tp: TopicPartition, start: int) -> tuple["Fetched", int]:
        return Fetched(self, tp, start), self._logs[tp].end

    def log(self, tp: TopicPartition) -> Log:
        return self._logs[tp]

    def _holding(self, tp: TopicPartition, needles: Sequence[bytes]) -> Log:
        """The records of a partition that hold one of these."""
        log = self._logs[tp]
        kept = [each for each in log.records if any(needle in _bytes(each) for needle in needles)]
        return Log(kept, [each.offset for each in kept], log.end)


def _bytes(record: Kept) -> bytes:
    return (record.key or b"") + b"\0" + (record.value or b"")


class Fetched:
    """In place of a fetch that is not opened yet."""

    def __init__(self, consumer: KeptConsumer, tp: TopicPartition, start: int) -> None:
        self._consumer, self._tp, self._start = consumer, tp, start

    def all(self) -> list[Kept]:
        log = self._consumer.log(self._tp)
        return log.between(self._start, log.end)

    def holding(self, needles: Sequence[bytes]) -> list[Kept]:
        log = self._consumer.holding(self._tp, tuple(needles))
        return log.between(self._start, log.end)


async def every_figure_explained(
    kafka: Kafka, monkeypatch: pytest.MonkeyPatch, chosen: Callable[[list[str]], Iterable[str]] = list
) -> tuple[int, list[str]]:
    """How many revisions of the chosen keys of `overages` there are, and where an explanation is not what was
    published.
    """
    # What is read again for every figure is decoded once: a record's bytes are the same each time.
    monkeypatch.setattr("meter.explain.reading.decode", cache(decode))
    monkeypatch.setattr("meter.explain.published.read_letter", cache(read_letter))
    monkeypatch.setattr("meter.explain.published.read", cache(read))
    kept = KeptConsumer(kafka)
    partitions = len(kept.partitions_for_topic(TOPICS.overages))
    said: list[Published] = kafka.published("overages")
    problems: list[str] = []
    figures = 0
    found_by_key = revisions.by_key(said)
    for key in chosen(list(found_by_key)):
        values = found_by_key[key]
        account, workspace, item, day = key.split("/")
        partition = partition_of(account, partitions)
        for value in values:
            wanted = Wanted(account, workspace, item, parse_day(day), revision=value["revision"], history=ALL)
            found = await explained(LogReader(kept), TOPICS, partition, wanted)
            wrong = [*laws.of_figure(found, value), *laws.of_history(found)]
            problems += [f"{key} at {value['revision']}: {each}" for each in wrong]
            figures += 1
        if len(problems) > SHOWN:
            break
    return figures, problems
