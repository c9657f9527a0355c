"""`meter worker`: run the meter until SIGTERM."""

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable


class Role(StrEnum):
    """What a worker does."""

    ALL = "all"
    INTAKE = "intake"
    METER = "meter"


#: New objects between two looks of the garbage collector: rows and events are no cycles, to look for them is waste.
COLLECT_EVERY = 50_000


def register(app: typer.Typer) -> None:
    """Add `meter worker`."""
    app.command()(worker)


def worker(
    role: Annotated[Role, typer.Option(help="`intake` reads sources, `meter` folds the journal, `all` does both.")] = (
        Role.ALL
    ),
) -> None:
    """Run a worker: create missing topics, take in usage and orders, fold the journal, until SIGTERM."""
    import asyncio
    import gc
    import logging
    import os

    gc.disable()  # collecting cycles took an eighth of a start's CPU; `tune_collector` enables it again
    import meter.logs
    from agents.worker import Worker
    from meter.errors import UserError
    from meter.machine.ending import close
    from meter.machine.private_files import UMASK
    from meter.machine.shortages import shortage
    from meter.settings import Settings

    os.umask(UMASK)  # for RocksDB's files
    meter.logs.to_stderr()
    settings = Settings.load()
    meter.logs.to_stderr(settings.log_format)
    log = logging.getLogger("meter.worker")
    runner, code = asyncio.Runner(loop_factory=fast_loop()), 0
    try:
        tune_collector()
        runner.run(Worker(settings, role.value).run())
        log.info("stopped as asked")
    except BaseException as error:
        reason = str(error) if isinstance(error, UserError) else shortage(error)
        code = 2 if reason is None else 1
        if reason is None:
            log.error("stopped by an unexpected error: %r", error, exc_info=error)
        else:
            log.error("stopped: %s", reason)
    close(runner, code, why="as the line before says")
    if code:
        raise typer.Exit(code)


def fast_loop() -> "Callable[[], asyncio.AbstractEventLoop] | None":
    """uvloop's event loop, if it is installed (not on Windows); None: asyncio's own."""
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop


def tune_collector() -> None:
    """Leave what was imported alone, and look for cycles among the rest, less often."""
    import gc

    gc.freeze()
    gc.set_threshold(COLLECT_EVERY, 10, 10)
    gc.enable()
