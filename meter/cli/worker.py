"""`meter worker`: run the meter until SIGTERM."""

from enum import StrEnum
from typing import Annotated

import typer


class Role(StrEnum):
    """What a worker does."""

    ALL = "all"
    INTAKE = "intake"
    METER = "meter"


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
    import logging

    import meter.logs
    from agents.worker import Worker
    from meter.settings import Settings
    from meter.trouble import Trouble

    settings = Settings.load()
    meter.logs.to_stderr()
    log = logging.getLogger("meter.worker")
    try:
        asyncio.run(Worker(settings, role.value).run())
    except Trouble as trouble:
        log.error("stopped: %s", trouble)
        raise typer.Exit(1) from None
    except BaseException as error:
        log.error("stopped by an unexpected error: %r", error, exc_info=error)
        raise typer.Exit(2) from error
    log.info("stopped as asked")
