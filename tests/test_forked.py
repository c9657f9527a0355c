"""Forks of the tests are processes as a shell starts them: own variables, files, directory, signals and exit codes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from meter.local_broker.processes import alive
from tests.end_to_end.kafka import wait_until
from tests.support.forked import SERVERS, Process, shell_command, started

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks elsewhere than on Linux are plain processes")

SECONDS = 60.0


def python(tmp_path: Path, statement: str, **variables: str) -> tuple[Process, Path]:
    """A fork that runs a statement, and where its output goes."""
    path = tmp_path / "output"
    with path.open("wb") as output:
        run = ["-n", "1", "-r", "1", statement]
        return started("timeit", run, {**os.environ, **variables}, output, output, session=True), path


def printed(tmp_path: Path, expression: str, **variables: str) -> str:
    """What an expression is in a fork."""
    process, path = python(tmp_path, f"import os, sys; print({expression})", **variables)
    assert process.wait(SECONDS) == 0
    return path.read_text().splitlines()[0]


def test_a_fork_has_the_variables_the_directory_and_the_session_that_it_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    found = printed(tmp_path, "os.environ['OWN'], os.getcwd(), os.getsid(0) == os.getpid(), sys.argv[1]", OWN="x")
    assert found == f"x {tmp_path} True -n"


def test_a_fork_holds_no_file_of_the_server_and_asks_no_other_random_numbers(tmp_path: Path) -> None:
    assert printed(tmp_path, "sorted(os.listdir('/proc/self/fd'))") == "['0', '1', '2', '3']"  # 3 lists them
    numbers = {printed(tmp_path, "__import__('random').random()") for _ in range(3)}
    assert len(numbers) == 3


def test_hashes_differ_between_forks_as_between_processes(tmp_path: Path) -> None:
    assert len({printed(tmp_path, "hash('workspace')") for _ in range(2 * SERVERS)}) == SERVERS


def test_the_end_of_a_fork_is_told(tmp_path: Path) -> None:
    with (tmp_path / "said").open("wb") as output:
        process = started("meter.cli", ["no-such-command"], os.environ, output, output)
    assert (process.wait(SECONDS), process.poll(), process.returncode) == (2, 2, 2)
    process, _ = python(tmp_path, "import time; time.sleep(600)")
    assert process.poll() is None
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.01)
    process.kill()
    assert process.wait(SECONDS) == -signal.SIGKILL
    process.terminate()  # of what is gone: nothing


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGCHLD])
def test_a_fork_hears_signals_as_a_new_process_does(tmp_path: Path, number: signal.Signals) -> None:
    asked = f"__import__('signal').getsignal({number.value})"
    command = [sys.executable, "-c", f"print({asked})"]
    plain = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    assert printed(tmp_path, asked).partition(" at ")[0] == plain.partition(" at ")[0]


def test_a_shell_has_a_command_of_forks(tmp_path: Path) -> None:
    forks = shell_command(tmp_path)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    typed = "meter --version | cat; meter no-such-command; echo $?"
    shell = ["bash", "--noprofile", "--norc", "-c", typed]
    done = subprocess.run(shell, env={**os.environ, **forks, "PATH": path}, capture_output=True, text=True)
    assert done.stdout.startswith("usage-meter "), done.stderr
    assert (done.stdout.splitlines()[-1], "No such command 'no-such-command'" in done.stderr) == ("2", True)


LEAVES = """
import os
from tests.support.forked import started
with open(os.devnull, "wb") as nothing:
    print(started("timeit", ["import time; time.sleep(600)"], os.environ, nothing, nothing).pid)
"""


def test_what_runs_for_somebody_ends_with_them() -> None:
    done = subprocess.run([sys.executable, "-c", LEAVES], capture_output=True, text=True, check=True)
    wait_until("the fork is gone", lambda: not alive(int(done.stdout)), SECONDS)
