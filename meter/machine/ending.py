"""Closes a process's event loop, and ends the process where the loop does not close."""

import asyncio
import logging
import os
import sys
import threading

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
        runner.close()
    finally:
        closed.set()
        watching.join()


def _running(loop: asyncio.AbstractEventLoop) -> str:
    """The tasks that are left, by name and coroutine, and the threads that a process waits for."""
    tasks = [f"{task.get_name()} ({getattr(task.get_coro(), '__qualname__', '?')})" for task in asyncio.all_tasks(loop)]
    threads = [each.name for each in threading.enumerate() if not each.daemon and each is not threading.main_thread()]
    return ", ".join([*sorted(tasks), *sorted(threads)])
