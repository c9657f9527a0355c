"""The `meter` command run by a person beside running workers: with their broker and their prefix."""

import os
import subprocess
import sys

from tests.end_to_end.workers import Meter

COMMAND_SECONDS = 60


def run(meter: Meter, *arguments: str) -> tuple[int, str]:
    """Exit code and all that it said."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
    done = subprocess.run(
        [sys.executable, "-m", "meter.cli", *arguments],
        env={**inherited, **meter.variables, "METER_DATA_DIR": str(meter.directory / "command")},
        capture_output=True,
        text=True,
        timeout=COMMAND_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout + done.stderr
