"""Probes: usage of workspaces whose every event changes a figure of its own, and the moment when that is read."""

import json
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from confluent_kafka import Consumer, Producer, TopicPartition

from benchmarks.load import usage_line

#: Not counted, until caches and connections are warm.
WARM_SECONDS = 5.0
DRAIN_SECONDS = 60.0
#: Workspaces that are probed in turn: so many that every partition has its share.
PROBED = 64
PROBED_ITEM = "logs"


class Probed(Protocol):
    """What is probed: where its usage goes, where its overages come from, and what they say."""

    broker: str
    usage: str
    overages: str

    def topic(self, number: int) -> str:
        """The topic of a probe."""

    def line(self, number: int) -> bytes:
        """The probe of this number, of workspace `number % PROBED`."""

    def seen(self, key: bytes, value: bytes) -> tuple[int, int] | None:
        """Which workspace an overage is of, and how many of its probes are in it; None: of no probe."""


class MeterProbed:
    """The meter under a prefix; its probes are of workspaces that no plan lists, each in an account of its own."""

    def __init__(self, broker: str, prefix: str) -> None:
        self.broker, self.prefix = broker, prefix
        self.usage, self.overages = f"{prefix}usage", f"{prefix}overages"

    def topic(self, number: int) -> str:
        return self.usage

    def line(self, number: int) -> bytes:
        return usage_line(str(number), "probe", f"probed_{number % PROBED}", datetime.now(UTC), PROBED_ITEM, 1)

    def seen(self, key: bytes, value: bytes) -> tuple[int, int] | None:
        if not key.startswith(b"probe_"):
            return None
        found = json.loads(value)
        return int(found["workspace"].removeprefix("probed_")), int(found["usage"])

    def expected(self, probes: Sequence[int]) -> dict[str, int]:
        """The last overage of each probed workspace, which was sent so many `probes`."""
        return {f"probe_{each}/probed_{each}/{PROBED_ITEM}": count for each, count in enumerate(probes)}


class Probes:
    """What was sent when, and read when; one thread sends, one hears of acknowledgements, one reads."""

    def __init__(self, probed: Probed, rate: float, seconds: float) -> None:
        self._probed = probed
        self._producer = Producer({"bootstrap.servers": probed.broker, "acks": "all", "linger.ms": 0})
        self._reader = Consumer(
            {
                "bootstrap.servers": probed.broker,
                "group.id": f"{probed.usage}-probes",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": 10,
            }
        )
        self._count, self._rate = int(rate * (seconds + WARM_SECONDS)), rate
        self._warm = int(rate * WARM_SECONDS)
        self.sent, self.acknowledged, self.read = ([0.0] * self._count for _ in range(3))
        self._next = [0] * PROBED  # the probes of a workspace that were read
        self._over = threading.Event()
        self._since_1970 = time.time() - time.perf_counter()

    def run(self) -> None:
        """Send all, and read until all are there."""
        topic = self._probed.overages
        partitions = self._reader.list_topics(topic, 10).topics[topic].partitions
        self._reader.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        threads = [threading.Thread(target=work) for work in (self._hear, self._listen)]
        for thread in threads:
            thread.start()
        try:
            self._send()
            deadline = time.monotonic() + DRAIN_SECONDS
            while not all(self.read) and time.monotonic() < deadline:
                time.sleep(0.05)
        finally:
            self._over.set()
            for thread in threads:
                thread.join()
            self._reader.close()

    def latencies(self) -> list[float]:
        """Milliseconds from acknowledgement to reading, without those of the first seconds."""
        pairs = zip(self.acknowledged[self._warm :], self.read[self._warm :], strict=True)
        return [(read - acknowledged) * 1e3 for acknowledged, read in pairs if read]

    def from_sending(self) -> list[float]:
        """The same from the moment the producer was given the record."""
        pairs = zip(self.sent[self._warm :], self.read[self._warm :], strict=True)
        return [(read - sent) * 1e3 for sent, read in pairs if read]

    def counted(self) -> range:
        """The probes that are not of the first seconds, by number."""
        return range(self._warm, self._count)

    def acknowledged_ms(self, number: int) -> float:
        """When a probe was acknowledged, in ms since 1970."""
        return (self.acknowledged[number] + self._since_1970) * 1e3

    def read_ms(self, number: int) -> float:
        """When a probe was read, in ms since 1970."""
        return (self.read[number] + self._since_1970) * 1e3

    def missing(self) -> int:
        return self.read.count(0.0)

    def of_each(self) -> list[int]:
        """How many probes each workspace was sent."""
        return [len(range(which, self._count, PROBED)) for which in range(PROBED)]

    def _send(self) -> None:
        begun = time.perf_counter()
        for number in range(self._count):
            time.sleep(max(0.0, begun + number / self._rate - time.perf_counter()))
            value = self._probed.line(number)
            self.sent[number] = time.perf_counter()
            self._producer.produce(self._probed.topic(number), value, on_delivery=self._acknowledging(number))
        self._producer.flush(30)

    def _acknowledging(self, number: int) -> Callable[[object, object], None]:
        def collect(error: object, message: object) -> None:
            if error is None:
                self.acknowledged[number] = time.perf_counter()

        return collect

    def _hear(self) -> None:
        while not self._over.is_set():
            self._producer.poll(0.1)

    def _listen(self) -> None:
        while not self._over.is_set():
            message = self._reader.poll(0.05)  # `consume` would wait until the time is over, or many have come
            if message is None or message.error() is not None:
                continue
            seen = self._probed.seen(message.key() or b"", message.value() or b"")
            if seen is not None:
                self._see(time.perf_counter(), *seen)

    def _see(self, now: float, which: int, count: int) -> None:
        for number in range(self._next[which], count):
            self.read[number * PROBED + which] = now
        self._next[which] = max(self._next[which], count)
