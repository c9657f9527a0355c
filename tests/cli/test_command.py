"""The command itself: its version, its help, what it says to programs, and tables in narrow terminals."""

import io
import json
import os
import re
import shlex
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.console import Console
from rich.table import Table

from meter.cli.app import assembled
from meter.cli.help_ends import OTHERS
from meter.cli.narrow import show
from meter.cli.redrive import table_of
from meter.cli.settings import lines
from meter.cli.settings import show as show_settings
from meter.settings import Settings
from tests.test_house import commands

#: Nobody listens there.
NOWHERE = "127.0.0.1:1"
COLOR = re.compile(r"\x1b\[(?:\d+;)*[349][0-7]m")
EVERY = dict(commands(typer.main.get_command(assembled()), "meter"))
VARIABLES = {f"METER_{name.upper()}" for name in Settings.model_fields}


def run(*arguments: str, module: str = "meter", **variables: str) -> "subprocess.CompletedProcess[str]":
    environment = {key: value for key, value in os.environ.items() if not key.startswith("METER_")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        env={**environment, "METER_BROKER": NOWHERE, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("module", ["meter", "meter.cli"])
def test_it_says_its_version(module: str) -> None:
    assert run("--version", module=module).stdout == f"usage-meter {version('usage-meter')}\n"


def test_shells_complete_it() -> None:
    python = shlex.quote(sys.executable)
    typed = f"{python} -m meter --show-completion; exit $?"  # the command asks which shell it was typed in
    done = subprocess.run(["bash", "-c", typed], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "complete" in done.stdout


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("meter ov", ["overages"]),
        ("meter broker ", ["up", "down", "status", "jars"]),
        ("meter overages --f", ["--follow"]),
    ],
)
def test_a_shell_that_asks_is_offered_commands_and_options(typed: str, offered: list[str]) -> None:
    asks = {"COMP_WORDS": typed, "COMP_CWORD": str(typed.count(" ")), "_METER_COMPLETE": "complete_bash"}
    command = Path(sys.executable).parent / "meter"
    done = subprocess.run([command], env={**os.environ, **asks}, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == offered


@pytest.mark.parametrize("name", EVERY)
def test_help_names_the_settings_that_a_command_uses(name: str) -> None:
    command: Any = EVERY[name]
    short = name.removeprefix("meter ")
    if OTHERS.get(short, "") is None:
        assert command.epilog is None
        return
    assert command.epilog.startswith("Settings: ")
    named = {word.strip(",.;") for word in command.epilog.split() if word.startswith("METER_") and "…" not in word}
    assert named <= VARIABLES


def test_nothing_is_shown_of_a_command_that_is_gone() -> None:
    assert {f"meter {name}" for name in OTHERS} - set(EVERY) == set()


def test_a_program_that_asks_for_json_gets_its_trouble_as_json_too() -> None:
    done = run("overages", "--json")
    assert done.returncode == 1
    output = json.loads(done.stdout)
    assert output == {"error": done.stderr.removeprefix("meter: ").rstrip("\n"), "exit_code": 1}
    assert f"no Kafka answers at {NOWHERE}" in output["error"]


@pytest.mark.parametrize("arguments", [("top-up", "acct_1", "-5"), ("top-up", "acct_1", "-5.00", "--method", "cash")])
def test_an_amount_below_0_is_no_option(arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert "No such option" not in done.stderr
    assert done.returncode == 1


def test_a_mistyped_option_is_one_all_the_same() -> None:
    assert "No such option: --methd" in run("top-up", "acct_1", "5", "--methd", "cash").stderr


def test_a_worker_logs_objects_when_it_is_asked_to(tmp_path: Any) -> None:
    done = run("worker", METER_LOG_FORMAT="json", METER_DATA_DIR=str(tmp_path / "data"), METER_WEB_PORT="27913")
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert all({"time", "level", "logger", "message"} <= set(line) for line in lines)
    assert lines[-1]["level"] == "ERROR"
    assert "no Kafka answers" in lines[-1]["message"]


def test_a_table_that_does_not_fit_is_shown_row_by_row_and_splits_nothing() -> None:
    table = Table("Account", "Day", "Usage", caption="1 figure")
    table.add_row("an-account-of-some-length", "2026-01-31", "100,000,000")
    text = {width: io.StringIO() for width in (80, 40)}
    for width, file in text.items():
        show(Console(file=file, width=width), table)
    assert "━" in text[80].getvalue()
    assert text[40].getvalue().splitlines() == [
        "Account  an-account-of-some-length",
        "Day      2026-01-31",
        "Usage    100,000,000",
        "",
        "1 figure",
    ]


def test_settings_fit_a_narrow_terminal_and_break_no_value() -> None:
    text = io.StringIO()
    found = lines(Settings(partitions=8, broker="kafka-1.example.org:9092,kafka-2.example.org:9092"), {})
    show_settings(Console(file=text, width=80, force_terminal=True, color_system=None, highlight=False), found)
    shown = [line.rstrip() for line in text.getvalue().splitlines()]
    at = shown.index("METER_PARTITIONS=8  (default: 4)")
    assert shown[at + 1] == "    partitions of journal and outputs; fixed for good"
    assert "METER_JOURNAL_RETENTION_DAYS=45  (default: horizon + 10)" in shown
    names = "METER_BROKER=kafka-1.example.org:9092,kafka-2.example.org:9092  (default: 127.0.0.1:9092)"
    assert names in shown, "what is copied is whole, however long"
    assert all(len(line) <= 80 for line in shown if line != names)


def test_what_a_redrive_would_send_is_shown_row_by_row_where_it_does_not_fit() -> None:
    text = io.StringIO()
    rows = [(("workspace_unknown", "usage.a-workspace-of-some-length", "sent again before"), 1_000)]
    show(Console(file=text, width=60), table_of(rows))
    assert text.getvalue().splitlines()[:4] == [
        "Reason   workspace_unknown",
        "Topic    usage.a-workspace-of-some-length",
        "To do    sent again before",
        "Records  1,000",
    ]


def test_no_color_is_none() -> None:
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color"}
    assert COLOR.search(run("--help", **terminal).stdout)
    assert not COLOR.search(run("--help", **terminal, NO_COLOR="1").stdout)
