"""The list of failpoints is the one in the source, each in the run that ends a worker there."""

import ast
from collections import Counter
from pathlib import Path

import pytest

from meter import failpoints
from tests.faults import points
from tests.faults.worker import Failpoint

ROOT = Path(__file__).parents[2]


def called() -> list[str]:
    """The names that the product reaches, as often as they stand in its source."""
    files = [path for part in ("agents", "meter", "tables", "schemas") for path in (ROOT / part).rglob("*.py")]
    calls = [
        node
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "reach"
    ]
    return [ast.literal_eval(call.args[0]) for call in calls]


def test_every_failpoint_of_the_source_is_in_the_list_once_and_no_other() -> None:
    assert Counter(called()) == Counter(points.ALL)


def test_every_run_of_the_list_is_the_subject_of_a_test() -> None:
    runs = [name for name, value in vars(points).items() if isinstance(value, tuple) and name != "ALL"]
    tests = "".join(path.read_text(encoding="utf-8") for path in Path(__file__).parent.glob("test_failpoints_*.py"))
    assert [name for name in runs if f"points.{name}" not in tests] == []
    assert {name for run in runs for name in getattr(points, run)} == set(points.ALL)


def test_without_a_hook_nothing_happens_and_with_one_only_the_nth_time_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failpoints.reach("anything")
    sent: list[int] = []
    monkeypatch.setattr("os.kill", lambda _, number: sent.append(number))
    monkeypatch.setattr(failpoints, "hook", Failpoint("here:2:kill"))
    for name in ("here", "there"):
        failpoints.reach(name)
    assert sent == []
    for _ in range(2):
        failpoints.reach("here")
    assert sent == [9]
