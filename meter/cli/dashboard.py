"""`meter dashboard`: the pages of every account, served until SIGTERM."""

import typer


def register(app: typer.Typer) -> None:
    """Add `meter dashboard`."""
    app.command()(dashboard)


def dashboard() -> None:
    """Serve the dashboard: read the published topics into one SQLite file and show them as pages, JSON and CSV."""
    import asyncio
    import logging

    import meter.logs
    from meter.cli.worker import fast_loop, tune_collector
    from meter.dashboard.run import Dashboard
    from meter.machine.ending import close
    from meter.settings import Settings

    meter.logs.to_stderr()
    settings = Settings.load()
    meter.logs.to_stderr(settings.log_format)
    runner = asyncio.Runner(loop_factory=fast_loop())
    try:
        tune_collector()  # batches of rows have no cycles to collect
        runner.run(Dashboard(settings).run())
    except BaseException as error:
        close(runner, 1, why=repr(error))
        raise
    close(runner, 0)
    logging.getLogger("meter.dashboard").info("stopped as asked")
