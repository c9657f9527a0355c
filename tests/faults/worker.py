"""`python -m tests.faults.worker …` is `meter …` that ends at a failpoint.

FAILPOINT=name:nth:action: the nth time that this place is reached, `kill` is kill -9 and `stop` is SIGSTOP, by its own
hand, so that not one instruction follows. A group forgets such a worker sooner than others, so that a test need not
wait for that. RESTORE_RECORDS and MEMTABLE_BYTES make a small restore one of many batches that reach the disk. How much
of its store a worker had on the disk when it was killed is RocksDB's affair: with KEEP_STORE all that it ever wrote.
OPEN_FILES is the hard limit of its descriptors; the soft one is lower still.
"""

import os
import resource
import signal
from collections.abc import Iterable

import agents.intake.resume
import agents.meter.journal_lane
import meter.batch.faust_app
import meter.batch.restore
import meter.batch.store
from meter import failpoints
from meter.cli.app import main

SIGNALS = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}
SESSION_SECONDS, HEARTBEAT_SECONDS = 3.0, 0.5


class Failpoint:
    """Counts how often a place is reached, and acts once."""

    def __init__(self, text: str) -> None:
        self.name, nth, action = text.split(":")
        self.left = int(nth)
        self.signal = SIGNALS[action]

    def __call__(self, reached: str) -> None:
        if reached != self.name:
            return
        self.left -= 1
        if self.left == 0:
            os.write(2, f"failpoint {reached} reached: {self.signal.name}\n".encode())
            os.kill(os.getpid(), self.signal)


def keep_store() -> None:
    """Every write reaches the disk at once."""
    write = meter.batch.store.Store.write

    def write_through(store: meter.batch.store.Store, rows: Iterable[tuple[bytes, bytes | None]]) -> None:
        write(store, rows)
        store.flush()

    meter.batch.store.Store.write = write_through  # type: ignore[assignment, method-assign] # what a test's worker is for


if __name__ == "__main__":
    if "OPEN_FILES" in os.environ:
        resource.setrlimit(
            resource.RLIMIT_NOFILE, (min(64, int(os.environ["OPEN_FILES"])), int(os.environ["OPEN_FILES"]))
        )
    if "KEEP_STORE" in os.environ:
        keep_store()
    if "FAILPOINT" in os.environ:
        failpoints.hook = Failpoint(os.environ["FAILPOINT"])
    meter.batch.faust_app.SESSION_SECONDS = SESSION_SECONDS
    meter.batch.faust_app.HEARTBEAT_SECONDS = HEARTBEAT_SECONDS
    agents.meter.journal_lane.CHUNK_RECORDS = int(
        os.environ.get("CHUNK_RECORDS", agents.meter.journal_lane.CHUNK_RECORDS)
    )
    meter.batch.restore.BATCH_RECORDS = int(os.environ.get("RESTORE_RECORDS", meter.batch.restore.BATCH_RECORDS))
    agents.intake.resume.NEW_METER_MS = int(os.environ.get("NEW_METER_MS", agents.intake.resume.NEW_METER_MS))
    meter.batch.store.MEMTABLE_BYTES = int(os.environ.get("MEMTABLE_BYTES", meter.batch.store.MEMTABLE_BYTES))
    main()
