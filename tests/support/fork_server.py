"""Starts `python -m MODULE ARGUMENTS` in a fork of a process that has everything imported: half of a start's CPU.

    python -m tests.support.fork_server SOCKET

An order names module, arguments, environment, directory and session; with it come four files: standard input, output
and error, and where the exit code goes. The answer is the process id. A fork is a process like any other, with its own
signals; imported before are only modules, and random hashes are those of the server (`tests.support.forked` runs two).
What runs for somebody is killed when that connection ends. The server ends when nobody is connected any more.
"""

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import runpy
import selectors
import signal
import socket
import sys
import time
from dataclasses import dataclass
from typing import Any

MOST_BYTES = 200_000
#: Without anybody connected.
IDLE_SECONDS = 30.0
#: What workers and commands import, by themselves or inside functions.
PREPARED = ("meter.cli", "meter.commands", "meter.verify", "agents")


@dataclass
class Order:
    """What a fork becomes."""

    asked: dict[str, Any]
    files: list[int]

    def become(self) -> str:
        """Take over files, environment, directory and arguments; the module to run."""
        for number, file in enumerate(self.files[:3]):
            os.dup2(file, number)
        for file in self.files:
            os.close(file)
        if self.asked["session"]:
            os.setsid()
        os.environ.clear()
        os.environ.update(self.asked["environment"])
        time.tzset()
        os.chdir(self.asked["directory"])
        with contextlib.suppress(OSError), open("/proc/self/comm", "w") as name:
            name.write(self.asked["arguments"][0])
        sys.argv = [self.asked["module"], *self.asked["arguments"]]
        gc.enable()
        return str(self.asked["module"])


class Server:
    """Takes orders from whoever connects; `serve` returns an order in every fork, and None at the end."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._ready = selectors.DefaultSelector()
        self._ready.register(listener, selectors.EVENT_READ)
        woken, wakes = os.pipe()
        for end in (woken, wakes):
            os.set_blocking(end, False)
        self._woken, self._wakes = woken, wakes
        self._ready.register(woken, selectors.EVENT_READ)
        signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self._clients: set[socket.socket] = set()
        #: Who asked for each fork, and where its exit code goes.
        self._forks: dict[int, tuple[socket.socket, int]] = {}

    def serve(self) -> Order | None:
        """Fork for every order, until nobody is there."""
        while found := self._ready.select(None if self._clients else IDLE_SECONDS):
            for key, _ in found:
                if key.fileobj is self._listener:
                    client, _ = self._listener.accept()
                    self._clients.add(client)
                    self._ready.register(client, selectors.EVENT_READ)
                elif key.fileobj == self._woken:
                    self._reap()
                elif isinstance(key.fileobj, socket.socket):
                    order = self._taken(key.fileobj)
                    if order is not None:
                        return order
        return None

    def _taken(self, client: socket.socket) -> Order | None:
        """The order in its fork; None in the server."""
        try:
            text, files, *_ = socket.recv_fds(client, MOST_BYTES, 4)
        except ConnectionError:
            text, files = b"", []
        if not text:
            self._part(client)
            return None
        pid = os.fork()
        if pid == 0:
            self._leave()
            os.close(files.pop())
            return Order(json.loads(text), files)
        for file in files[:3]:
            os.close(file)
        self._forks[pid] = (client, files[3])
        client.send(b"%d" % pid)
        return None

    def _part(self, client: socket.socket) -> None:
        """Whoever asked is gone: so is what runs for it."""
        for pid, (asked, _) in self._forks.items():
            if asked is client:
                os.kill(pid, signal.SIGKILL)
        self._ready.unregister(client)
        self._clients.remove(client)
        client.close()

    def _leave(self) -> None:
        """A fork has nothing of the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._ready.close()
        for each in (self._listener, *self._clients):
            each.close()
        for end in (self._woken, self._wakes, *(told for _, told in self._forks.values())):
            os.close(end)

    def _reap(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(self._woken, 4096)
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                _, told = self._forks.pop(ended[0])
                with contextlib.suppress(BrokenPipeError):  # whoever asked is gone
                    os.write(told, b"%d" % os.waitstatus_to_exitcode(ended[1]))
                os.close(told)


def prepare() -> None:
    """Import what every fork would import."""
    gc.disable()
    for name in PREPARED:
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(package.__path__, f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    with contextlib.suppress(ImportError):
        importlib.import_module("uvloop")
    gc.freeze()


def main(path: str) -> None:
    """Listen, leave the command that started this, and serve; a fork runs its module to its end."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path)
    listener.listen(64)
    if os.fork():
        os._exit(0)
    prepare()
    order = Server(listener).serve()
    if order is not None:
        runpy.run_module(order.become(), run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1])
