"""The demo's dashboard: a process of `meter dashboard` beside the worker, and the address where the day unfolds."""

import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from meter.demo.stage import INTERRUPTED_SECONDS, free_port, launched, uninterrupted
from meter.settings import Settings

#: The account whose day is SPEC's worked example.
EXAMPLE = "acme"


class Watched:
    """A dashboard's process; it shows what there is, also before the first record."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self._process = process
        self.address = f"http://127.0.0.1:{port}/"

    @property
    def example(self) -> str:
        """Where the worked example happens."""
        return f"{self.address}accounts/{EXAMPLE}"

    @property
    def answers(self) -> bool:
        """Whether its port answers already."""
        try:
            with urllib.request.urlopen(f"{self.address}live", timeout=1):
                return True
        except (urllib.error.URLError, OSError):
            return False

    @property
    def ended(self) -> bool:
        """Whether the process is gone."""
        return self._process.poll() is not None


@contextmanager
def dashboard(settings: Settings, directory: Path, own: Mapping[str, str]) -> Iterator[Watched]:
    """A dashboard with `own` variables, at its usual port if that is free; it is gone at the end."""
    port = port_for(settings)
    variables = {**own, "METER_DATA_DIR": str(directory / "dashboard"), "METER_DASHBOARD_PORT": str(port)}
    process = launched("dashboard", settings, directory, variables)
    try:
        yield Watched(process, port)
    finally:
        with uninterrupted():
            process.terminate()
            try:
                process.wait(INTERRUPTED_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def port_for(settings: Settings) -> int:
    """METER_DASHBOARD_PORT if nobody listens there, else any free one."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", settings.dashboard_port))
        except OSError:
            return free_port()
    return settings.dashboard_port
