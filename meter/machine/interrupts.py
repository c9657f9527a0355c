"""Ctrl-C that comes again where Python drops it.

Python raises KeyboardInterrupt wherever the main thread is. In a finalizer or the callback of a weak reference (imports
run many) nothing that is raised gets out: it is reported to `sys.unraisablehook` as ignored, and the process goes on.
"""

import _thread  # a thread of `threading` takes locks, which the interrupted code may hold
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: From an interrupt that was dropped to the same again.
AGAIN_SECONDS = 0.05


@contextlib.contextmanager
def interrupts_kept() -> Iterator[None]:
    """An interrupt that is dropped within the block comes again, until it is taken or the block ends."""
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
