"""One dashboard process: its file, its reading of Kafka, its web port, until it is told to stop."""

import asyncio
import logging
import signal
from pathlib import Path

from meter.dashboard.access import Access, check_binding
from meter.dashboard.calendar import Calendar
from meter.dashboard.server import Server
from meter.dashboard.sight import Live
from meter.dashboard.store import Store
from meter.settings import Settings
from schemas.catalog import load_catalogue

log = logging.getLogger(__name__)

FILE = "dashboard.sqlite"


class Dashboard:
    """Everything that a dashboard is made of."""

    def __init__(self, settings: Settings) -> None:
        check_binding(settings)
        self.settings = settings
        self.access = Access(settings)
        self.calendar = Calendar.of(settings)
        self.catalog = load_catalogue(settings.catalog)
        self.live = Live()
        self.store = Store(file_of(settings))
        self.server = Server(self)

    async def run(self) -> None:
        """Serve until SIGTERM or Ctrl-C."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        try:
            await self.server.start()
            log.info("dashboard: %s", self.server.address)
            await stopped.wait()
        finally:
            await self.server.stop()
            self.store.close()


def file_of(settings: Settings) -> Path:
    """Where the read model is."""
    return settings.dashboard_db or settings.data_dir / FILE
