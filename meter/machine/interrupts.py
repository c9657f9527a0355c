"""Sends Ctrl-C again where Python drops it.

Python raises KeyboardInterrupt in whatever the main thread runs. What is raised in a finalizer, or in the callback of a
weak reference (each import runs some), goes to `sys.unraisablehook`, which reports it as ignored; the process goes on.
"""

import _thread  # `threading` takes locks to start a thread, and the interrupted code may hold them
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: How long after an interrupt is dropped it is sent again.
AGAIN_SECONDS = 0.05


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """Send an interrupt that Python drops within the block again, until it is raised or the block ends."""
    before = sys.unraisablehook

    def hook(dropped: "UnraisableHookArgs") -> None:
        if issubclass(dropped.exc_type, KeyboardInterrupt):
            _thread.start_new_thread(again, ())
        else:
            before(dropped)

    def again() -> None:
        time.sleep(AGAIN_SECONDS)
        if sys.unraisablehook is hook:
            os.kill(os.getpid(), signal.SIGINT)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before
