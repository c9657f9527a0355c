"""A shell in which a document's session is typed, beside running workers."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.end_to_end.commands import environment
from tests.end_to_end.workers import Meter
from tests.support.documents import ROOT
from tests.support.forked import shell_command

END = "-- end of a step --"


class Console:
    """One bash; each step sees the variables of those before it."""

    def __init__(self, meter: Meter, directory: Path = ROOT) -> None:
        commands = meter.directory / "commands"
        commands.mkdir(exist_ok=True)
        forks = shell_command(commands)
        path = os.pathsep.join([str(commands), str(Path(sys.executable).parent), os.environ["PATH"]])
        self._meter = meter
        self._sent = True
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=directory,
            env={**environment(meter, "console"), **forks, "PATH": path},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, command: str) -> str:
        """What a command printed; what `meter send` sent before is handled by then (orders wait by themselves)."""
        if self._sent:
            self._meter.settle()
        self._sent = "meter send" in command
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        self._shell.stdin.write(f"{command}\necho '{END}'\n")
        self._shell.stdin.flush()
        collected: list[str] = []
        for line in self._shell.stdout:
            if line.rstrip("\n").endswith(END):
                return "".join(collected)
            collected.append(line)
        raise AssertionError(f"the shell ended at {command!r}:\n{''.join(collected)}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.killpg(self._shell.pid, signal.SIGKILL)  # with what a session left in the background
        self._shell.communicate()
