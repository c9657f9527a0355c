"""The last result, on its way from `meter verify` to a worker's `/metrics`; and how a result is told."""

import json
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from agents.metrics.metrics import Metrics
from meter.cli.verify import SHOWN, json_lines, report
from meter.verified import FILE, NEVER, keep, last_differences
from meter.verify.comparison import Verified
from meter.verify.differences import Difference


def shown(metrics: Metrics) -> str:
    """The metric's sample."""
    lines = generate_latest(metrics.registry).decode().splitlines()
    (line,) = (line for line in lines if line.startswith("meter_verify_differences "))
    return line.partition(" ")[2]


def test_the_metric_is_the_last_result_whenever_it_is_asked_for(tmp_path: Path) -> None:
    metrics = Metrics()
    assert shown(metrics) == "-1.0"
    metrics.show_verified(tmp_path / "data")
    assert shown(metrics) == "-1.0"
    keep(tmp_path / "data", 0, "verified")
    assert shown(metrics) == "0.0"
    keep(tmp_path / "data", 3, "verified")
    assert shown(metrics) == "3.0"


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"differences": "3"}', '{"differences": true}'])
def test_a_file_that_says_nothing_is_no_result(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    assert last_differences(tmp_path) == NEVER


def test_a_result_is_printed_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    result = Verified([Difference("overages", "a/w/logs/d", "usage", 1_001, 1_000, 7)] * (SHOWN + 2), figures=1_200)
    result.accounts, result.days, result.notes, result.left_out = {"a"}, {739_648, 739_649}, ["a note"], 1
    report(result, json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["a note", "overages a/w/logs/d: usage 1,001, recounted 1,000 (+1), revision 7"]
    assert lines[-2:] == [
        "… and 2 more; --json has all",
        "verified: 1,200 figures of 1 account over days 2026-02-01 to 2026-02-02, 102 differences, "
        "1 key changed since and left out, in 0.0 s",
    ]
    report(result, json=True)
    printed = capsys.readouterr().out.splitlines()
    assert printed == json_lines(result)
    assert len(printed) == SHOWN + 3
    assert json.loads(printed[0])["revision"] == 7
    assert json.loads(printed[-1])["days"] == ["2026-02-01", "2026-02-02"]
