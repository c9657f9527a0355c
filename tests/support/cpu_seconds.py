"""CPU seconds of each test and of all processes that it started, a broker that outlives it too (Linux).

    CPU_SECONDS=cpu.jsonl .venv/bin/pytest -p tests.support.cpu_seconds -n 4 --dist loadfile
    .venv/bin/python -m tests.support.cpu_seconds cpu.jsonl

The second prints a line for each file, the dearest first: CPU, wall time, tests, and CPU by kind of process.
"""

import json
import os
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.support import forked

#: Processes are ours if their environment has this with our process id.
MARK = "CPU_SECONDS_OF"
SAMPLE_SECONDS = 0.4
TICKS = os.sysconf("SC_CLK_TCK")
#: By a word of the command line.
KINDS = {"StorageTool": "format", "kafka.Kafka": "broker", " worker": "worker", "meter": "command", "python": "python"}

Process = tuple[int, str]


class Sampler:
    """What every process of ours has used so far; one that ends between two looks loses less than a look."""

    def __init__(self) -> None:
        os.environ[MARK] = str(os.getpid())
        self._mark = f"{MARK}={os.getpid()}\0".encode()
        self._used: dict[Process, tuple[str, float]] = {}
        self._others: Counter[Process] = Counter()
        self._lock = threading.Lock()
        self._before, self._began = self._sums(), time.monotonic()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            time.sleep(SAMPLE_SECONDS)
            self._look()

    def since(self) -> tuple[float, dict[str, float]]:
        """Wall time, and CPU by kind, since this was asked before."""
        sums, now = self._sums(), time.monotonic()
        used = {kind: round(sums[kind] - self._before[kind], 2) for kind in sums}
        took, self._before, self._began = now - self._began, sums, now
        return round(took, 2), {kind: seconds for kind, seconds in used.items() if seconds > 0}

    def _sums(self) -> Counter[str]:
        self._look()
        sums: Counter[str] = Counter()
        with self._lock:
            for kind, seconds in self._used.values():
                sums[kind] += seconds  # type: ignore[assignment] # seconds are no int
        return sums

    def _look(self) -> None:
        with self._lock:
            for place in Path("/proc").glob("[0-9]*"):
                try:
                    self._look_at(place)
                except (OSError, ValueError):
                    continue  # it ended

    def _look_at(self, place: Path) -> None:
        stat = (place / "stat").read_text()
        fields = stat.rpartition(")")[2].split()
        process = (int(place.name), fields[19])
        if process[0] in forked.pids:  # whose environment is the server's
            kind = "worker" if "(worker) " in stat else "command"
            self._used[process] = (kind, sum(map(int, fields[11:13])) / TICKS)
            return
        if self._others[process] > 3:  # a process has its own environment only a moment after its start
            return
        if process[0] != os.getpid() and self._mark not in (place / "environ").read_bytes():
            self._others[process] += 1
            return
        command = (place / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        kind = next((kind for word, kind in KINDS.items() if word in command), "other")
        self._used[process] = ("tests" if process[0] == os.getpid() else kind, sum(map(int, fields[11:13])) / TICKS)


sampler = Sampler()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Write a line for what was between two tests, and one for the test."""
    _write("(between tests)")
    answer = yield
    _write(item.nodeid)
    return answer


def _write(test: str) -> None:
    took, used = sampler.since()
    with Path(os.environ["CPU_SECONDS"]).open("a") as lines:
        lines.write(json.dumps({"test": test, "wall": took, "cpu": used}) + "\n")


def main(path: str) -> None:
    """Print the sums by file."""
    cpu: dict[str, Counter[str]] = defaultdict(Counter)
    wall: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    for line in Path(path).read_text().splitlines():
        read = json.loads(line)
        file, _, test = read["test"].partition("::")
        for name in (file, "all"):
            cpu[name].update(read["cpu"])
            wall[name] += read["wall"]
            tests[name] += bool(test)
    for file in sorted(cpu, key=lambda name: -sum(cpu[name].values())):
        kinds = ", ".join(f"{kind} {seconds:.1f}" for kind, seconds in cpu[file].most_common())
        print(f"{sum(cpu[file].values()):8.1f} s CPU {wall[file]:8.1f} s {tests[file]:5d} tests  {file}  ({kinds})")


if __name__ == "__main__":
    main(sys.argv[1])
