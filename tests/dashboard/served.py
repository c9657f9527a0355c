"""A dashboard's web port in this process, over a read model of the test's own, without Kafka."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from meter.dashboard.access import Access, check_binding
from meter.dashboard.actions import Resends
from meter.dashboard.advice.advising import Advising
from meter.dashboard.changes import Changes
from meter.dashboard.connections import VISIT_SECONDS
from meter.dashboard.explained import Explaining
from meter.dashboard.orders.answering import Ordering
from meter.dashboard.server import Server
from meter.settings import Settings
from tests.dashboard.read_models import ReadModel
from tests.end_to_end.workers import free_port

TOKEN, WRITE_TOKEN = "read-me-now", "write-me-now"


class Served:
    """The parts that a server asks for, and an HTTP client of it."""

    def __init__(self, model: ReadModel, settings: Settings) -> None:
        self.settings, self.access = settings, Access(settings)
        self.calendar, self.catalog = model.calendar, model.catalog
        self.live, self.store, self.changes = model.live, model.store, Changes()
        self.resends: Resends | None = None
        self.ordering: Ordering | None = None
        self.explaining = Explaining(settings)
        self.advising = Advising(settings)
        self.server = Server(self)
        self.base = f"http://127.0.0.1:{settings.dashboard_port}"

    async def get(self, path: str, **headers: str) -> tuple[int, dict[str, str], str]:
        """Status, headers and text of an address."""
        return await self.ask("GET", path, headers=headers)

    async def head(self, path: str) -> dict[str, str]:
        """The headers of an address, and its status among them."""
        async with aiohttp.ClientSession() as session, session.get(self.base + path) as answer:
            return {**answer.headers, "status": str(answer.status)}

    async def ask(self, method: str, path: str, **rest: Any) -> tuple[int, dict[str, str], str]:
        """The same of any request."""
        async with (
            aiohttp.ClientSession(requote_redirect_url=False) as session,
            session.request(method, self.base + path, allow_redirects=False, **rest) as answer,
        ):
            return answer.status, dict(answer.headers), await answer.text()


@asynccontextmanager
async def served(directory: Path, seconds: float = VISIT_SECONDS, **settings: Any) -> AsyncIterator[Served]:
    """A dashboard with these settings (by field), for as long as the block lasts."""
    found = Settings(dashboard_port=free_port(), data_dir=directory, **settings)
    check_binding(found)
    model = ReadModel(directory / "dashboard.sqlite")
    made = Served(model, found)
    try:
        await made.server.start(seconds)
        yield made
    finally:
        await made.advising.close()
        await made.server.stop()
        model.close()
