"""How a demo ends, and what it names to go on with."""

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from meter.cli.demo import Stay, look_further
from meter.local_broker.processes import alive, gone
from meter.settings import Settings
from tests.end_to_end.kafka import wait_until

#: For a process to end that was asked to, on a busy machine.
SECONDS = 60.0
WAITS = """
import asyncio
from meter.demo.stage import ended_by_signals
async def wait():
    print("waits", flush=True)
    await asyncio.sleep(600)
try:
    with ended_by_signals():
        asyncio.run(wait())
except KeyboardInterrupt:
    print("ended", flush=True)
"""
KILLED = """
import os, signal, subprocess, sys
from pathlib import Path
from meter.demo.guard import guarded
with guarded() as guard:
    left, ended = (subprocess.Popen(["sleep", "600"]).pid for _ in range(2))
    with guard.over("process", ended):
        pass
    with guard.over("process", left), guard.over("directory", Path(sys.argv[1])):
        print(left, ended, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""
OWN = {"METER_TOPIC_PREFIX": "demo-1.", "METER_BILLING_TIME_ZONE": "+08:00"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_demo_that_a_script_started_in_the_background_ends_when_asked(number: signal.Signals) -> None:
    """A shell without job control starts it with SIGINT ignored."""
    ignoring = ["sh", "-c", 'trap "" INT; exec "$@"', "sh"]
    with subprocess.Popen([*ignoring, sys.executable, "-c", WAITS], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "waits\n"
            process.send_signal(number)
            assert process.communicate(timeout=SECONDS)[0] == "ended\n"
        finally:
            process.kill()


def test_what_a_killed_demo_had_started_is_ended_and_nothing_else(tmp_path: Path) -> None:
    """Process ids come back: what had ended before is left alone."""
    data = tmp_path / "data"
    data.mkdir()
    with subprocess.Popen([sys.executable, "-c", KILLED, str(data)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        left, ended = map(int, process.stdout.readline().split())
        assert process.wait(SECONDS) == -signal.SIGKILL
    try:
        assert gone(left, SECONDS), "the guard ends it"
        wait_until("the guard removes the directory", lambda: not data.exists(), SECONDS)
        assert alive(ended)
    finally:
        os.kill(ended, signal.SIGKILL)


def hints(settings: Settings, own: dict[str, str], keep: bool) -> str:
    """What a demo names to go on with."""
    console = Console(file=io.StringIO(), width=120)
    look_further(console, settings, own, Stay(0, keep, True), ours=True)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_what_to_go_on_with_reaches_the_same_broker_at_the_same_address() -> None:
    text = hints(Settings(broker="127.0.0.1:19321"), {**OWN, "METER_DASHBOARD_PORT": "40123"}, keep=False)
    assert "export METER_BROKER=127.0.0.1:19321 METER_DASHBOARD_PORT=40123\n" in text
    assert text.index("METER_BROKER") < text.index("meter broker up") < text.index("meter dashboard")
    plain = hints(Settings(), {**OWN, "METER_DASHBOARD_PORT": "6067"}, keep=False)
    assert "METER_BROKER" not in plain and "METER_DASHBOARD_PORT" not in plain


def test_what_is_kept_running_is_not_to_be_started() -> None:
    text = hints(Settings(), OWN, keep=True)
    assert "meter overages" in text
    assert not any(command in text for command in ("meter dashboard", "meter worker", "broker up"))
