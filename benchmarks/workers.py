"""Workers under measurement: `meter worker` processes, their CPU and memory, their metrics."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
#: The first web port; each worker has its own.
FIRST_PORT = 17_400
READY_SECONDS = 60


class Worker:
    """One `meter worker` process; of another work tree's code if that is given."""

    def __init__(
        self, number: int, role: str, settings: dict[str, str], directory: Path, tree: Path | None = None
    ) -> None:
        self.role = role
        self.port = FIRST_PORT + number
        data = directory / f"worker-{number}"
        env = os.environ | settings | {"METER_DATA_DIR": str(data), "METER_WEB_PORT": str(self.port)}
        self.log = directory / f"worker-{number}.log"
        command = [sys.executable, "-m", "meter.cli", "worker", "--role", role]
        with self.log.open("a") as log:
            self.process = subprocess.Popen(command, env=env, stderr=log, cwd=tree)

    def get(self, path: str) -> str | None:
        """The body of a page of the web port; None while it does not answer 200."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                return str(answer.read().decode())
        except (urllib.error.URLError, OSError):
            return None

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        deadline = time.monotonic() + seconds
        while self.get("/ready") is None:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"the worker is not ready:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.05)

    def metric(self, pattern: str) -> float:
        """The sum of the samples whose name and labels match a pattern."""
        body = self.get("/metrics") or ""
        return sum(float(value) for value in re.findall(rf"^{pattern} (\S+)$", body, re.MULTILINE))

    def handled(self, kind: str = "usage") -> float:
        """Input records of a kind with an outcome, committed."""
        return self.metric(rf'meter_records_total\{{kind="{kind}",outcome="(?:counted|duplicate)"\}}')

    def cpu(self) -> float:
        return cpu_seconds(self.process.pid)

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = re.findall(r"VmHWM:\s+(\d+)", status)
        return int(kib) / 1024

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(120)


def meter_settings(catalog: str, broker: str, prefix: str, directory: Path) -> dict[str, str]:
    """What workers of a measurement are told: days in UTC, a catalog of its own, which is written there."""
    path = directory / "catalog.toml"
    path.write_text(catalog)
    return {
        "METER_BROKER": broker,
        "METER_TOPIC_PREFIX": prefix,
        "METER_BILLING_TIME_ZONE": "+00:00",
        "METER_CATALOG": str(path),
    }


def make_topics(number: int, settings: dict[str, str], directory: Path) -> None:
    """A worker comes up, makes the topics, and goes."""
    worker = Worker(number, "all", settings, directory)
    try:
        worker.wait_ready()
    finally:
        worker.stop()


def handled(workers: Sequence[Worker], kind: str = "usage") -> float:
    """Input records of a kind with an outcome, of all workers."""
    return sum(worker.handled(kind) for worker in workers)


def until_handled(
    workers: Sequence[Worker], records: int, seconds: float, poll_seconds: float = 0.1, kind: str = "usage"
) -> float:
    """Wait until so many records of a kind have an outcome: how many. SystemExit if a worker, or the time, ends."""
    deadline = time.monotonic() + seconds
    while (done := handled(workers, kind)) < records:
        for worker in workers:
            if worker.process.poll() is not None:
                raise SystemExit(f"a worker ended:\n{worker.log.read_text()[-2000:]}")
        if time.monotonic() > deadline:
            raise SystemExit(f"not done within {seconds:.0f} s: {done:,.0f} of {records:,} handled ({kind})")
        time.sleep(poll_seconds)
    return done


def cpu_seconds(pid: int) -> float:
    """CPU seconds of a process so far, its threads included."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
