"""A Postgres of a test's own, from the machine's Debian packages; without them the test is left out."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

#: (script or None, standard input) to what psql printed.
Load = Callable[[Path | None, str], str]


@contextmanager
def postgres() -> Iterator[Load]:
    """A server on a socket in a directory of its own; root lends that to the user `postgres`, as Postgres asks."""
    binaries = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not binaries or shutil.which("psql") is None:
        pytest.skip("Postgres is not installed here")
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.getuid() == 0 else {}
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        if user:
            shutil.chown(home, **user)

        def do(*command: str) -> None:
            subprocess.run(
                [binaries[-1] / command[0], *command[1:]], check=True, stdout=subprocess.DEVNULL, cwd=home, **user
            )

        def psql(script: Path | None, given: str) -> str:
            command = ["psql", "-X", "-qAt", "-v", "ON_ERROR_STOP=1", "-h", name, "-U", "meter", "postgres"]
            command += ["-f", str(script)] if script else []
            done = subprocess.run(command, input=given, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            return done.stdout

        do("initdb", "-D", f"{name}/data", "-A", "trust", "-U", "meter")
        do("pg_ctl", "-D", f"{name}/data", "-l", f"{name}/log", "-o", f"-c listen_addresses= -k {name}", "-w", "start")
        try:
            yield psql
        finally:
            do("pg_ctl", "-D", f"{name}/data", "-m", "immediate", "-w", "stop")
