"""Tasks of an `AIOKafkaConsumer` whose end nobody would notice: the worker stops with the reason."""

import asyncio
from typing import Any

from meter.errors import UserError


def watch_tasks(kafka: Any, app: Any) -> None:
    """Stop the worker of `app` if reading fails, or the membership of its group is given up."""

    def reading_ended(task: "asyncio.Future[None]") -> None:
        if not task.cancelled() and task.exception() is not None:
            reason = UserError(f"reading for {app.conf.id} ended: {task.exception()!r}")
            reason.__cause__ = task.exception()
            app.fail(reason)

    def membership_ended(task: "asyncio.Future[None]") -> None:
        # Its other errors are raised by `check_errors`; there a cancellation is taken for that of the reader.
        if task.cancelled() and not kafka._coordinator._closing.done():
            app.fail(UserError(f"the membership of {app.conf.id} was given up; start the worker again"))

    kafka._fetcher.error_future.add_done_callback(reading_ended)
    kafka._coordinator._coordination_task.add_done_callback(membership_ended)
