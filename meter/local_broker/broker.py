"""A single-node Apache Kafka on loopback from Maven's jars, where no container engine is at hand.

It belongs to a data directory: `<data-dir>/kafka` holds its log, its settings and `broker.json` with its process id
and port. It runs detached from the command that started it, and is up once it answers a metadata request. All data
directories of a user share the jars (43 MB).
"""

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from meter.local_broker import class_archive
from meter.local_broker.jars import SHIPPED, BrokerTrouble, fetched_jars, java, kafka_jars, locked
from meter.local_broker.probe import is_kafka
from meter.local_broker.processes import alive, command_line, gone
from meter.machine import private_files as private

HOST = "127.0.0.1"
#: A start takes 4 s on two idle cores; this allows fifteen times that.
START_SECONDS = 60
#: A clean stop takes a second or two (the first on a machine, which archives the classes, five); after this Kafka is
#: killed, which it survives like a power cut.
STOP_SECONDS = 60
HEAP = ("-Xms256m", "-Xmx1g")
LOG_TAIL_LINES = 15
#: How many ports behind the broker's are tried for its controller.
CONTROLLER_PORTS = 50


@dataclass(frozen=True)
class Running:
    """A running broker: its process id and port."""

    pid: int
    port: int


@dataclass(frozen=True)
class Broker:
    """The broker of one data directory; `say` is called with a sentence before each long step."""

    data_dir: Path
    say: Callable[[str], None] = lambda _: None
    heap: tuple[str, ...] = HEAP
    #: Settings that differ from the shipped ones.
    settings: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def home(self) -> Path:
        """The directory of all its files."""
        return self.data_dir.resolve() / "kafka"

    @property
    def properties(self) -> Path:
        """Kafka's settings file, the last word of its command line."""
        return self.home / "server.properties"

    @property
    def log(self) -> Path:
        """The file with Kafka's output."""
        return self.home / "kafka.log"

    def running(self) -> Running | None:
        """The running broker; None if its process ended (another program may have its process id now)."""
        try:
            noted = json.loads((self.home / "broker.json").read_text())
            found = Running(int(noted["pid"]), int(noted["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if f" {self.properties} " in f"{command_line(found.pid)} " else None

    def up(self, port: int) -> Running:
        """Start it unless it is running, and return when it answers.

        1. Lock the data directory. 2. If it is up on this port, done. 3. Refuse a port in use. 4. Get the jars.
        5. Write the settings and format the log directory. 6. Start. 7. Wait for an answer.
        """
        self.make_home()
        with locked(self.home / "lock"):  # 1
            running = self.running()
            if running is not None:  # 2
                if running.port != port:
                    raise BrokerTrouble(
                        f"one broker in a data directory: {self.data_dir} has one on port {running.port}, "
                        f"asked for {port}; stop it (`meter broker down`) or take another --data-dir"
                    )
                self._wait(running)
                return running
            refuse_taken(port)  # 3
            jars = fetched_jars(self.say)  # 4
            self._format(port, jars)  # 5
            running = self._start(port, jars)  # 6
            self._wait(running)  # 7
            return running

    def make_home(self) -> None:
        """Make its directory, unless it is there."""
        private.directory(self.data_dir)
        private.own_directory(self.home)

    def down(self) -> Running | None:
        """Stop it and wait for its end; returns what was stopped, None if nothing ran. Waits for a start under way."""
        if not self.home.is_dir():
            return None
        with locked(self.home / "lock"):
            return self._stop()

    def _stop(self) -> Running | None:
        running = self.running()
        if running is not None:
            self.say(f"stopping the broker on port {running.port} (process {running.pid})")
            os.kill(running.pid, signal.SIGTERM)
            if gone(running.pid, STOP_SECONDS):
                class_archive.keep(kafka_jars(), self.home)
            else:
                self.say(f"it did not stop within {STOP_SECONDS} s; killing it: it recovers at its next start")
                os.kill(running.pid, signal.SIGKILL)
                if not gone(running.pid, STOP_SECONDS):
                    raise BrokerTrouble(f"process {running.pid} lives on after SIGKILL; look at it with `ps`")
        (self.home / "broker.json").unlink(missing_ok=True)
        return running

    def settings_text(self, port: int) -> str:
        """Its `server.properties`."""
        return properties_text({**own_properties(port, controller_port(port), self.home / "data"), **self.settings})

    def format_options(self) -> list[str]:
        """Options for formatting a new log directory: a new cluster id."""
        return ["-t", cluster_id()]

    def _format(self, port: int, jars: Path) -> None:
        private.write(self.properties, self.settings_text(port))
        if (self.home / "data" / "meta.properties").exists():
            return
        self.say(f"formatting {self.home / 'data'}")
        tool = ["kafka.tools.StorageTool", "format", "-c", str(self.properties), *self.format_options()]
        done = subprocess.run(java(jars, *tool), capture_output=True, text=True, check=False, umask=private.UMASK)
        if done.returncode != 0:
            raise BrokerTrouble(f"Kafka's log directory cannot be formatted:\n{done.stdout}{done.stderr}")

    def _start(self, port: int, jars: Path) -> Running:
        self.say(f"starting Apache Kafka on {HOST}:{port}, data in {self.home}")
        # Through a shell that ends at once, so that the broker is not a child of this process.
        script = 'nohup "$@" >"$0" 2>&1 </dev/null & echo $!'
        class_archive.forget(self.home)
        serve = java(jars, *self.heap, "kafka.Kafka", str(self.properties), home=self.home)
        shell = ["sh", "-c", script, str(self.log), *serve]
        done = subprocess.run(
            shell,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            start_new_session=True,
            cwd=self.home,
            umask=private.UMASK,
        )
        running = Running(int(done.stdout), port)
        private.write(self.home / "broker.json", json.dumps({"pid": running.pid, "port": port}))
        return running

    def _wait(self, running: Running) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not is_kafka(HOST, running.port):
            if not alive(running.pid):
                (self.home / "broker.json").unlink(missing_ok=True)
                raise BrokerTrouble(f"the broker stopped while starting; the end of {self.log}:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise BrokerTrouble(
                    f"the broker on port {running.port} gave no answer in {START_SECONDS} s; it still runs "
                    f"(`meter broker down` stops it); the end of {self.log}:\n{tail(self.log)}"
                )
            time.sleep(0.1)


def refuse_taken(port: int) -> None:
    """Refuse a port on which another program listens."""
    if not 1 <= port <= 65_535:
        raise BrokerTrouble(f"--port is 1–65535, this is {port}")
    taken = bind_error(port)
    if taken is not None:
        what = "another Kafka" if is_kafka(HOST, port) else "something else"
        raise BrokerTrouble(f"port {port} is in use by {what}: {taken}; stop it, or choose another with --port")


def controller_port(port: int) -> int:
    """The first free port behind the broker's, for its controller, which only the broker itself calls."""
    for candidate in range(port + 1, min(port + CONTROLLER_PORTS, 65_535) + 1):
        if bind_error(candidate) is None:
            return candidate
    raise BrokerTrouble(f"the {CONTROLLER_PORTS} ports after {port} are in use, one is needed; choose another --port")


def bind_error(port: int) -> str | None:
    """Why a port cannot be used; None if it can."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def cluster_id() -> str:
    """A new cluster id as Kafka writes it: 16 bytes in URL-safe base64 without hyphens."""
    return urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_")


def own_properties(port: int, controller: int, data: Path) -> dict[str, str]:
    """The settings of one broker alone: its ports and directory."""
    return {
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{port}",
        "log.dirs": str(data),
    }


def properties_text(own: Mapping[str, str]) -> str:
    """The shipped settings, overridden by a broker's own, as a properties file."""
    merged = shipped_properties() | dict(own)
    return "".join(f"{name}={value}\n" for name, value in merged.items())


def shipped_properties() -> dict[str, str]:
    """The settings of the shipped `server.properties`."""
    lines = (SHIPPED / "server.properties").read_text().splitlines()
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def tail(log: Path) -> str:
    """The last lines of a log, for an error message."""
    with contextlib.suppress(OSError):
        return "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
    return "(no log)"
