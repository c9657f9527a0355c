"""Ctrl-C ends a command at any moment, also in a finalizer, where Python reports it as ignored and goes on."""

import signal
import subprocess
import sys
import threading

import pytest

from meter.machine.interrupts import interrupts_kept

#: For an interrupt to come again, and for a process of Python to start and end, on a busy machine.
SECONDS = 60.0
INTERRUPTED_DEMO = """
import signal, sys, threading
import meter.cli.demo
from meter.cli.app import main

class Pressed:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def staged(*arguments):
    Pressed()
    threading.Event().wait(SECONDS)
    return True

meter.cli.demo.staged = staged
sys.argv = ["meter", "demo"]
main()
"""


class Pressed:
    """Ctrl-C is pressed while its finalizer runs; nothing raised there gets out."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


class Waiting:
    """Its finalizer waits, so the interrupt that comes again comes in a finalizer too."""

    def __del__(self) -> None:
        threading.Event().wait(SECONDS)


def interrupted_in(*finalized: type) -> None:
    """Finalize one of each, then wait for the interrupt; it fails if none comes."""
    for each in finalized:
        each()
    threading.Event().wait(SECONDS)
    pytest.fail("the interrupt was lost")


def test_an_interrupt_in_a_finalizer_comes_again(capsys: pytest.CaptureFixture[str]) -> None:
    """Each import runs some: the weak reference to a module's lock has a callback."""
    before = sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        interrupted_in(Pressed)
    assert sys.unraisablehook is before
    assert capsys.readouterr().err == "", "it is not lost, so it is not reported as lost"


def test_an_interrupt_that_comes_again_in_a_finalizer_comes_once_more() -> None:
    with pytest.raises(KeyboardInterrupt), interrupts_kept():
        interrupted_in(Pressed, Waiting)


def test_another_error_in_a_finalizer_is_still_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def __del__(self) -> None:
            raise ValueError("a bug")

    reported: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda trouble: reported.append(str(trouble.exc_value)))
    with interrupts_kept():
        Broken()
    assert reported == ["a bug"]


def test_a_command_that_is_interrupted_in_a_finalizer_ends() -> None:
    """Where the interrupt is lost, `meter demo` plays its day to the end."""
    program = INTERRUPTED_DEMO.replace("SECONDS", str(SECONDS))
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=2 * SECONDS)
    assert (done.returncode, done.stderr) == (130, "")
    assert "interrupted; nothing that the demo started runs on" in done.stdout
