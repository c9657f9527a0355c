"""The `meter` command run by a person beside running workers: with their broker and their prefix."""

import os
import subprocess
import sys

from tests.end_to_end.workers import Meter

COMMAND_SECONDS = 60


def run(meter: Meter, *arguments: str) -> tuple[int, str]:
    """Exit code and all that it said."""
    command = begin(meter, *arguments)
    try:
        found, complaints = command.communicate(timeout=COMMAND_SECONDS)
    finally:
        command.kill()
        command.wait()
    return command.returncode, found + complaints


def begin(meter: Meter, *arguments: str) -> subprocess.Popen[str]:
    """The command while it runs."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
    return subprocess.Popen(
        [sys.executable, "-m", "meter.cli", *arguments],
        env={**inherited, **meter.variables, "METER_DATA_DIR": str(meter.directory / "command")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
