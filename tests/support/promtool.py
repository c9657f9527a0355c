"""Prometheus' own tools, where they are installed: Debian's package `prometheus` brings `promtool` and `prometheus`."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def program(name: str) -> str:
    """Where a program of Prometheus is; skips the test where it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: `apt-get install prometheus` brings it (.ci/run does that)")
    return found


def promtool(*arguments: str | Path, stdin: bytes | None = None) -> "subprocess.CompletedProcess[str]":
    """What `promtool …` says."""
    command = [program("promtool"), *map(str, arguments)]
    seldom = {**os.environ, "GOGC": "400"}  # its garbage is collected for a fifth of its CPU
    done = subprocess.run(command, input=stdin, env=seldom, capture_output=True, timeout=120, check=False)
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())
