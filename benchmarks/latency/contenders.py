"""Whose latency is measured: the meter, a process for each role, and Kafka Streams at one of its commit intervals."""

import json
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from benchmarks.committed import last_overages
from benchmarks.latency.probes import DRAIN_SECONDS, PROBED, MeterProbed, Probes
from benchmarks.latency.waits import waits
from benchmarks.load import Load, Sender, announce, usage_line, wrong_keys
from benchmarks.race import streams
from benchmarks.race.cluster import Cluster, Made
from benchmarks.race.programs import Program, stop
from benchmarks.race.source import PARTITIONS
from benchmarks.workers import Worker, meter_settings, until_handled

#: Their web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 220
#: The Java contender's item of probes, which the load has none of: a cell of its own for each.
STREAMS_ITEM = "probed"
START_SECONDS = 60.0


class Measured(Protocol):
    """A contender that runs: it can be probed, and judged in the end."""

    broker: str
    usage: str
    overages: str
    #: Begins the names of its topics.
    prefix: str

    def start(self, load: Load, stack: ExitStack) -> None:
        """Start it and make it ready; `stack` stops it."""

    def cpu(self) -> Sequence[float]:
        """CPU seconds of each process so far."""

    def topic(self, number: int) -> str: ...

    def line(self, number: int) -> bytes: ...

    def seen(self, key: bytes, value: bytes) -> tuple[int, int] | None: ...

    def wrong(self, expected: Mapping[str, int], probes: Sequence[int], events: int) -> int:
        """Wrong keys, once `events` events are handled; `expected` of the load, `probes` of each workspace."""

    def transaction_ms(self) -> float:
        """The mean of a transaction, where it tells."""

    def waits(self, probes: Probes) -> list[tuple[float, float]]:
        """Median and p99 of what a probe waits for, in ms, where that can be told."""


class MeterRun(MeterProbed):
    """The meter, a process for each role."""

    def __init__(self, broker: str, directory: Path, roles: Sequence[str]) -> None:
        super().__init__(broker, f"lat-{time.time_ns():x}.")
        self._directory, self._roles = directory, roles
        self._workers: list[Worker] = []

    def start(self, load: Load, stack: ExitStack) -> None:
        settings = meter_settings(load.catalog(), self.broker, self.prefix, self._directory)
        self._workers = [
            Worker(FIRST_NUMBER + n, role, settings, self._directory) for n, role in enumerate(self._roles)
        ]
        for worker in self._workers:
            stack.callback(worker.stop)
        for worker in self._workers:
            worker.wait_ready()
        announce(load, self.broker, self.prefix)
        sender = Sender(self.broker, self.prefix)
        for each in range(PROBED):
            found = {"workspace": f"probed_{each}", "account": f"probe_{each}", "tier": "commercial"}
            sender.send("workspaces", None, found)
        sender.flush()

    def cpu(self) -> Sequence[float]:
        return [worker.cpu() for worker in self._workers]

    def wrong(self, expected: Mapping[str, int], probes: Sequence[int], events: int) -> int:
        until_handled(self._workers, events, DRAIN_SECONDS)
        return len(wrong_keys({**expected, **self.expected(probes)}, last_overages(self.broker, self.prefix)[0]))

    def transaction_ms(self) -> float:
        count = sum(worker.metric("meter_transaction_seconds_count") for worker in self._workers)
        return 1e3 * sum(worker.metric("meter_transaction_seconds_sum") for worker in self._workers) / max(1.0, count)

    def waits(self, probes: Probes) -> list[tuple[float, float]]:
        return waits(self.broker, self.prefix, probes)


class StreamsRun:
    """The race's Java contender; a probed cell's quota is used up before, so that every probe changes its overage."""

    def __init__(self, broker: str, directory: Path, commit_ms: int) -> None:
        self.broker, self._directory, self._commit_ms = broker, directory, commit_ms
        self.prefix = f"lat-{time.time_ns():x}-"
        self.usage, self.overages = f"{self.prefix}usage", f"{self.prefix}overages"
        self._cluster = Cluster(broker)
        self._programs: list[Program] = []

    def start(self, load: Load, stack: ExitStack) -> None:
        self._cluster.create([Made(topic, PARTITIONS, {}) for topic in (self.usage, self.overages)])
        env = {
            "RACE_BROKER": self.broker,
            "RACE_RUN": self.prefix + "run",
            "RACE_INPUT": self.usage,
            "RACE_OUTPUT": self.overages,
            "RACE_QUOTA": str(load.quota),
            "RACE_WORKSPACES": str(load.workspaces),
            "RACE_ACCOUNTS": str(load.accounts),
            "RACE_DIRECTORY": str(self._directory),
            "RACE_COMMIT_MS": str(self._commit_ms),
            "RACE_LINGER_MS": "0",
            "RACE_POLL_MS": str(min(100, self._commit_ms)),
        }
        command = streams.command()
        self._programs.append(Program(command, env, self._directory / "streams.log", self._directory))
        stack.callback(stop, self._programs)
        sender = Sender(self.broker, self.prefix)
        for which in range(PROBED):
            sender.send("usage", None, self._event(which, "quota", load.quota + 1))
        sender.flush()
        deadline = time.monotonic() + START_SECONDS
        while len(self._cluster.last_overages(self.overages)) < PROBED:
            if time.monotonic() > deadline or self._programs[0].process.poll() is not None:
                raise SystemExit(f"Kafka Streams is not ready:\n{self._programs[0].log.read_text()[-2000:]}")
            time.sleep(0.2)

    def _event(self, which: int, name: str, quantity: int) -> bytes:
        return usage_line(name, f"probe-{which}", f"wksp_{which}", datetime.now(UTC), STREAMS_ITEM, quantity)

    def cpu(self) -> Sequence[float]:
        return [program.cpu() for program in self._programs]

    def topic(self, number: int) -> str:
        return self.usage

    def line(self, number: int) -> bytes:
        return self._event(number % PROBED, str(number), 1)

    def seen(self, key: bytes, value: bytes) -> tuple[int, int] | None:
        _, workspace, item, *_ = key.decode().split("/")
        if item != STREAMS_ITEM:
            return None
        return int(workspace.removeprefix("wksp_")), int(json.loads(value)["overage"]) - 1

    def wrong(self, expected: Mapping[str, int], probes: Sequence[int], events: int) -> int:
        own = {f"acct_{each}/wksp_{each}/{STREAMS_ITEM}": 1 + count for each, count in enumerate(probes)}
        wanted = {**expected, **own}
        deadline = time.monotonic() + DRAIN_SECONDS
        while wrong := len(wrong_keys(wanted, self._cluster.last_overages(self.overages))):
            if time.monotonic() > deadline:
                break
            time.sleep(0.5)
        return wrong

    def transaction_ms(self) -> float:
        return float("nan")

    def waits(self, probes: Probes) -> list[tuple[float, float]]:
        return []


def contender(name: str, broker: str, directory: Path, roles: Sequence[str]) -> Measured:
    """`meter`, or `streams-MS` with a commit interval."""
    kind, _, commit_ms = name.partition("-")
    if kind == "meter":
        return MeterRun(broker, directory, roles)
    return StreamsRun(broker, directory, int(commit_ms))
