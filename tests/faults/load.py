"""A steady load whose every acknowledgement is remembered, sent by a client that shares no code with the meter's.

librdkafka tries again by itself while a broker is away, and its idempotence makes that no second record. What was
acknowledged has to stand where the broker said, with the same content: `missing` looks.
"""

import threading
import time
from collections.abc import Sequence
from random import Random

from confluent_kafka import KafkaError
from confluent_kafka import Message as KafkaMessage

from tests.end_to_end.kafka import Kafka
from tests.oracle_reading import Settings
from tests.records import Message
from tests.scenarios import Scenario, midnight_zone, scenario

#: Without a single acknowledgement for so long a load gives up: no fault here lasts longer.
PATIENCE_SECONDS = 120.0
#: Midnight is this far off when a load is made: its last day begins then (see tests/scenarios.py).
MIDNIGHT_SECONDS = 600
#: As fast as acknowledgements come.
FULL_PACE = 1e9

Place = tuple[str, int, int]


def settings() -> Settings:
    """A meter's facts for a test that begins now."""
    return Settings(midnight_zone(time.time_ns() // 1000, MIDNIGHT_SECONDS))


def load(seed: int, settings: Settings, *, accounts: int = 20, events: int = 3_000) -> Scenario:
    """Orders, bindings, usage, repeats, corrections and bad records, all made of the seed."""
    print(f"load of {events} events from seed {seed} in zone {settings.zone}")
    return scenario(seed, now_us=time.time_ns() // 1000, zone=settings.zone, accounts=accounts, events=events, days=2)


class Load:
    """Sends steps one after the other in a thread of its own, a few records at a time, over every outage.

    `pace`: records a second, so that what happens meanwhile hits it in the middle; it may be changed on the way.
    `before`: a load that ended, of which this one is the continuation.
    """

    def __init__(
        self,
        kafka: Kafka,
        steps: Sequence[Sequence[Message]],
        *,
        batch: int = 50,
        pace: float = FULL_PACE,
        before: "Load | None" = None,
    ) -> None:
        self.kafka = kafka
        self.pace = pace
        self.acknowledged: dict[Place, bytes | None] = {} if before is None else before.acknowledged
        self.failure: BaseException | None = None
        self._steps, self._batch = steps, batch
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def join(self) -> "Load":
        """Waits for the last acknowledgement; raises if one never came."""
        self._thread.join()
        if self.failure is not None:
            raise self.failure
        return self

    def missing(self) -> list[str]:
        """What was acknowledged and does not stand there as it was sent."""
        topics = {topic for topic, _, _ in self.acknowledged}
        stands = {
            (topic, record.partition() or 0, record.offset() or 0): record.value()
            for topic in topics
            for record in self.kafka.read(topic)
        }
        return [
            f"acknowledged at {place}, but not there: {value!r}"
            for place, value in self.acknowledged.items()
            if place not in stands or stands[place] != value
        ]

    def _run(self) -> None:
        try:
            for step in self._steps:
                for start in range(0, len(step), self._batch):
                    began = time.monotonic()
                    part = step[start : start + self._batch]
                    self._send(part)
                    time.sleep(max(0.0, len(part) / self.pace - (time.monotonic() - began)))
        except BaseException as error:
            self.failure = error

    def _send(self, messages: Sequence[Message]) -> None:
        kafka, failures = self.kafka, list[str]()
        wanted = len(self.acknowledged) + len(messages)

        def collect(error: KafkaError | None, record: KafkaMessage) -> None:
            if error is not None:
                failures.append(f"{record.topic()}: {error.str()}")
                return
            topic = (record.topic() or "").removeprefix(kafka.prefix)
            self.acknowledged[topic, record.partition() or 0, record.offset() or 0] = record.value()

        for message in messages:
            kafka.produce(message, collect)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while len(self.acknowledged) + len(failures) < wanted:
            assert time.monotonic() < deadline, f"{wanted - len(self.acknowledged)} records are not acknowledged"
            kafka.producer.flush(1.0)
        assert not failures, failures[:5]


def moments(rng: Random, count: int, first: float, last: float) -> list[float]:
    """So many moments between two, in order, in seconds."""
    return sorted(rng.uniform(first, last) for _ in range(count))
