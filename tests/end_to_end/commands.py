"""The `meter` command run by a person beside running workers: with their broker and their prefix."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from typing import IO

from tests.end_to_end.workers import Meter
from tests.support.forked import started

#: For a command that comes to its end, on a busy machine.
COMMAND_SECONDS = 120


def run(meter: Meter, *arguments: str) -> tuple[int, str]:
    """Exit code and all that it said, what was printed first."""
    code, found, complaints = ended(arguments, environment(meter), COMMAND_SECONDS)
    return code, found + complaints


def ended(arguments: Sequence[str], variables: Mapping[str, str], seconds: float) -> tuple[int, str, str]:
    """Exit code, output and errors of a `meter` command that comes to its end."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        command = started("meter.cli", arguments, variables, output, errors)
        try:
            code = command.wait(seconds)
        finally:
            command.kill()
            command.wait()
        return code, _content(output), _content(errors)


def _content(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def begin(meter: Meter, *arguments: str) -> subprocess.Popen[str]:
    """The command while it runs."""
    return subprocess.Popen(
        [sys.executable, "-m", "meter.cli", *arguments],
        env=environment(meter),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def environment(meter: Meter, directory: str = "command") -> dict[str, str]:
    """The variables of a command beside these workers, with a data directory of its own or that of a worker."""
    return {**inherited(), **meter.variables, "METER_DATA_DIR": str(meter.directory / directory)}


def inherited() -> dict[str, str]:
    """What every process has of the environment: no `METER_…` of whoever runs the tests."""
    return {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
