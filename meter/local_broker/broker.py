"""A single-node Apache Kafka on loopback from Maven's jars, where no container engine is at hand.

It belongs to a data directory: `<data-dir>/kafka` holds its log, its settings and `broker.json`, which names
the process and its port. It is started detached, outlives the command that started it, and is up only when
it has answered a metadata request. The jars are shared by all data directories of a user (43 MB, once).
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
from dataclasses import dataclass
from pathlib import Path

from meter.local_broker import class_archive
from meter.local_broker.jars import SHIPPED, BrokerTrouble, fetched_jars, java, kafka_jars, locked
from meter.local_broker.probe import is_kafka
from meter.local_broker.processes import alive, command_line, gone
from meter.machine import private_files as private

HOST = "127.0.0.1"
#: Starting takes 4 s on two idle cores; busy ones get fifteen times that.
START_SECONDS = 60
#: A clean stop takes a second or two, the first one on a machine, which archives the classes, five on idle cores; after
#: this it is killed, which Kafka survives as it does a power cut.
STOP_SECONDS = 60
HEAP = ("-Xms256m", "-Xmx1g")
LOG_TAIL_LINES = 15
#: How many ports after the broker's are tried for its controller.
CONTROLLER_PORTS = 50


@dataclass(frozen=True)
class Running:
    """A broker that was started and not stopped: its process and port."""

    pid: int
    port: int


@dataclass(frozen=True)
class Broker:
    """The broker of one data directory; `say` is told what it does next, a sentence at a time."""

    data_dir: Path
    say: Callable[[str], None] = lambda _: None
    heap: tuple[str, ...] = HEAP

    @property
    def home(self) -> Path:
        """Where everything of it lies."""
        return self.data_dir.resolve() / "kafka"

    @property
    def properties(self) -> Path:
        """What Kafka is started with; its command line ends in it."""
        return self.home / "server.properties"

    @property
    def log(self) -> Path:
        """What it printed."""
        return self.home / "kafka.log"

    def running(self) -> Running | None:
        """Its process, if that is alive and still ours (a process id may be taken by another program)."""
        try:
            noted = json.loads((self.home / "broker.json").read_text())
            found = Running(int(noted["pid"]), int(noted["port"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return found if f" {self.properties} " in f"{command_line(found.pid)} " else None

    def up(self, port: int) -> Running:
        """Start it, unless it runs already, and return when it answers.

        1. One at a time in a data directory. 2. Already up on this port: nothing to do. 3. Port free, or
        refuse. 4. The jars. 5. Settings and a formatted log directory. 6. Start. 7. Wait for an answer.
        """
        private.directory(self.data_dir)
        private.own_directory(self.home)
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

    def down(self) -> Running | None:
        """Stop it and return when it is gone: what was stopped, or None when nothing ran; a start is waited for."""
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
        return properties_text(own_properties(port, controller_port(port), self.home / "data"))

    def format_options(self) -> list[str]:
        """What a new log directory is formatted with: the id of a cluster of its own."""
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
        # By way of a shell that ends at once, so that nobody who started it has to wait for it as a child.
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
    """Refuse a port on which something listens: two programs cannot share it."""
    if not 1 <= port <= 65_535:
        raise BrokerTrouble(f"--port is 1–65535, this is {port}")
    taken = bind_error(port)
    if taken is not None:
        what = "another Kafka" if is_kafka(HOST, port) else "something else"
        raise BrokerTrouble(f"port {port} is in use by {what}: {taken}; stop it, or choose another with --port")


def controller_port(port: int) -> int:
    """The first free port after the broker's: its controller listens there, and only the broker itself asks it."""
    for candidate in range(port + 1, min(port + CONTROLLER_PORTS, 65_535) + 1):
        if bind_error(candidate) is None:
            return candidate
    raise BrokerTrouble(f"the {CONTROLLER_PORTS} ports after {port} are in use, one is needed; choose another --port")


def bind_error(port: int) -> str | None:
    """Why a port cannot be listened on; None if it can."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def cluster_id() -> str:
    """A new id of a cluster, as Kafka writes it: 16 bytes in base64 that begin with no hyphen."""
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
    """The shipped settings with a broker's own in their place."""
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
