"""What the demo is played on: a broker and a worker, started if need be, and stopped again whatever happens."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from meter.demo.guard import Guard
from meter.demo.shared_broker import stopped_unless_used, used
from meter.errors import UserError
from meter.local_broker.broker import HOST, Broker, bind_error
from meter.local_broker.probe import is_kafka
from meter.machine.web_address import web_address
from meter.settings import PREFIX, Address, Settings, variable

#: What of our own settings a worker of the demo takes over: how to reach Kafka. The rest is the demo's.
INHERITED = ("broker", "replication_factor", "security_protocol")
#: Starting takes 3 s on two idle cores, first of all it makes 14 topics.
READY_SECONDS = 60.0
#: A worker lets go in a second or two; what it has not committed is of no use to anybody here.
STOP_SECONDS = 4.0
#: Whoever interrupts wants to go on.
INTERRUPTED_SECONDS = 1.0
LOG_TAIL_LINES = 12

Say = Callable[[str], None]


class Stage(NamedTuple):
    """Where a demo's processes run: how to reach Kafka, the directory of their data and logs, what ends them."""

    settings: Settings
    directory: Path
    guard: Guard


@contextmanager
def broker_there(settings: Settings, say: Say, guard: Guard) -> Iterator[bool]:
    """A broker that answers at METER_BROKER; whether it is ours: then it is stopped at the end (its data stays)."""
    broker = Broker(settings.data_dir, say)
    if settings.security_protocol != "PLAINTEXT" or any(is_kafka(*address) for address in settings.addresses):
        with used(broker.home):
            yield False
        return
    port = port_here(settings.addresses)
    if port is None:
        raise UserError(
            f"no Kafka answers at {settings.broker}; the demo starts one itself only where METER_BROKER is one port "
            "of 127.0.0.1: start that Kafka, or unset METER_BROKER"
        )
    if broker.running() is not None:
        broker.up(port)
        with used(broker.home):
            yield False
        return
    broker.make_home()
    with guard.over("broker", settings.data_dir.resolve()):
        try:
            with used(broker.home):
                broker.up(port)
                yield True
        finally:
            with uninterrupted():
                if not stopped_unless_used(broker):
                    say("the broker runs on for another demo; if that does not stop it, `meter broker down` does")


def port_here(addresses: Sequence[Address]) -> int | None:
    """The port of the only address, if a broker that we start would listen there."""
    (host, port), *others = addresses
    return port if not others and host in (HOST, "localhost") else None


class PortTaken(UserError):
    """The port of a process that was started was free, and another process took it first."""


class Started:
    """A process of a `meter` command that has a web port, its log in a file."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self._process = process
        self._log = log

    def must_live(self) -> None:
        """`UserError`, with the end of its log, if it has ended; `PortTaken` if another process took its port."""
        code = self._process.poll()
        if code is not None:
            if not self.listening() and bind_error(self.port) is not None:
                raise PortTaken(
                    f"another process took port {self.port} before the {self.name} did; start the demo again"
                )
            tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
            raise UserError(f"the {self.name} ended with exit code {code}; the end of its log:\n{tail}")

    def page(self, path: str) -> str | None:
        """A page of its web port; None while it answers anything but 200."""
        try:
            with urllib.request.urlopen(web_address(HOST, self.port, path), timeout=5) as answer:
                text: str = answer.read().decode()
                return text
        except (urllib.error.URLError, OSError):
            return None

    def wait_for(self, path: str) -> None:
        """Wait until it answers with 200; an answer of another process at its port does not count."""
        begun = time.monotonic()
        while not self.listening() or self.page(path) is None:
            self.must_live()
            if time.monotonic() - begun > READY_SECONDS:
                raise UserError(
                    f"the {self.name} was not ready within {READY_SECONDS:.0f} s; the machine may be too busy"
                )
            time.sleep(0.05)

    def listening(self) -> bool:
        """Whether it said in its log that it listens: from then on nobody else can answer at its port."""
        return web_address(HOST, self.port, "/") in self._log.read_text(errors="replace")


class Worker(Started):
    """A process of `meter worker`."""

    def taken_in(self) -> dict[str, int]:
        """How many records were taken in, by outcome (counted, duplicate, dead)."""
        found: dict[str, int] = {}
        for line in (self.page("/metrics") or "").splitlines():
            if line.startswith("meter_records_total{"):
                labels, _, value = line.rpartition(" ")
                outcome = labels.partition('outcome="')[2].partition('"')[0]
                found[outcome] = found.get(outcome, 0) + int(float(value))
        return found


@contextmanager
def launched(
    command: str, stage: Stage, variables: Mapping[str, str]
) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    """A process of a `meter` command with these variables, and its log; it is gone at the end."""
    path = stage.directory / f"{command}.log"
    with path.open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "meter.cli", command],
            env=environment(stage.settings, {**variables, "METER_DATA_DIR": str(stage.directory / command)}),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is ours: we end it in our own time
        )
    patience = INTERRUPTED_SECONDS
    with stage.guard.over("process", process.pid):
        try:
            yield process, path
            patience = STOP_SECONDS
        finally:
            with uninterrupted():
                ended(process, patience)


def ended(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """End a process, at the latest after so many seconds."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@contextmanager
def worker(stage: Stage, own: Mapping[str, str]) -> Iterator[Worker]:
    """A worker with `own` variables; it is gone at the end."""
    port = free_port()
    with launched("worker", stage, {**own, "METER_WEB_PORT": str(port)}) as (process, log):
        yield Worker("worker", process, port, log)


def environment(settings: Settings, variables: Mapping[str, str]) -> dict[str, str]:
    """Our own environment, of its `METER_…` only what says how to reach Kafka, and `variables`."""
    reach = [variable(name) for name in Settings.model_fields if name in INHERITED or name.startswith(("sasl", "ssl"))]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX) or name in reach}
    return {**kept, "METER_BROKER": settings.broker, **variables}


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as trial:
        trial.bind((HOST, 0))
        port: int = trial.getsockname()[1]
        return port


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal end the demo as Ctrl-C does: through every `finally`.

    A script's `meter demo &` starts with SIGINT ignored; it is taken there too, or SIGTERM would end nothing.
    """

    def interrupt(number: int, frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: interrupt, signal.SIGHUP: interrupt}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """A second Ctrl-C does not stop the stopping."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
