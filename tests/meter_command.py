"""The `meter` command by itself, without a variable of whoever runs the tests."""

import os
import subprocess
import sys

BROKER_SECONDS = 300


def meter_command(*arguments: str) -> None:
    """Runs `meter …` and fails with what it said."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
    done = subprocess.run(
        [sys.executable, "-m", "meter.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        timeout=BROKER_SECONDS,
        check=False,
    )
    assert done.returncode == 0, f"meter {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}"
