"""A Prometheus of a test's own: scrapes a worker every two seconds, evaluates the shipped rules, answers queries."""

import json
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import yaml

from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import free_port
from tests.monitoring.expressions import PROMETHEUS
from tests.support.promtool import program

START_SECONDS = 120.0


def _every_second(directory: Path) -> Path:
    """The shipped rules, without intervals of their own."""
    rules = yaml.safe_load((PROMETHEUS / "rules.yaml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        group.pop("interval", None)
    copy = directory / "rules.yaml"
    copy.write_text(yaml.safe_dump(rules), encoding="utf-8")
    return copy


class Prometheus:
    """Runs while the `with` block does."""

    def __init__(self, directory: Path, target: str) -> None:
        self._port = free_port()
        self._log = directory / "prometheus.log"
        config = directory / "prometheus.yml"
        described = {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s", "evaluation_interval": "1s"},
            "rule_files": [str(_every_second(directory))],
            "scrape_configs": [{"job_name": "usage-meter", "static_configs": [{"targets": [target]}]}],
        }
        config.write_text(yaml.safe_dump(described), encoding="utf-8")
        self._command = [
            program("prometheus"),
            f"--config.file={config}",
            f"--storage.tsdb.path={directory / 'data'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            "--log.level=warn",
        ]

    def __enter__(self) -> "Prometheus":
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(self._command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        try:
            wait_until("Prometheus is ready", self._ready, START_SECONDS, self.log)
            wait_until("the worker is scraped", lambda: self.query("up == 1") != [], START_SECONDS, self.log)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(60)

    def _ready(self) -> bool:
        """It answers queries; while it opens its storage it answers them with 503."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=30):
                return True
        except OSError as error:
            if isinstance(error, urllib.error.HTTPError):
                error.close()
            return False

    def log(self) -> str:
        return self._log.read_text(errors="replace")[-4_000:]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """What an expression is now; none while nobody answers. Fails where Prometheus does not take it."""
        answer = self._get(f"/api/v1/query?{urllib.parse.urlencode({'query': expression})}")
        result: list[dict[str, Any]] = answer["data"]["result"] if answer else []
        return result

    def rules(self) -> list[dict[str, Any]]:
        """Every rule as it was last evaluated."""
        answer = self._get("/api/v1/rules")
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]] if answer else []

    def _get(self, path: str) -> dict[str, Any]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as response:
                found: dict[str, Any] = json.load(response)
                return found
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()}") from None
        except OSError:
            return {}
