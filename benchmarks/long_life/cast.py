"""Who plays: a broker that can be killed, two workers that can be, and what they use."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

from benchmarks.lag import Lag
from benchmarks.workers import Worker
from meter.local_broker.broker import Broker, bind_error
from meter.local_broker.processes import gone

#: Its workers' web ports, counted from `benchmarks.workers.FIRST_PORT`: apart from those of other measurements.
FIRST_NUMBER = 200
SAMPLE_SECONDS = 5.0
STOP_SECONDS = 15.0
MIB = 1 << 20


class Journal:
    """The run's own log: JSON lines, each with the seconds since its beginning."""

    def __init__(self, path: Path) -> None:
        self._begun = time.monotonic()
        self._file = path.open("w")
        self._lock = threading.Lock()
        self.entries: list[dict[str, Any]] = []

    def note(self, kind: str, **content: Any) -> dict[str, Any]:
        entry = {"at": round(self.now(), 2), "kind": kind, **content}
        with self._lock:
            self.entries.append(entry)
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
        return entry

    def now(self) -> float:
        return time.monotonic() - self._begun

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.entries if entry["kind"] == kind]


class Player:
    """One worker through all its lives, always with the same data directory."""

    def __init__(self, number: int, settings: dict[str, str], directory: Path, journal: Journal) -> None:
        self.number, self.name = FIRST_NUMBER + number, "ab"[number]
        self._settings, self._directory, self._journal = settings, directory, journal
        self.lives = 0
        self.paused = self.away = False
        self.start()

    def start(self) -> None:
        self.worker = Worker(self.number, "all", self._settings, self._directory)
        self.born, self.lives, self.away = time.monotonic(), self.lives + 1, False

    def kill(self) -> None:
        self.away = True
        self.worker.process.kill()
        self.worker.process.wait()

    def stop(self) -> None:
        """SIGTERM; what SPEC promises of it is judged."""
        self.away = True
        begun = time.monotonic()
        self.worker.process.terminate()
        code = self.worker.process.wait(60)
        if code != 0 or time.monotonic() - begun > STOP_SECONDS:
            self._journal.note("broken", what=f"{self.name} stopped with {code} in {time.monotonic() - begun:.1f} s")

    def pause(self, seconds: float) -> None:
        self.paused = True
        self.worker.process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        self.worker.process.send_signal(signal.SIGCONT)
        self.paused = False

    def close(self) -> None:
        if self.worker.process.poll() is None:
            self.worker.process.kill()
            self.worker.process.wait()

    def sample(self) -> None:
        """What it uses now; a worker that ended by itself is told, and started again."""
        process = self.worker.process
        if self.away:
            return
        if process.poll() is not None:
            logged = self.worker.log.read_text(errors="replace")[-1_500:]
            self._journal.note("broken", what=f"{self.name} ended by itself with {process.returncode}", log=logged)
            self.start()
            return
        try:
            used = usage_of(process.pid)
        except OSError:  # it ended this moment; the next look tells why
            return
        stores = size_of(self._directory / f"worker-{self.number}" / "stores")
        up = round(time.monotonic() - self.born, 1)
        self._journal.note("worker", name=self.name, life=self.lives, up=up, paused=self.paused, **used, store=stores)


class Host:
    """The broker."""

    def __init__(self, broker: Broker, port: int) -> None:
        self._broker, self._port = broker, port

    def pause(self, seconds: float) -> None:
        running = self._broker.running()
        assert running is not None
        os.kill(running.pid, signal.SIGSTOP)
        try:
            time.sleep(seconds)
        finally:
            os.kill(running.pid, signal.SIGCONT)

    def kill(self) -> None:
        running = self._broker.running()
        assert running is not None
        os.kill(running.pid, signal.SIGKILL)
        gone(running.pid, 30)
        while bind_error(self._port) is not None:  # its last thread ends after its first, and keeps the port till then
            time.sleep(0.02)

    def start(self) -> None:
        self._broker.up(self._port)

    def sample(self, journal: Journal) -> None:
        running = self._broker.running()
        if running is not None:
            try:
                journal.note("broker", **usage_of(running.pid))
            except OSError:
                return


class Sampler(threading.Thread):
    """Looks at everybody every few seconds, and at the lag."""

    def __init__(self, players: list[Player], host: Host, lag: Lag, journal: Journal) -> None:
        super().__init__(daemon=True)
        self._players, self._host, self._lag, self._journal = players, host, lag, journal
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(SAMPLE_SECONDS):
            for player in self._players:
                player.sample()
            self._host.sample(self._journal)
            behind = self._lag.behind()
            if behind is not None:
                self._journal.note("lag", usage=behind[0], journal=behind[1])


def usage_of(pid: int) -> dict[str, float]:
    """Resident MiB, open files, threads."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    text = dict(line.split(":", 1) for line in lines if ":" in line)
    files = sum(1 for _ in Path(f"/proc/{pid}/fd").iterdir())
    rss = int(text.get("VmRSS", "0 kB").split()[0]) / 1024
    return {"rss": round(rss, 1), "files": files, "threads": int(text["Threads"])}


def size_of(directory: Path) -> float:
    """MiB of all files below; one that vanishes meanwhile counts nothing."""
    whole = 0
    for path in directory.rglob("*"):
        try:
            whole += path.stat().st_size
        except OSError:
            continue
    return round(whole / MIB, 2)
