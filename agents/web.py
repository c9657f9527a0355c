"""The web port: `/live`, `/ready` and `/metrics`.

Any client that reaches the port may open connections and send nothing. `agents.visits` limits their number and time, so
that probes are answered and the worker keeps its descriptors.
"""

import logging
from collections.abc import Awaitable, Callable

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST

from agents.metrics.metrics import Metrics
from agents.readiness import Readiness
from agents.visits import Visits
from meter.errors import UserError
from meter.machine.web_address import web_address
from meter.settings import Settings

log = logging.getLogger(__name__)
#: How long a page under way may take once the worker stops.
STOP_SECONDS = 1.0


class Web:
    """`/live`, `/ready` and `/metrics` of one worker, nothing else."""

    def __init__(self, settings: Settings, readiness: Readiness, metrics: Metrics) -> None:
        self._settings, self._readiness, self._metrics_page = settings, readiness, metrics.page
        self._runner: web.ServerRunner | None = None
        self._pages: dict[str, Callable[[], Awaitable[web.Response]]] = {
            "/live": self._live,
            "/ready": self._ready,
            "/metrics": self._metrics,
        }

    async def start(self) -> None:
        settings = self._settings
        self._runner = web.ServerRunner(Visits(self._page), shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, settings.web_host, settings.web_port).start()
        except OSError as error:
            raise UserError(
                f"the web port {settings.web_host}:{settings.web_port} cannot be used ({error.strerror}); "
                "set METER_WEB_PORT to a free one"
            ) from error
        log.info("web port: %s", web_address(settings.web_host, settings.web_port, "/ready"))

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _page(self, request: web.BaseRequest) -> web.Response:
        page = self._pages.get(request.path)
        if page is None:
            return web.Response(status=404, text="/live, /ready and /metrics are here\n")
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="GET and HEAD only\n", headers={"Allow": "GET, HEAD"})
        return await page()

    async def _live(self) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self) -> web.Response:
        status = 200 if self._readiness.ready() else 503
        return web.Response(status=status, text="".join(f"{line}\n" for line in self._readiness.lines()))

    async def _metrics(self) -> web.Response:
        body = self._metrics_page()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
