"""Checks of `meter doctor` on this machine: data directory, disk, open files, memory, the web port."""

import fcntl
import os
import resource
import socket
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from agents.doctor.lines import Line, fail, ok, warn
from meter.machine import capacity
from meter.machine import shortages as machine
from meter.settings import Settings
from schemas.plurals import counted

MIB = 1 << 20
#: Free disk and available memory: below the first number a worker soon fails, below the second it may fail.
DISK_MIB = 256, 2_048
MEMORY_MIB = 256, 1_024
WEB_SECONDS = 2.0


def machine_lines(settings: Settings) -> Iterator[Line]:
    """Every check of the machine."""
    yield _directory(settings.data_dir)
    yield _disk(settings.data_dir)
    yield _files(settings.partitions, len(settings.bootstrap_servers))
    yield _memory()
    yield _web(settings)


def there(path: Path) -> Path:
    """The path, or its nearest existing parent."""
    path = path.absolute()
    return path if path.exists() else there(path.parent)


def _directory(data_dir: Path) -> Line:
    place = there(data_dir)
    if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
        return fail("data", f"{place} cannot be written by user {os.geteuid()}", "set METER_DATA_DIR, or its owner")
    if place != data_dir.absolute():
        return ok("data", f"{data_dir} is not there yet; it can be made")
    if place.stat().st_mode & 0o077:
        return warn("data", f"{data_dir} can be read by other users", f"`chmod 700 {data_dir}`")
    held = " and in use by a worker" if _locked(place / "lock") else ""
    return ok("data", f"{data_dir} is writable{held}")


def _locked(lock: Path) -> bool:
    """Whether a worker holds the lock; does not create or change the file."""
    try:
        with lock.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _disk(data_dir: Path) -> Line:
    free = machine.free_bytes(data_dir) // MIB
    finding = f"{free:,} MiB are free for {data_dir}"
    mend = "make room, or set METER_DATA_DIR to a larger disk"
    if free < DISK_MIB[0]:
        return fail("disk", finding, mend)
    return warn("disk", finding, mend) if free < DISK_MIB[1] else ok("disk", finding)


def _files(partitions: int, brokers: int) -> Line:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = capacity.descriptors_needed(partitions, brokers)
    if hard == resource.RLIM_INFINITY or hard >= 2 * needed:
        return ok(
            "open files", f"the limit is {'none' if hard == resource.RLIM_INFINITY else hard}, about {needed} are used"
        )
    finding = f"the hard limit is {hard}, {counted(partitions, 'partition')} use about {needed}"
    mend = f"raise it to {2 * needed} (`ulimit -Hn`, LimitNOFILE= of a unit)"
    return fail("open files", finding, mend) if hard < needed else warn("open files", finding, mend)


def _memory() -> Line:
    available = min(_available(), machine.memory_bytes()) // MIB
    finding = f"{available:,} MiB are available"
    mend = "give the machine, or the container, more memory"
    if available < MEMORY_MIB[0]:
        return fail("memory", finding, mend)
    return warn("memory", finding, mend) if available < MEMORY_MIB[1] else ok("memory", finding)


def _available() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:  # not Linux: the total memory
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))


def _web(settings: Settings) -> Line:
    host, port = settings.web_host, settings.web_port
    place = f"{host}:{port}"
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind((host, port))
    except OSError as error:
        if _is_ours(place):
            return ok("web port", f"a worker answers on {place}")
        return fail("web port", f"{place} cannot be used ({error.strerror})", "set METER_WEB_PORT or METER_WEB_HOST")
    return ok("web port", f"{place} is free")


def _is_ours(place: str) -> bool:
    try:
        with urllib.request.urlopen(f"http://{place}/live", timeout=WEB_SECONDS) as answer:
            return bool(answer.read(16) == b"live\n")
    except (OSError, ValueError):
        return False
