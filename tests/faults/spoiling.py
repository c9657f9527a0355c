"""Spoiling what a worker relies on, the way disks and operators do, and hearing it refuse."""

import contextlib
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.end_to_end.judged import SHOWN, dead_letters, figure_problems, order_problems
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter, Worker
from tests.oracle import Place, Prediction
from tests.oracle_check import dead_differences

#: Until a worker that cannot go on is gone: issue 6 promises a minute; the rest is a busy machine, its start included.
REFUSED_SECONDS = 120.0
#: How `stopped: …` ends a worker that knows why (an unexpected error would be 2).
REFUSED_CODE = 1
#: One flipped bit in each so many bytes leaves no block of RocksDB's (4 KiB) whole.
EVERY_BYTES = 1_024


def refused(worker: Worker, *said: str, seconds: float = REFUSED_SECONDS) -> str:
    """Waits until a worker stopped by itself, with all of this in its reason; the reason."""
    worker.expected_dead = True
    wait_until("it stops by itself", lambda: not worker.alive(), seconds, worker.log_tail)
    log = worker.own_log()
    assert worker.process.returncode == REFUSED_CODE, f"{worker.process.returncode}:\n{worker.log_tail()}"
    _, found, reason = log.rpartition(" stopped: ")
    assert found, log
    missing = [words for words in said if words not in reason]
    assert not missing, f"{missing} not in: {reason}"
    return reason


def start_refused(meter: Meter, *said: str, name: str = "a", **variables: str) -> str:
    """Starts a worker, which has to refuse."""
    return refused(meter.start(name, **variables), *said)


def judged_beside_lost(meter: Meter, prediction: Prediction, lost: set[Place]) -> None:
    """Everything is as predicted, and these ranges are told as lost."""
    letters = dead_letters(meter.kafka)
    assert {place for place, reason in letters if reason == "records_lost"} == lost
    others = [(place, reason) for place, reason in letters if reason != "records_lost"]
    problems = figure_problems(meter, prediction) + order_problems(meter, prediction)
    problems += dead_differences(prediction, others, crashed=True)
    assert not problems, "\n".join(problems[:SHOWN])


def stores(meter: Meter, name: str = "a") -> list[Path]:
    """The local stores of a worker, one directory for each journal partition."""
    places = (meter.directory / name / "stores").glob("journal-*")
    return sorted(path for path in places if ".aside-" not in path.name)


def files(store: Path, pattern: str) -> list[Path]:
    """Files of a store, in the order they were made, that hold anything; RocksDB may just remove one of them."""
    return sorted(path for path in store.glob(pattern) if _size(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def deleted(store: Path, rng: Random) -> None:
    """The directory is gone."""
    shutil.rmtree(store)


def cut(pattern: str) -> Callable[[Path, Random], None]:
    """A file is shorter than it was."""

    def cut_one(store: Path, rng: Random) -> None:
        path = rng.choice(files(store, pattern))
        with path.open("r+b") as file:
            file.truncate(rng.randrange(path.stat().st_size))

    cut_one.__name__ = f"{pattern} cut"
    return cut_one


def emptied(pattern: str) -> Callable[[Path, Random], None]:
    """A file has lost its content."""

    def empty(store: Path, rng: Random) -> None:
        rng.choice(files(store, pattern)).write_bytes(b"")

    empty.__name__ = f"{pattern} emptied"
    return empty


def flipped(pattern: str) -> Callable[[Path, Random], None]:
    """One bit of one file is another."""

    def flip_one(store: Path, rng: Random) -> None:
        path = rng.choice(files(store, pattern))
        flip(path, rng.randrange(path.stat().st_size), rng.randrange(8))

    flip_one.__name__ = f"a bit of {pattern} flipped"
    return flip_one


def riddled(store: Path, rng: Random) -> None:
    """One bit in each block of every file of rows is another; what a compaction removes meanwhile needs none."""
    for path in files(store, "*.sst"):
        with contextlib.suppress(FileNotFoundError):
            size = path.stat().st_size
            for start in range(0, size, EVERY_BYTES):
                flip(path, min(start + rng.randrange(EVERY_BYTES), size - 1), rng.randrange(8))


def flip(path: Path, offset: int, bit: int) -> None:
    """Flips one bit, in place: whoever has the file open sees it."""
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 1 << bit]))
