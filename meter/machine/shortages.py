"""Shortages of the machine: descriptors, disk, memory, threads, rights. They say nothing about the data.

`shortage` turns such an error into a sentence with the numbers and what to do; None for other errors. RocksDB's errors
are text that ends with the system's message, so `shortage_in` searches for that message.
"""

import contextlib
import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

#: The directory of a process's open files: Linux, then macOS.
_OPEN_FILES = ("/proc/self/fd", "/dev/fd")
#: Files with a container's memory limit, of both versions of control groups.
_MEMORY_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")
#: So few descriptors left count as none, because a client that failed to get one has released others.
SPENT = 8
#: Some systems (macOS) refuse "no limit"; they allow this much.
_OPEN_MAX = 10_240
#: What "no limit" counts as.
_NO_LIMIT = 1 << 30
MIB = 1 << 20


def descriptors() -> tuple[int, int]:
    """How many file descriptors this process has open (-1: unknown), and how many it may have."""
    limit = _limit()
    for place in _OPEN_FILES:
        with contextlib.suppress(FileNotFoundError):
            try:
                return len(os.listdir(place)), limit
            except OSError:  # no descriptor is left to look with
                return limit, limit
    return -1, limit


def raise_descriptors() -> int:
    """Raise the limit of open files to the hard limit; returns the new limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (hard, min(hard, _OPEN_MAX) if hard != resource.RLIM_INFINITY else _OPEN_MAX):
        if soft == resource.RLIM_INFINITY or soft == wanted:
            break
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            break
    return _limit()


def _limit() -> int:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return _NO_LIMIT if soft == resource.RLIM_INFINITY else soft


def memory_bytes() -> int:
    """The most memory this process may use: the machine's, or a container's limit."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for place in _MEMORY_LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no number
            sizes.append(int(Path(place).read_text()))
    return min(size for size in sizes if size > 0)


def free_bytes(path: Path) -> int:
    """Free bytes on the disk of a path, which need not exist yet."""
    place = path.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _descriptors_words(_: Path | None) -> str:
    used, limit = descriptors()
    return (
        f"the process has no file descriptor left ({used} open, the limit is {limit}); "
        "raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd, `--ulimit nofile=` of a container)"
    )


def _disk_words(path: Path | None) -> str:
    left = "" if path is None else f" ({free_bytes(path) / MIB:.0f} MiB are free)"
    return f"no room is left on the disk{left}; make room, or move METER_DATA_DIR to a larger disk"


def _fixed(words: str) -> Callable[[Path | None], str]:
    return lambda _: words


_MEMORY = _fixed("the machine gives no more memory; give it more, or share the partitions among more workers")
_THREADS = _fixed(
    "the system starts no more threads for this user; raise its limit (`ulimit -u`, TasksMax= of systemd, `pids.max`)"
)


def _rights_words(path: Path | None) -> str:
    mend = "" if path is None else "; give it to the user that runs the meter (`chown`, `chmod`)"
    return f"the system does not permit it{mend}"


_WORDS: dict[int, Callable[[Path | None], str]] = {
    errno.EMFILE: _descriptors_words,
    errno.ENFILE: _fixed("the machine has no file descriptor left; raise `fs.file-max`, or end what holds them"),
    errno.ENOSPC: _disk_words,
    errno.EDQUOT: _fixed("the disk quota of this user is used up; raise it, or move METER_DATA_DIR elsewhere"),
    errno.EFBIG: _fixed("a file would be larger than this process may write; raise the limit (`ulimit -f`)"),
    errno.EROFS: _fixed("the file system is read-only; mount it writable, or move METER_DATA_DIR elsewhere"),
    errno.EIO: _fixed("the disk does not answer as it should; look into the system's log (`dmesg`), replace the disk"),
    errno.ENOMEM: _MEMORY,
    errno.EACCES: _rights_words,
    errno.EPERM: _rights_words,
}


def shortage(error: BaseException) -> str | None:
    """A sentence for a shortage in an error or one of its causes; None if there is none."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _WORDS and not isinstance(cause, ConnectionError):
            path = Path(os.fsdecode(cause.filename)) if isinstance(cause.filename, str | bytes) else None
            where = f"{path}: " if path is not None else ""
            return f"{where}{_WORDS[cause.errno](path)} ({cause.strerror})"
        if isinstance(cause, MemoryError):
            return _MEMORY(None)
        if isinstance(cause, RuntimeError) and "can't start new thread" in str(cause):
            return _THREADS(None)
        cause = cause.__cause__
    return None


def shortage_in(text: str, path: Path) -> str | None:
    """`shortage` for an error that is only text, about something under `path`."""
    words = text.replace(str(path), "")
    for number in sorted(_WORDS, key=lambda number: len(os.strerror(number)), reverse=True):  # "… in system" goes first
        if os.strerror(number) in words:
            return f"{_WORDS[number](path)} ({text})"
    return None


def spent() -> str:
    """What has run out on the machine now, as the end of a sentence; empty if nothing has."""
    used, limit = descriptors()
    return f"; {_descriptors_words(None)}" if used > limit - SPENT else ""
