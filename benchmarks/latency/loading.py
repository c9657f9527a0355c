"""The load beside the probes, at a fixed rate, from a process of its own."""

import multiprocessing
import time
from datetime import UTC, datetime
from multiprocessing.connection import Connection

from benchmarks.load import Load, Sender


class Loading:
    """The process that sends; made first, sent when told to, and asked in the end what must come out.

    EOFError where it died.
    """

    def __init__(self, load: Load, broker: str, prefix: str, rate: float) -> None:
        self._here, there = multiprocessing.Pipe()
        arguments = (load, broker, prefix, rate, there)
        self._process = multiprocessing.get_context("spawn").Process(target=_send, args=arguments, daemon=True)
        self._process.start()
        there.close()
        self._here.recv()

    def go(self) -> None:
        """Begin to send."""
        self._here.send("go")

    def ended(self) -> tuple[dict[str, int], float]:
        """The overages that must come out, and the rate that was reached; waits for it."""
        told: tuple[dict[str, int], float] = self._here.recv()
        self._process.join()
        return told


def _send(load: Load, broker: str, prefix: str, rate: float, end: Connection) -> None:
    lines = list(load.lines(datetime.now(UTC)))
    sender = Sender(broker, prefix)
    end.send("made")
    end.recv()
    begun, sent = time.monotonic(), 0
    while sent < len(lines):
        due = min(len(lines), int((time.monotonic() - begun) * rate) + 1)
        for line in lines[sent:due]:
            sender.send("usage", None, line)
        sent = due
        time.sleep(0.005)
    seconds = time.monotonic() - begun
    sender.flush()
    end.send((load.overages(), len(lines) / seconds))
