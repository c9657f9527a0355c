"""The `meter` command: quick to start, and what goes wrong is told in one sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from meter.cli.settings import lines, unknown
from meter.settings import Settings

ROOT = Path(__file__).parent.parent
HEAVY = ("faust", "aiokafka", "pydantic", "rocksdict", "msgspec", "asyncio")


def meter(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run the command with these variables and no other `METER_…`."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
    command = [sys.executable, "-m", "meter.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=clean | variables)


def test_help_does_not_wait_for_what_commands_need() -> None:
    program = f"import sys, meter.cli.app as a; a.assembled(); print([m for m in {HEAVY!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


def test_settings_are_shown_with_what_is_set() -> None:
    done = meter("settings", METER_PARTITIONS="7")
    assert done.returncode == 0
    (line,) = (line for line in done.stdout.splitlines() if "METER_PARTITIONS" in line)
    assert line.split()[1:3] == ["7", "4"]


def test_wrong_settings_are_shown_and_reported() -> None:
    done = meter("settings", METER_PARTITIONS="0", METER_PARTITON="7")
    assert done.returncode == 1
    assert "METER_BROKER" in done.stdout
    assert "METER_PARTITON is set and is no setting; did you mean METER_PARTITIONS?" in done.stderr
    assert "meter: METER_PARTITIONS=0: " in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a device that is always full")
def test_output_that_cannot_be_written_is_reported_in_a_sentence() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "meter.cli", "settings"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert done.returncode == 1
    assert done.stderr == ("meter: the output cannot be written: No space left on device; what was shown is cut\n")


def test_a_pipe_that_is_closed_early_is_no_trouble() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "meter.cli", "settings"]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (1, "")


def test_secrets_are_masked() -> None:
    secret = Settings.model_construct(sasl_password=SecretStr("geheim"))
    shown = {line.variable: line.value for line in lines(secret, {})}
    assert shown["METER_SASL_PASSWORD"] == "********"
    shown = {line.variable: line.value for line in lines(None, {"METER_SSL_PASSWORD": "geheim"})}
    assert shown["METER_SSL_PASSWORD"] == "********"


def test_variables_of_others_are_left_alone() -> None:
    assert unknown({"METERS_X": "1", "PATH": "", "METER_BROKER": "x:1"}) == []
    assert unknown({"METER_ZZZZZZZZ": "1"}) == ["METER_ZZZZZZZZ is set and is no setting"]


def test_a_broker_that_does_not_run_is_reported(tmp_path: Path) -> None:
    done = meter("broker", "status", "--data-dir", str(tmp_path), METER_BROKER="127.0.0.1:1")
    assert done.returncode == 1
    assert done.stderr == f"meter: no broker of {tmp_path} is running; `meter broker up` starts one\n"


def test_a_catalog_is_checked(tmp_path: Path) -> None:
    good = meter("catalog", "check", "meter/catalog.toml")
    assert good.returncode == 0
    assert good.stdout.startswith("valid: CNY, plans of 372 days")
    wrong = tmp_path / "wrong.toml"
    wrong.write_text((ROOT / "meter/catalog.toml").read_text().replace('"1.5"', '"x"'))
    done = meter("catalog", "check", str(wrong))
    assert done.returncode == 1
    assert f"{wrong}: 2 problems" in done.stderr
    assert "Traceback" not in done.stderr


def test_schemas_are_written(tmp_path: Path) -> None:
    done = meter("schemas", str(tmp_path / "new"))
    assert done.returncode == 0
    assert (tmp_path / "new/overages.json").is_file()
    (tmp_path / "file").touch()
    assert meter("schemas", str(tmp_path / "file")).returncode == 1


@pytest.mark.parametrize("arguments", [["nothing"], ["broker", "up", "--port", "x"], ["schemas"]])
def test_a_command_that_is_wrong_is_a_usage_error(arguments: list[str]) -> None:
    done = meter(*arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
