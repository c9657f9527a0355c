"""Closes a process's event loop, and ends the process where the loop does not close."""

import asyncio
import logging
import os
import sys
import threading
import warnings
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

#: How long what is cancelled may take to end.
CLOSE_SECONDS = 5.0


def close(runner: asyncio.Runner, code: int, *, why: str = "asked to", seconds: float = CLOSE_SECONDS) -> None:
    """Cancel what still runs and close the loop; after `seconds` the process ends with exit code `code` instead.

    `asyncio.Runner` waits without a bound for a task that ignores its cancellation, and for threads. `why`: for the
    log, why the process ends.
    """
    loop = runner.get_loop()
    closed = threading.Event()

    def watch() -> None:
        if not closed.wait(seconds):
            log.warning("exiting (%s), though this did not end within %.1f s: %s", why, seconds, _running(loop))
            for stream in (sys.stdout, sys.stderr):
                stream.flush()
            os._exit(code)

    watching = threading.Thread(target=watch, name="closing the loop", daemon=True)
    watching.start()
    try:
        with warnings.catch_warnings():
            # uvloop warns of an open connection, then closes it; if the warning raises, it waits for it for ever.
            warnings.simplefilter("ignore", ResourceWarning)
            runner.close()
    finally:
        closed.set()
        watching.join()


def _running(loop: asyncio.AbstractEventLoop) -> str:
    """The tasks that are left, and the threads that a process waits for."""
    threads = [each.name for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    return ", ".join([*sorted(map(described, asyncio.all_tasks(loop))), *sorted(threads)])


def described(task: asyncio.Task[Any]) -> str:
    """A task by its name, its coroutine and the lines at which it waits, the innermost last."""
    coroutine: Any = task.get_coro()
    name, places = getattr(coroutine, "__qualname__", "?"), []
    while coroutine is not None:
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None:
            places.append(f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}")
        coroutine = getattr(coroutine, "cr_await", None)
    return f"{task.get_name()} ({' '.join([name, *places])})"
