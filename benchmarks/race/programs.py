"""Programs under measurement: started with a log, asked for CPU and memory, stopped for certain; a calibration."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from benchmarks.workers import TICKS, cpu_seconds

STOP_SECONDS = 20
CALIBRATION_STEPS = 4_000_000


class Running(Protocol):
    """What a program under measurement tells; `meter worker` processes do it too (`benchmarks.workers.Worker`)."""

    process: "subprocess.Popen[bytes]"
    log: Path

    def cpu(self) -> float:
        """CPU seconds so far."""

    def peak_mib(self) -> float:
        """The most memory that was resident."""


class Program:
    """Any other program."""

    def __init__(self, command: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path) -> None:
        self.log = log
        with log.open("w") as file:
            self.process = subprocess.Popen(
                command, env={**os.environ, **env}, stdout=file, stderr=subprocess.STDOUT, cwd=cwd
            )

    def cpu(self) -> float:
        return cpu_seconds(self.process.pid)

    def peak_mib(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        (kib,) = re.findall(r"VmHWM:\s+(\d+)", status)
        return int(kib) / 1024


def ended(programs: Iterable[Running]) -> Running | None:
    """A program that ended, if one did: none may by itself."""
    return next((program for program in programs if program.process.poll() is not None), None)


def stop(programs: Sequence[Running]) -> None:
    """Ask all to end, and end those that do not."""
    for program in programs:
        program.process.terminate()
    deadline = time.monotonic() + STOP_SECONDS
    for program in programs:
        try:
            program.process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            program.process.kill()
            program.process.wait()


def calibration() -> float:
    """Seconds for a fixed piece of Python now: differences between runs that it shows are the machine's, not theirs."""
    begun, total = time.perf_counter(), 0
    for step in range(CALIBRATION_STEPS):
        total += step * step & 7
    return time.perf_counter() - begun


def stolen() -> float:
    """CPU seconds that the host gave to its other guests so far."""
    return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8]) / TICKS
