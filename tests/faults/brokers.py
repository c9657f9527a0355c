"""A broker that a test owns, and may harm: killed, paused, started again on the same port with the same data."""

import contextlib
import json
import os
import signal
import time
from pathlib import Path

from meter.local_broker import broker as kafka_broker
from meter.local_broker.processes import alive, gone
from tests.end_to_end.workers import free_port

#: A process that was sent SIGKILL is gone in no time; the rest is a busy machine.
GONE_SECONDS = 60.0


class Broker:
    """One Kafka with a port and a data directory of its own; `with` leaves nothing of it running."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port = free_port()
        self.bootstrap = f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process of its JVM."""
        return int(json.loads((self.directory / "kafka" / "broker.json").read_text())["pid"])

    @property
    def log(self) -> str:
        """What it printed since its last start."""
        return (self.directory / "kafka" / "kafka.log").read_text(errors="replace")

    def start(self) -> float:
        """Starts it, also after `kill` or `stop`, and returns when it answers; the seconds that took."""
        began = time.monotonic()
        kafka_broker.Broker(self.directory).up(self.port)
        return time.monotonic() - began

    def stop(self) -> None:
        """SIGTERM, and its end awaited; what it holds stays."""
        kafka_broker.Broker(self.directory).down()

    def kill(self) -> None:
        """kill -9, now, and its end awaited."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        assert gone(pid, GONE_SECONDS), f"broker {pid} lives on after SIGKILL"

    def pause(self) -> None:
        """SIGSTOP: its connections stay, nothing answers."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT."""
        os.kill(self.pid, signal.SIGCONT)

    def __enter__(self) -> "Broker":
        self.start()
        return self

    def ensure_running(self) -> None:
        """Starts it, or lets it go on, unless it runs: whoever harmed it last may have failed in the middle."""
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            self.resume()
        self.start()

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(FileNotFoundError):  # it never ran, or ended in its start
            if alive(self.pid):
                self.kill()
