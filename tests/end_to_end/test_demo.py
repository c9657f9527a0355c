"""`meter demo` as a person without a terminal runs it: it ends right, or when asked to; nothing of it runs on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from meter.demo.board import expected
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.workers import free_port
from tests.explain.kept_logs import every_figure_explained
from tests.revisions import latest

pytestmark = pytest.mark.e2e

DEMO_SECONDS = 240.0
#: For a page to answer, on a busy machine.
ANSWER_SECONDS = 60.0
#: After Ctrl-C; a worker is given one second, the rest is for a busy machine.
INTERRUPTED_SECONDS = 60.0


@contextmanager
def demo(broker: str, directory: Path, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """A demo in a process group of its own, without a terminal."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("METER_")}
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "meter.cli", "demo", *arguments],
        env={**clean, "METER_BROKER": broker, "METER_DATA_DIR": str(directory), "TMPDIR": str(directory)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=INTERRUPTED_SECONDS)


def output_until(process: "subprocess.Popen[str]", words: str) -> str:
    """What a demo prints, up to a line with these words."""
    assert process.stdout is not None
    lines = []
    for line in iter(process.stdout.readline, ""):
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"it ended before it said {words!r}:\n{''.join(lines)}")


def page_amount(address: str) -> object:
    """The amount of the present day that a dashboard has at an account's address; None where there is no answer yet."""
    with suppress(OSError), urllib.request.urlopen(f"{address}.json", timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)["amount"]
    return None


def records_in(home: str) -> object:
    """How many records the operations page says came in, of the worker's own metrics; None before it says that."""
    with suppress(OSError), urllib.request.urlopen(f"{home}operations.json", timeout=ANSWER_SECONDS) as answer:
        return json.load(answer)["balance"]["records"]
    return None


def running_in(directory: Path) -> list[str]:
    """Processes that hold a place below `directory` in their command line or environment."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                command, environment = ((process / part).read_bytes() for part in ("cmdline", "environ"))
            except OSError:  # it ended meanwhile
                continue
            if str(directory).encode() in command + environment and int(process.name) != os.getpid():
                found.append(command.replace(b"\0", b" ").decode())
    return found


def nothing_runs_on(directory: Path) -> None:
    """The guard of a demo ends last, a moment after it."""
    wait_until("nothing runs on", lambda: running_in(directory) == [], DEMO_SECONDS, lambda: str(running_in(directory)))


def test_a_demo_meters_its_day_and_every_figure_is_as_expected(
    bootstrap: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with demo(bootstrap, tmp_path, "--seconds", "3", "--keep") as process:
        out = output_until(process, "example of the contract: ")
        home = out.partition("watch it in a browser: ")[2].split()[0]
        with urllib.request.urlopen(home, timeout=ANSWER_SECONDS) as answer:  # at once: an address that is said answers
            assert answer.status == 200
        out += output_until(process, "run on: Ctrl-C ends them")
        assert out.index("watch it in a browser: ") < out.index("24 hours in"), "it can be watched from the first hour"
        example = out.partition("example of the contract: ")[2].split()[0]
        wait_until("the page has the day", lambda: page_amount(example) == "75.00", DEMO_SECONDS)
        wait_until("operations add up", lambda: records_in(home) == 3_055, DEMO_SECONDS)
        process.send_signal(signal.SIGINT)
        more, err = process.communicate(timeout=DEMO_SECONDS)
        out += more
    assert process.returncode == 0, out + err
    assert err == ""
    assert f"Kafka answers at {bootstrap}; it stays as it is" in out
    assert "acme-staging logs: over 0 → 50 M, charge 0.00 → 75.00" in out, "SPEC's W2"
    assert "refused: listed workspaces must be on the Commercial Plan" in out
    assert "records       3,055 sent " in out
    assert "checked: 240 figures, 15 orders, 12 dead letters as expected" in out
    nothing_runs_on(tmp_path)
    assert list(tmp_path.iterdir()) == [], "the worker's data is removed"
    # An independent client reads the same off its topics.
    prefix = out.partition("METER_TOPIC_PREFIX=")[2].split()[0]
    further = out.partition("To look further")[2]
    assert f'export PATH={Path(sys.executable).parent}:"$PATH"' in further
    assert f"METER_BROKER={bootstrap}" in further
    assert "meter dashboard" not in further and "meter worker" not in further, "both run still"
    kafka = Kafka(bootstrap, prefix)
    overages = latest(kafka.published("overages"))
    charges = {f"{each['workspace']}/{each['item']}": each["charge"]["amount"] for each in overages.values()}
    wanted = {name: figure["charge"] for name, figure in expected()["figures"].items() if figure["overage"]}
    assert {name: charge for name, charge in charges.items() if charge != "0.00"} == wanted
    figures, problems = asyncio.run(every_figure_explained(kafka, monkeypatch))
    assert problems == []
    assert figures >= len(kafka.published("overages")) > 100, "every revision of the day"


def test_two_demos_that_start_at_once_have_a_day_and_a_dashboard_each(tmp_path: Path) -> None:
    """On one Kafka, which one of them starts and the last one stops: topics and pages of their own, each day right."""
    address = f"127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        both = [stack.enter_context(demo(address, tmp_path, "--seconds", seconds)) for seconds in ("1", "12")]
        ends = [process.communicate(timeout=DEMO_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], ends
    for words in ("watch it in a browser: ", "METER_TOPIC_PREFIX="):
        of_each = {out.partition(words)[2].split()[0] for out, _ in ends}
        assert len(of_each) == 2, f"both say {words}{of_each.pop()}"
    nothing_runs_on(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes under /proc")
def test_an_interrupted_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """Its own broker included, which it starts because nobody answers."""
    with demo(f"127.0.0.1:{free_port()}", tmp_path) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        assert any("ready after" in line for line in lines), "it ended before it was ready"
        begun = time.monotonic()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=INTERRUPTED_SECONDS)
    assert (process.returncode, err) == (130, "")
    assert time.monotonic() - begun < INTERRUPTED_SECONDS
    assert "interrupted; nothing that the demo started runs on" in out
    nothing_runs_on(tmp_path)


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for processes under /proc")
def test_a_killed_demo_leaves_nothing_running(tmp_path: Path) -> None:
    """Nobody can tidy up after SIGKILL but another process: worker, dashboard and broker end, their directory goes."""
    with demo(f"127.0.0.1:{free_port()}", tmp_path) as process:
        output_until(process, "ready after")
        commands = " ".join(running_in(tmp_path))
        assert all(each in commands for each in ("meter.cli worker", "meter.cli dashboard", "kafka.Kafka"))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=INTERRUPTED_SECONDS)
    nothing_runs_on(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["kafka"], "the broker's data stays, the worker's is removed"


def test_a_demo_far_from_its_broker_starts_none(tmp_path: Path) -> None:
    with demo("meter.invalid:9092", tmp_path) as process:
        out, err = process.communicate(timeout=DEMO_SECONDS)
    assert process.returncode == 1
    assert err == (
        "meter: no Kafka answers at meter.invalid:9092; the demo starts one itself only where METER_BROKER is one port "
        "of 127.0.0.1: start that Kafka, or unset METER_BROKER\n"
    )
    assert out == ""
