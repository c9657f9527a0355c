"""Shortages of the machine are put into words, with the numbers and the mend."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from meter.machine import shortages as machine
from meter.machine.shortages import shortage

PROGRAM = """
import resource
from meter.machine import shortages as machine
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 300))
print(machine.raise_descriptors(), machine.descriptors()[1])
taken = []
print(repr(machine.spent()))
try:
    while True:
        taken.append(open("/dev/null"))
except OSError as error:
    print(machine.shortage(error))
print(machine.spent())
"""


def test_the_limit_of_open_files_is_raised_and_running_out_is_seen() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    limits, not_spent, output, spent = done.stdout.splitlines()
    assert (limits, not_spent) == ("300 300", "''")
    assert output.startswith("/dev/null: the process has no file descriptor left (300 open, the limit is 300); raise")
    assert "(300 open, the limit is 300)" in spent


@pytest.mark.skipif(not Path("/sys/kernel").exists(), reason="a place where nobody may write, not even root")
def test_what_a_command_may_not_write_is_reported_without_a_traceback() -> None:
    command = [sys.executable, "-m", "meter.cli", "broker", "up", "--port", "9", "--data-dir", "/sys/kernel/meter"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("meter: /sys/kernel/meter: the system does not permit it; give it to the user")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.ENOMEM, errno.EDQUOT])
def test_an_error_names_the_place_wherever_it_was_raised_from(number: int) -> None:
    later = RuntimeError("later")
    later.__cause__ = OSError(number, os.strerror(number), "place/file")
    found = shortage(later)
    assert found is not None
    assert found.startswith("place/file: ")
    assert found.endswith(f"({os.strerror(number)})")


def test_memory_and_threads_are_shortages_too() -> None:
    assert "no more memory" in str(shortage(MemoryError()))
    assert "no more threads" in str(shortage(RuntimeError("can't start new thread")))


@pytest.mark.parametrize("error", [ValueError("x"), FileNotFoundError(2, "x", "y"), ConnectionRefusedError(111, "x")])
def test_what_is_no_shortage_stays_what_it_is(error: Exception) -> None:
    assert shortage(error) is None


def test_memory_and_disk_have_a_size(tmp_path: Path) -> None:
    assert machine.memory_bytes() > 1 << 28
    assert machine.free_bytes(tmp_path / "not" / "yet") > 0
