"""Workers that end at a failpoint, one after the other, while a load goes on."""

import signal
from collections.abc import Sequence
from random import Random

from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter, Worker
from tests.faults.load import FULL_PACE, Load
from tests.records import Message

#: Until a worker that started dies at its failpoint, its joining the groups included, on a busy machine.
REACHED_SECONDS = 150.0
#: Records a second while a worker lives, so that its chunks are many and small.
PACE = 80
BATCH = 8
#: Killed workers that leave all that they wrote to their store, and whose store the next one takes up; the others
#: leave what RocksDB had on the disk by itself, and the next one takes up that or an older store.
KEEP, KEPT_SHARE = {"KEEP_STORE": "1"}, 0.7
#: A failpoint may let the worker go on at most so often before it strikes: a small part reaches each that often.
NTH = 3
#: But for these: a part may be one commit, and hold no more than a dead letter or two; and of the partitions that a
#: fresh worker takes maybe one has something to restore.
SELDOM = ("intake.commit", "intake.dead-letter", "restore.")


def start_to_die(meter: Meter, failpoint: str, nth: int = 1, name: str = "a", **variables: str) -> Worker:
    """Starts a worker that ends itself by kill -9 the nth time it reaches a failpoint."""
    print(f"worker {name} ends at {failpoint}, the time it is reached number {nth}")
    worker = meter.start(name, "tests.faults.worker", FAILPOINT=f"{failpoint}:{nth}:kill", **variables)
    worker.expected_dead = True
    return worker


def die(worker: Worker, failpoint: str) -> None:
    """Waits until the worker is dead of its failpoint, and of nothing else."""
    wait_until(f"a worker reaches {failpoint}", lambda: not worker.alive(), REACHED_SECONDS, worker.log_tail)
    assert worker.process.returncode == -signal.SIGKILL, f"{worker.process.returncode}:\n{worker.log_tail()}"
    assert f"failpoint {failpoint} reached" in worker.log_tail(), worker.log_tail()


def slices(steps: Sequence[Sequence[Message]], count: int) -> list[list[Sequence[Message]]]:
    """Steps in so many parts of about one size; a part keeps to the steps that its messages belong to."""
    size = -(-sum(len(step) for step in steps) // count)
    parts: list[list[Sequence[Message]]] = [[]]
    room = size
    for step in steps:
        start = 0
        while start < len(step):
            if not room:
                parts.append([])
                room = size
            parts[-1].append(step[start : start + room])
            taken = len(parts[-1][-1])
            start, room = start + taken, room - taken
    return parts


def killed_one_after_the_other(
    meter: Meter, failpoints: Sequence[str], steps: Sequence[Sequence[Message]], rng: Random, fresh: Sequence[str] = ()
) -> Load:
    """Each failpoint ends a worker while its part of the steps is sent, then the next one takes over.

    That takes up the store of the last, or an older one, and at the `fresh` failpoints has none yet. A plain worker
    takes over from the last, with all that was sent: answers what was acknowledged.
    """
    acknowledged, names, kept = None, ["a", "b"], True
    for number, (failpoint, part) in enumerate(zip(failpoints, slices(steps, len(failpoints)), strict=True)):
        if failpoint in fresh:
            names.append(f"fresh-{number}")
        elif not kept:
            names.append(rng.choice(names))
        kept = rng.random() < KEPT_SHARE
        nth = 1 if failpoint.startswith(SELDOM) else rng.randint(1, NTH)
        worker = start_to_die(meter, failpoint, nth, names[-1], **(KEEP if kept else {}))
        feeding = Load(meter.kafka, part, batch=BATCH, pace=PACE, before=acknowledged)
        die(worker, failpoint)
        feeding.pace = FULL_PACE
        acknowledged = feeding.join()
    assert acknowledged is not None
    meter.start(names[-1] if kept else rng.choice([*names, "last"]))
    return acknowledged
