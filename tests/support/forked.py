"""Processes of `python -m MODULE ARGUMENTS`: forks of a server that has everything imported, on Linux.

All processes of a run share the servers, and whichever needs one first starts it. There are two, which take turns, so
that two workers of a test have different random hashes, as they have in production.
"""

import atexit
import fcntl
import json
import os
import select
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, Any

from tests.support.fork_server import MOST_BYTES

SERVERS = 2
ROOT = Path(__file__).parents[2]
#: Where a run has its files (`tests.support.shared_broker`).
PLACE = "SHARED_TEST_BROKER"
#: A server that was just started imports first, on a busy machine.
ANSWER_SECONDS = 180.0

_connections: dict[int, socket.socket] = {}
_lock = threading.Lock()
_turns = count()
#: The process ids of all forks of this process (`tests.support.cpu_seconds`).
pids: set[int] = set()


class Forked:
    """A process, with the words of `subprocess.Popen`."""

    def __init__(self, command: Sequence[str], pid: int, told: int) -> None:
        self.args, self.pid = command, pid
        self.returncode: int | None = None
        self._told, self._lock = told, threading.Lock()

    def poll(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._heard(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit code, when it has ended; TimeoutExpired."""
        code = self._heard(timeout)
        if code is None:
            assert timeout is not None
            raise subprocess.TimeoutExpired(self.args, timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def _heard(self, timeout: float | None) -> int | None:
        with self._lock:
            if self.returncode is None and select.select([self._told], [], [], timeout)[0]:
                text = os.read(self._told, 100)
                assert text, f"the server of process {self.pid} is gone"
                os.close(self._told)
                self.returncode = int(text)
            return self.returncode


Process = Forked | subprocess.Popen[bytes]


def started(
    module: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    output: IO[Any],
    errors: IO[Any],
    *,
    session: bool = False,
) -> Process:
    """Starts `python -m module arguments`, without standard input; `session`: in a session of its own."""
    command = [sys.executable, "-m", module, *arguments]
    if sys.platform != "linux":
        return subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            start_new_session=session,
        )
    order = {
        "module": module,
        "arguments": list(arguments),
        "environment": dict(environment),
        "directory": os.getcwd(),
        "session": session,
    }
    text = json.dumps(order).encode()
    assert len(text) < MOST_BYTES
    hears, tells = os.pipe()
    with open(os.devnull, "rb") as nothing:
        try:
            pid = _asked(text, [nothing.fileno(), output.fileno(), errors.fileno(), tells])
        finally:
            os.close(tells)
    pids.add(pid)
    return Forked(command, pid, hears)


def shell_command(directory: Path) -> dict[str, str]:
    """A directory that gets a `meter` of forks, for the path of a shell, and the variables that it needs."""
    if sys.platform != "linux":
        return {}
    path = directory / "meter"
    client = Path(__file__).with_name("forked_meter.py")
    path.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -IS {shlex.quote(str(client))} "$@"\n')
    path.chmod(0o755)
    with _lock:
        if 0 not in _connections:
            _connections[0] = _connected(0)
    return {"FORK_SERVER": str(Path(os.environ[PLACE]) / "forks-0")}


def _asked(text: bytes, files: list[int]) -> int:
    """The process id of a fork; a server that just ended, since nobody was connected, is started again."""
    number = next(_turns) % SERVERS
    deadline = time.monotonic() + ANSWER_SECONDS
    with _lock:
        while time.monotonic() < deadline:
            connection = _connections.pop(number, None) or _connected(number)
            try:
                socket.send_fds(connection, [text], files)
                connection.settimeout(ANSWER_SECONDS)
                answer = connection.recv(100)
            except ConnectionError:
                answer = b""
            if answer:
                _connections[number] = connection
                return int(answer)
            connection.close()
    raise AssertionError("no server of forks answers")


@atexit.register
def _leave() -> None:
    """A server ends when nobody is connected."""
    while _connections:
        _connections.popitem()[1].close()


def _connected(number: int) -> socket.socket:
    """A connection to a server, which is started if there is none."""
    place = Path(os.environ[PLACE])
    path = place / f"forks-{number}"
    with (place / f"forks-{number}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return _connection(path)
        except (FileNotFoundError, ConnectionRefusedError):
            _start(path)
            return _connection(path)


def _connection(path: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(str(path))
    except OSError:
        connection.close()
        raise
    return connection


def _start(path: Path) -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("METER_", "CPU_SECONDS"))}
    with path.with_suffix(".log").open("ab") as log:
        subprocess.run(
            [sys.executable, "-m", "tests.support.fork_server", str(path)],
            env={**inherited, "OPENBLAS_NUM_THREADS": "1"},  # a fork of several threads has only one
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
            start_new_session=True,
            check=True,
        )
