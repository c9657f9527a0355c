"""Dashboards as an operator runs them: processes of `meter dashboard`, asked by HTTP."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter, free_port
from tests.support.forked import started

READY_SECONDS, STOP_SECONDS = 120.0, 60.0
#: Until a page shows what Kafka has, on a busy machine.
SHOWN_SECONDS = 60.0


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer, too."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


class DashboardProcess:
    """One process; the same directory takes up the same file."""

    def __init__(self, meter: Meter, directory: Path, **variables: str) -> None:
        self.port = free_port()
        self.log = directory / "dashboard.log"
        own = {"METER_DATA_DIR": str(directory), "METER_DASHBOARD_PORT": str(self.port)}
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
        #: Seconds until an answer must have come.
        self.patience = 60.0
        self._opener = urllib.request.build_opener(NoRedirects)
        with self.log.open("ab") as output:
            environment = {**inherited, **meter.variables, **own, **variables}
            self.process = started("meter.cli", ["dashboard"], environment, output, output, session=True)

    def __enter__(self) -> "DashboardProcess":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def ask(self, path: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[int, str]:
        """Status and text of an address; 0 while nobody listens, or where no answer comes in time."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body, named, method=method)
        try:
            with self._opener.open(request, timeout=self.patience) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def json(self, path: str, **headers: str) -> Any:
        """The JSON of an address."""
        status, text = self.ask(path, "GET", None, **headers)
        assert status == 200, f"{path}: {status} {text[:500]}"
        return json.loads(text)

    def wait_ready(self) -> "DashboardProcess":
        wait_until("the dashboard is ready", self._ready, READY_SECONDS, self.log_text)
        return self

    def _ready(self) -> bool:
        assert self.process.poll() is None, f"the dashboard ended:\n{self.log_text()}"
        return self.ask("/ready")[0] == 200

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(STOP_SECONDS)

    def log_text(self) -> str:
        return self.log.read_text(errors="replace")
