"""Processes that are not children of this one: their command lines, and whether they live."""

import contextlib
import subprocess
import time
from pathlib import Path

HAS_PROC = Path("/proc/self").exists()


def command_line(pid: int) -> str:
    """The command line of a living process; empty if there is none."""
    if not HAS_PROC:
        return ps(pid, "command=")
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def command_lines() -> list[str]:
    """The command lines of all visible processes."""
    if not HAS_PROC:
        done = subprocess.run(["ps", "-axo", "command="], capture_output=True, text=True, check=False)
        return done.stdout.splitlines()
    return [command_line(int(place.name)).strip() for place in Path("/proc").iterdir() if place.name.isdigit()]


def alive(pid: int) -> bool:
    """Whether a process lives; a zombie does not, once its last thread has ended: until then its ports are taken."""
    if not HAS_PROC:
        return ps(pid, "state=")[:1] not in ("", "Z")
    with contextlib.suppress(OSError):
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state not in ("Z", "X") or len(list(Path(f"/proc/{pid}/task").iterdir())) > 1
    return False


def gone(pid: int, seconds: float) -> bool:
    """Whether a process ends within `seconds`."""
    deadline = time.monotonic() + seconds
    while alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def ps(pid: int, column: str) -> str:
    """One column of `ps` about a process."""
    done = subprocess.run(["ps", "-o", column, "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
