"""`meter doctor` on this machine: each thing it looks at, when it is well, when it is short, and what to do then."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.doctor import machine_checks
from agents.doctor.lines import Line, State, fail, failed, ok, split, warn
from agents.doctor.machine_checks import MIB, machine_lines
from agents.worker import lock
from meter.settings import Settings
from tests.end_to_end.workers import free_port
from tests.test_command import meter


def looked(tmp_path: Path, **fields: Any) -> dict[str, Line]:
    """The lines about this machine, by what they are about."""
    settings = Settings(data_dir=tmp_path / "data", **{"web_port": free_port(), **fields})
    return {line.check: line for line in machine_lines(settings)}


def test_a_machine_that_has_all_is_ok(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    lines = looked(tmp_path)
    assert list(lines) == ["data", "disk", "open files", "memory", "web port"]
    assert lines["data"] == ok("data", f"{tmp_path / 'data'} is writable")


def test_a_data_directory_in_use_is_named_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    with lock(tmp_path / "data"):
        assert looked(tmp_path)["data"].finding.endswith("is writable and in use by a worker")
    assert looked(tmp_path)["data"].finding.endswith("is writable")


def test_a_data_directory_that_others_read_or_nobody_can_make_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    assert looked(tmp_path)["data"].state is State.WARN
    (tmp_path / "file").write_text("no directory")
    below = {line.check: line for line in machine_lines(Settings(data_dir=tmp_path / "file" / "data"))}
    assert below["data"].state is State.FAIL


@pytest.mark.parametrize(("mib", "state"), [(100, State.FAIL), (1_000, State.WARN), (100_000, State.OK)])
def test_a_full_disk_and_a_small_memory_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mib: int, state: State
) -> None:
    usage = type("Usage", (), {"free": mib * MIB})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    monkeypatch.setattr(machine_checks, "_available", lambda: mib * MIB)
    lines = looked(tmp_path)
    assert (lines["disk"].state, lines["memory"].state) == (state, state)
    assert bool(lines["disk"].mend) == bool(lines["memory"].mend) == (state is not State.OK)


@pytest.mark.parametrize(("hard", "state"), [(150, State.FAIL), (300, State.WARN), (1 << 20, State.OK)])
def test_the_limit_of_open_files_is_held_against_the_partitions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hard: int, state: State
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda kind: (100, hard))
    assert looked(tmp_path, partitions=4)["open files"].state is state
    assert looked(tmp_path, partitions=1024)["open files"].state is (State.FAIL if hard < 1 << 20 else State.OK)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_web_port_that_something_else_has_fails(tmp_path: Path, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_checks, "WEB_SECONDS", 0.1)
    line = looked(tmp_path, web_port=taken)["web port"]
    assert (line.state, line.mend) == (State.FAIL, "set METER_WEB_PORT or METER_WEB_HOST")


def test_a_line_is_text_and_json() -> None:
    line = fail("right", "Read topic usage is missing", "first\nsecond")
    assert line.text().splitlines() == [
        "fail  right         Read topic usage is missing",
        "                    → first",
        "                    → second",
    ]
    assert json.loads(line.json()) == {
        "state": "fail",
        "check": "right",
        "finding": "Read topic usage is missing",
        "mend": "first\nsecond",
    }


def test_only_what_fails_makes_it_fail() -> None:
    assert not failed([ok("a", ""), warn("b", "")])
    assert failed([ok("a", ""), fail("c", "")])


def test_a_sentence_of_trouble_is_split_before_its_mend() -> None:
    assert split("broker", "no Kafka; start one; or set METER_BROKER") == fail(
        "broker", "no Kafka; start one", "or set METER_BROKER"
    )
    assert split("topic", "it is odd") == fail("topic", "it is odd")


def test_without_a_broker_the_machine_is_looked_at_all_the_same(tmp_path: Path) -> None:
    done = meter("doctor", "--json", METER_BROKER="127.0.0.1:1", METER_DATA_DIR=str(tmp_path))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert done.stderr == ""
    assert lines[0]["check"] == "broker"
    assert lines[0]["state"] == "fail"
    assert "start one with `meter broker up`" in lines[0]["mend"]
    assert [line["check"] for line in lines[1:]] == ["data", "disk", "open files", "memory", "web port"]
