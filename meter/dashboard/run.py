"""One dashboard process: runs the file, the Kafka reader and the web port until a signal stops it."""

import asyncio
import logging
import signal
from functools import partial
from pathlib import Path
from typing import Any

from meter.batch.stopping import ended
from meter.dashboard.access import Access, check_binding
from meter.dashboard.advice.advising import Advising
from meter.dashboard.calendar import Calendar
from meter.dashboard.changes import Changes
from meter.dashboard.explained import Explaining
from meter.dashboard.ingest.published import Region
from meter.dashboard.ingest.reader import Reader
from meter.dashboard.orders.answering import Ordering
from meter.dashboard.orders.known import Known
from meter.dashboard.orders.sending import Sending
from meter.dashboard.resend import Resending
from meter.dashboard.server import Server
from meter.dashboard.sight import Live
from meter.dashboard.store import Store
from meter.dashboard.watch.watch import Watch
from meter.settings import Settings
from schemas.catalog import load_catalog

log = logging.getLogger(__name__)

FILE = "dashboard.sqlite"


class Dashboard:
    """All parts of a dashboard."""

    def __init__(self, settings: Settings) -> None:
        check_binding(settings)
        self.settings = settings
        self.access = Access(settings)
        self.calendar = Calendar.of(settings)
        self.catalog = load_catalog(settings.catalog)
        self.live = Live()
        self.store = Store(file_of(settings))
        self.changes = Changes()
        self.explaining = Explaining(settings)
        self.advising = Advising(settings)
        self.resends, self.ordering = None, None
        if settings.dashboard_write_token is not None:
            tell = partial(self.changes.publish, {Region("dead_letters")})
            self.resends = Resending(settings, self.calendar, self.live.attempts, tell)
            sending = Sending(settings, self.live.orders, lambda of: self.changes.publish({Region("records", of)}))
            self.ordering = Ordering(Known(settings), sending)
        self.server = Server(self)

    async def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        watch = Watch(self.settings, self.calendar, self.live, lambda: self.changes.publish({Region("operations")}))
        reader = Reader(self.settings, self.store, self.calendar, self.live, self.changes.publish)
        try:
            await self.server.start()
            log.info("dashboard: %s", self.server.address)
            works = (stopped.wait(), reader.run(), watch.run())
            await first_of(*(asyncio.create_task(work) for work in works))
        finally:
            if self.resends is not None:
                await self.resends.close()
            await self.advising.close()
            if self.ordering is not None:
                await self.ordering.close()
            await self.server.stop()
            self.store.close()


async def first_of(*tasks: "asyncio.Task[Any]") -> None:
    """Wait for the first task to end, cancel the others; raises the first task's error."""
    done, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    await ended(*left)
    for task in done:
        task.result()


def file_of(settings: Settings) -> Path:
    """The path of the read model's file."""
    return settings.dashboard_db or settings.data_dir / FILE
