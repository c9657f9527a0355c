"""A load at a fixed rate from a process of its own, to the shared topic or to each workspace's own."""

import multiprocessing
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from typing import Any

from confluent_kafka import Producer

from benchmarks.load import Load

#: How much a producer may hold back.
QUEUED = 1_000_000
#: Of each topic so many records are sent before the rest: its producer then knows where they all are.
FIRST_RECORDS = 6


def topic_of(prefix: str, workspace: str, own: bool) -> str:
    """Where usage of a workspace goes."""
    return f"{prefix}usage.{workspace}" if own else f"{prefix}usage"


def producer(broker: str, linger_ms: int) -> Producer:
    """A producer that lets records wait for others of their partition."""
    settings: dict[str, Any] = {
        "bootstrap.servers": broker,
        "acks": "all",
        "linger.ms": linger_ms,
        "queue.buffering.max.messages": QUEUED,
        "log_level": 2,
    }
    return Producer(settings)


class Loading:
    """The process that sends; made first, sent when told to, and asked in the end what must come out.

    EOFError where it died.
    """

    def __init__(self, load: Load, broker: str, prefix: str, own: bool, rate: float, linger_ms: int) -> None:
        self._here, there = multiprocessing.Pipe()
        spawned = multiprocessing.get_context("spawn")
        self._acknowledged = spawned.Value("q", 0, lock=False)
        arguments = (load, broker, prefix, own, rate, linger_ms, there, self._acknowledged)
        self._process = spawned.Process(target=_send, args=arguments, daemon=True)
        self._process.start()
        there.close()
        self._here.recv()

    def go(self) -> None:
        """Begin to send."""
        self._here.send("go")

    @property
    def acknowledged(self) -> int:
        """How many records Kafka has acknowledged."""
        return int(self._acknowledged.value)

    def ended(self) -> tuple[dict[str, int], float]:
        """The overages that must come out, and the rate that was reached; waits for it."""
        told: tuple[dict[str, int], float] = self._here.recv()
        self._process.join()
        return told


def _send(
    load: Load, broker: str, prefix: str, own: bool, rate: float, linger_ms: int, end: Connection, acknowledged: Any
) -> None:
    lines = list(load.lines(datetime.now(UTC)))
    topics = [topic_of(prefix, _subject(line), own) for line in lines]
    sending = producer(broker, linger_ms)
    first = min(len(lines) // 10, FIRST_RECORDS * len(set(topics)))
    for topic, line in zip(topics[:first], lines[:first], strict=True):
        sending.produce(topic, line)
    sending.flush(60)
    end.send("made")
    end.recv()

    def delivered(error: object, _: object) -> None:
        if error is None:
            acknowledged.value += 1

    begun, sent = time.monotonic(), first
    while sent < len(lines):
        due = min(len(lines), first + int((time.monotonic() - begun) * rate) + 1)
        for number in range(sent, due):
            sending.produce(topics[number], lines[number], on_delivery=delivered)
        sent = due
        sending.poll(0.005)
    seconds = time.monotonic() - begun
    left = sending.flush(60)
    end.send((load.overages(), (len(lines) - first - left) / seconds))


def _subject(line: bytes) -> str:
    return line.split(b'"subject":"', 1)[1].split(b'"', 1)[0].decode()
