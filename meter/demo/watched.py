"""The demo's dashboard: a process of `meter dashboard` beside the worker, and the address where the day unfolds."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from meter.demo.stage import Stage, Started, free_port, launched
from meter.settings import Settings

#: The account whose day is SPEC's worked example.
EXAMPLE = "acme"


class Watched(Started):
    """A process of `meter dashboard`; it shows what there is, also before the first record."""

    @property
    def address(self) -> str:
        """Its first page."""
        return f"http://127.0.0.1:{self.port}/"

    @property
    def example(self) -> str:
        """Where the worked example happens."""
        return f"{self.address}accounts/{EXAMPLE}"


@contextmanager
def dashboard(stage: Stage, own: Mapping[str, str]) -> Iterator[Watched]:
    """A dashboard with `own` variables, at its usual port if that is free; it is gone at the end."""
    port = port_for(stage.settings)
    variables = {**own, "METER_DASHBOARD_PORT": str(port)}
    with launched("dashboard", stage, variables) as (process, log):
        yield Watched("dashboard", process, port, log)


def port_for(settings: Settings) -> int:
    """METER_DASHBOARD_PORT if nobody listens there, else any free one."""
    with socket.socket() as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", settings.dashboard_port))
        except OSError:
            return free_port()
    return settings.dashboard_port
