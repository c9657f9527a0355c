"""Grafana's own types take the dashboards: every panel, option and query of them, and no field that Grafana lacks.

`tests/monitoring/grafana` is a Go program on grafana-foundation-sdk, which Grafana generates from its schema.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.expressions import DASHBOARDS, ROOT, board
from tests.support.languages import at_hand

PROGRAM = ROOT / "tests/monitoring/grafana"


@pytest.fixture(scope="module")
def checker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program, built."""
    built = tmp_path_factory.mktemp("grafana") / "check"
    if not at_hand(["go", "build", "-o", str(built), "."], PROGRAM):
        pytest.skip("Go, or grafana-foundation-sdk, is not on the machine: .ci/languages fetches it")
    return built


def checked(checker: Path, *paths: Path) -> tuple[int, str]:
    done = subprocess.run([checker, *paths], capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_grafanas_types_take_every_dashboard(checker: Path) -> None:
    assert checked(checker, *DASHBOARDS) == (0, "")


def misspelt(found: dict[str, Any]) -> None:
    found["panels"][1]["fieldConfig"]["defaults"]["units"] = "s"


def of_another_type(found: dict[str, Any]) -> None:
    found["panels"][1]["gridPos"]["h"] = "8"


def an_option_that_is_none(found: dict[str, Any]) -> None:
    panel = next(panel for panel in found["panels"] if panel["type"] == "timeseries")
    panel["options"]["legend"]["position"] = "bottom"


def a_query_that_is_none(found: dict[str, Any]) -> None:
    found["panels"][1]["targets"][0]["exprr"] = "up"


@pytest.mark.parametrize("spoil", [misspelt, of_another_type, an_option_that_is_none, a_query_that_is_none])
def test_what_grafana_does_not_know_is_refused(spoil: Any, checker: Path, tmp_path: Path) -> None:
    found = board(DASHBOARDS[0])
    spoil(found)
    path = tmp_path / "spoilt.json"
    path.write_text(json.dumps(found), encoding="utf-8")
    code, text = checked(checker, path)
    assert code == 1, text
