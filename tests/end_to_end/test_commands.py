"""`meter send` and `meter overages` on a real Kafka, beside a worker: the README's session by hand."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from meter.cli.asking import UNATTENDED
from tests import records
from tests.end_to_end.commands import COMMAND_SECONDS, ended, inherited
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.records import pay, traffic
from tests.scenarios import midnight_zone

pytestmark = pytest.mark.e2e

MILLION = 1_000_000
FOLLOW_SECONDS = 60.0


def command(*arguments: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """A command with these variables and no other `METER_…`."""
    return subprocess.CompletedProcess(arguments, *ended(arguments, inherited() | variables, COMMAND_SECONDS))


def run(meter: Meter, *arguments: str) -> str:
    """What a command prints, as the operator of this meter."""
    done = command(*arguments, **meter.variables)
    assert done.returncode == 0, done.stderr
    return done.stdout


def written(path: Path, *lines: object) -> str:
    path.write_bytes(b"".join(records.json_bytes(line) + b"\n" for line in lines))
    return str(path)


def test_a_session_by_hand(new_meter: StartMeter, tmp_path: Path) -> None:
    now_us = time.time_ns() // 1000
    meter = new_meter(Settings(midnight_zone(now_us, 12 * 3600)))
    done = command("overages", **meter.variables)
    assert f"there is no topic {meter.kafka.prefix}overages at" in done.stderr
    worker = meter.start().wait_ready()
    bindings = [records.binding(name, "acct_1") for name in ("wksp_a", "wksp_b")]
    orders = [
        records.top_up("acct_1", "t-1", "103380.00"),
        records.purchase(
            "acct_1", "o-1", "startup", ["wksp_a", "wksp_b"], [pay("103380.00")], traffic=[traffic("logs", 110)]
        ),
    ]
    usage = [records.usage(name, "logs", 100 * MILLION, now_us, id=name) for name in ("wksp_a", "wksp_b")]
    file = tmp_path / "lines.jsonl"
    assert run(meter, "send", "workspaces", written(file, *bindings)) == (
        "2 records sent to workspaces, every one acknowledged\n"
    )
    run(meter, "send", "orders", "--check", written(file, *orders))
    meter.settle()
    assert run(meter, "overages") == "no overages\n"
    run(meter, "send", "usage", "--check", written(file, *usage))
    meter.settle()

    (row,) = (line.split() for line in run(meter, "overages").splitlines() if "acct_1" in line)
    assert row[2:] == ["logs", "wksp_b", "100,000,000", "50,000,000", "50,000,000", "75.00", "CNY"]
    (line,) = run(meter, "overages", "--account", "acct_1", "--day", row[1], "--json").splitlines()
    (published,) = meter.kafka.published("overages")
    assert json.loads(line) == published.value
    assert run(meter, "overages", "--account", "acct_2") == "no overages of account acct_2\n"
    unknown = written(file, {**usage[0], "id": "3", "subject": "nobody"}, {**usage[0], "id": "4"})
    refused = command("send", "usage", "--check", unknown, **meter.variables)
    assert (refused.returncode, "line 1: workspace_unknown: workspace 'nobody'" in refused.stderr) == (1, True)
    moved = written(file, records.binding("wksp_new", "acct_1"), records.binding("wksp_new", "acct_2"))
    refused = command("send", "workspaces", "--check", moved, **meter.variables)
    assert (refused.returncode, "line 2: workspace_cannot_move: workspace wksp_new" in refused.stderr) == (1, True)
    back = written(file, {**records.binding("wksp_a", "acct_1"), "tier": "free"})
    refused = command("send", "workspaces", "--check", back, **meter.variables)
    assert (refused.returncode, "line 1: workspace_cannot_return_to_free" in refused.stderr) == (1, True)
    assert len(meter.kafka.read("usage")) == len(usage)
    keys = {record.key() for topic in ("usage", "plan-purchases") for record in meter.kafka.read(topic)}
    assert keys == {b"wksp_a", b"wksp_b", b"acct_1"}
    asked = (["overages"], ["plans", "acct_1"], ["wallets", "acct_1"])
    assert [command(*each, **meter.variables).stderr for each in asked] == ["", "", ""]
    assert worker.stop() == 0
    for each in asked:
        done = command(*each, **meter.variables)
        assert (done.returncode, done.stderr) == (0, f"{UNATTENDED}\n")
        assert "acct_1" in done.stdout, "what was published is shown all the same"


def test_changes_are_followed_while_a_large_file_is_sent(new_meter: StartMeter, tmp_path: Path) -> None:
    now_us = time.time_ns() // 1000
    meter = new_meter(Settings(midnight_zone(now_us, 12 * 3600)))
    meter.start().wait_ready()
    run(meter, "send", "workspaces", written(tmp_path / "w", records.binding("wksp_a", "acct_1")))
    meter.settle()
    out = tmp_path / "followed"
    with out.open("wb") as output:
        environment = {**meter.variables, "PYTHONUNBUFFERED": "1"}
        following = subprocess.Popen(
            [sys.executable, "-m", "meter.cli", "overages", "--follow", "--json"], env=environment, stdout=output
        )
    try:
        first, *events = [records.usage("wksp_a", "sms", 1, now_us, id=str(number)) for number in range(25_001)]

        def followed(usage: int) -> bool:
            lines = out.read_text().splitlines()
            return bool(lines) and json.loads(lines[-1])["usage"] == usage

        run(meter, "send", "usage", written(tmp_path / "first", first))
        wait_until("it follows", lambda: followed(1), FOLLOW_SECONDS)
        sent = run(meter, "send", "usage", written(tmp_path / "u", *events))
        assert sent == "25,000 records sent to usage, every one acknowledged\n"
        wait_until("the last change is told", lambda: followed(25_001), FOLLOW_SECONDS)
    finally:
        following.kill()
        following.wait()
    content = [json.loads(line) for line in out.read_text().splitlines()]
    assert [each["revision"] for each in content] == sorted({each["revision"] for each in content})
    assert sum(each["delta"] for each in content) == 25_001
