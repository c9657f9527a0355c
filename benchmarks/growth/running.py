"""One point: its load into Kafka, its workers, what they took; every overage is held against the recount."""

import dataclasses
import json
import threading
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.growth.curves import HORIZON_DAYS, Point
from benchmarks.load import Load, Sender, announce
from benchmarks.race.cluster import Cluster, Made
from benchmarks.throughput import LIMIT_SECONDS, Run, timed
from benchmarks.workers import Worker, make_topics, meter_settings, until_handled

#: Their web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 260
BLOCK = 200
OWN_SEED, BEFORE_SEED = 7, 8


class PointRun:
    """One point under a prefix of its own, which is deleted with it."""

    def __init__(self, point: Point, events: int, cluster: Cluster, broker_pid: int, directory: Path) -> None:
        self.point, self.cluster, self.broker_pid, self.directory = point, cluster, broker_pid, directory
        self.load = Load(events, point.workspaces, point.accounts, point.repeats, OWN_SEED, days=point.days)
        self.prefix = f"grow-{time.time_ns():x}."
        self.settings = meter_settings(self.load.catalog(), cluster.broker, self.prefix, directory)
        self.settings["METER_RESTATEMENT_HORIZON_DAYS"] = str(HORIZON_DAYS)

    def measure(self) -> Run:
        try:
            make_topics(FIRST_NUMBER + 30, self.settings, self.directory)
            announce(self.load, self.cluster.broker, self.prefix)
            if self.point.before:
                self._fill()
            return self._through_own_topics() if self.point.own_topics else self._from_kafka()
        finally:
            self.cluster.forget()
            self.cluster.delete(self.prefix)

    def _from_kafka(self) -> Run:
        self._send(self.load.lines(datetime.now(UTC)))
        workers = self._workers(self.point.roles)
        try:
            return self._timed(workers)
        finally:
            self._stop(workers)

    def _through_own_topics(self) -> Run:
        """Sent once all topics are being read: to begin with 2,000 of them is no cost of an event."""
        self._make_own_topics(self.point.own_topics or 0)
        lines = list(self.load.lines(datetime.now(UTC)))
        workers = self._started(self.point.roles)
        sending = threading.Thread(target=self._send, args=(lines,))
        try:
            sending.start()
            return self._timed(workers)
        finally:
            sending.join()
            self._stop(workers)

    def _make_own_topics(self, count: int) -> None:
        config = {"message.timestamp.type": "LogAppendTime", "segment.bytes": "1048576"}
        topics = [Made(f"{self.prefix}usage.wksp_{number}", 1, config) for number in range(count)]
        for first in range(0, count, BLOCK):
            self.cluster.create(topics[first : first + BLOCK])

    def _fill(self) -> None:
        """Count events of other identities first, with the same workers' directories."""
        load = dataclasses.replace(self.load, events=self.point.before, seed=BEFORE_SEED)  # adds to the same usage
        self._send(load.lines(datetime.now(UTC)))
        workers = self._workers(self.point.roles)
        try:
            until_handled(workers, load.events, LIMIT_SECONDS)
            until_handled(workers, load.accounts * load.plans, LIMIT_SECONDS, kind="order")
        finally:
            self._stop(workers)

    def _send(self, lines: Iterable[bytes]) -> None:
        sender, own = Sender(self.cluster.broker, self.prefix), self.point.own_topics or 0
        for line in lines:
            workspace = json.loads(line)["subject"] if own else ""
            apart = own and int(workspace.removeprefix("wksp_")) < own
            sender.send(f"usage.{workspace}" if apart else "usage", None, line)
        sender.flush()

    def _workers(self, roles: Sequence[str]) -> list[Worker]:
        return [Worker(FIRST_NUMBER + number, role, self.settings, self.directory) for number, role in enumerate(roles)]

    def _started(self, roles: Sequence[str]) -> list[Worker]:
        workers = self._workers(roles)
        for worker in workers:
            worker.wait_ready(LIMIT_SECONDS)
        return workers

    def _stop(self, workers: Sequence[Worker]) -> None:
        for worker in workers:
            worker.stop()

    def _timed(self, workers: Sequence[Worker]) -> Run:
        orders = 0 if self.point.before else None  # those before them decided all
        return timed(self.load, workers, self.cluster.broker, self.broker_pid, self.prefix, orders)
