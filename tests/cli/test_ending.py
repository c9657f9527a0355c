"""The end of a long-lived process: bounded, whatever does not end in it."""

import subprocess
import sys

import pytest

#: For a process of Python to start, and to end, on a busy machine.
PROCESS_SECONDS = 60.0
PROGRAM = """
import asyncio, logging, threading, time
from meter.machine.ending import close
logging.basicConfig(format="%(message)s")

async def ends():
    await asyncio.sleep(3600)

async def goes_on():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass

async def main():
    tasks = [asyncio.create_task(WHAT(), name="the one that is left")]
    await asyncio.sleep(0)
    if THREAD:
        asyncio.get_running_loop().run_in_executor(None, time.sleep, 3600)

runner = asyncio.Runner()
runner.run(main())
close(runner, 3, why="a test", seconds=SECONDS)
"""
OPEN_CONNECTION = """
import asyncio, logging, uvloop, warnings
from meter.machine.ending import close
logging.basicConfig(format="%(message)s")
warnings.simplefilter("error")

async def main():
    loop = asyncio.get_running_loop()
    server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
    return await loop.create_connection(asyncio.Protocol, *server.sockets[0].getsockname())

runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
left_open = runner.run(main())
close(runner, 3, why="a test", seconds=SECONDS)
"""


def ended(what: str, thread: bool = False, seconds: float = 0.5) -> tuple[int, str]:
    return run(PROGRAM.replace("WHAT", what).replace("THREAD", str(thread)), seconds)


def run(program: str, seconds: float) -> tuple[int, str]:
    """The exit code of a program, and what it logs."""
    done = subprocess.run(
        [sys.executable, "-c", program.replace("SECONDS", str(seconds))],
        capture_output=True,
        text=True,
        timeout=PROCESS_SECONDS,
        check=False,
    )
    return done.returncode, done.stderr


def test_a_loop_whose_tasks_end_is_closed_in_silence() -> None:
    assert ended("ends", seconds=PROCESS_SECONDS) == (0, "")


@pytest.mark.parametrize(
    ("what", "thread", "named"),
    [("goes_on", False, "one that is left (goes_on <string>:"), ("ends", True, "asyncio_0")],
)
def test_what_does_not_end_is_named_and_the_process_ends_with_its_code(what: str, thread: bool, named: str) -> None:
    code, log = ended(what, thread)
    assert code == 3
    assert log.startswith("exiting (a test), though this did not end within 0.5 s:")
    assert named in log


def test_a_connection_that_is_still_open_is_closed_even_where_warnings_are_errors() -> None:
    pytest.importorskip("uvloop")
    assert run(OPEN_CONNECTION, PROCESS_SECONDS / 2) == (0, "")
