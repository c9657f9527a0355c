"""Ends what a demo started if the demo itself is killed.

A process of its own reads the demo's end of a pipe: a line for each thing that was started, and for each that ended.
However the demo ends, also by SIGKILL, the pipe closes; what is left then is ended here. A broker is ended too, which
is no child of the demo and outlives every command.
"""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

Kind = Literal["process", "broker", "directory"]
KINDS: tuple[Kind, ...] = ("process", "broker", "directory")
#: A worker lets go in a second or two; then it is killed.
STOP_SECONDS = 4.0


class Guard:
    """The demo's end of the pipe: notes what must not outlive the demo."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    @contextmanager
    def over(self, kind: Kind, what: int | Path) -> Iterator[None]:
        """Guard a process, the broker of a data directory, or a directory to be removed, until the block ends it."""
        self._write(kind, what, True)
        try:
            yield
        finally:
            self._write(kind, what, False)

    def _write(self, kind: Kind, what: int | Path, there: bool) -> None:
        assert self._process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError):  # somebody ended the guard: the demo goes on without
            self._process.stdin.write(f"{json.dumps([kind, str(what), there])}\n")
            self._process.stdin.flush()


@contextmanager
def guarded() -> Iterator[Guard]:
    """A guard beside this process; it ends with it, at the latest once all is ended that it was given."""
    process = subprocess.Popen(
        [sys.executable, "-m", "meter.demo.guard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,  # neither Ctrl-C nor a closed terminal nor `kill -9 -GROUP` reaches it
    )
    try:
        yield Guard(process)
    finally:
        assert process.stdin is not None, "it is a pipe"
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()


def end_the_rest(lines: Iterable[str]) -> None:
    """Read what a demo notes until its pipe closes, then end what is left: processes, their directory, the broker."""
    left: dict[Kind, list[str]] = {kind: [] for kind in KINDS}
    for line in lines:
        kind, what, there = json.loads(line)
        (left[kind].append if there else left[kind].remove)(what)
    for pid in left["process"]:
        end(int(pid))
    for path in left["directory"]:
        shutil.rmtree(path, ignore_errors=True)
    for data_dir in left["broker"]:
        stop_broker(Path(data_dir))


def end(pid: int) -> None:
    """End a process: SIGTERM, and SIGKILL if that does not do."""
    from meter.local_broker.processes import gone

    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        if not gone(pid, STOP_SECONDS):
            os.kill(pid, signal.SIGKILL)
            gone(pid, STOP_SECONDS)


def stop_broker(data_dir: Path) -> None:
    """Stop a data directory's broker, if it runs and no other demo uses it; its data stays."""
    from meter.demo.shared_broker import stopped_unless_used
    from meter.local_broker.broker import Broker

    stopped_unless_used(Broker(data_dir))


if __name__ == "__main__":
    end_the_rest(sys.stdin)
