"""The web port: is it alive, is it ready, what does it measure."""

from typing import TYPE_CHECKING

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from meter.trouble import Trouble

if TYPE_CHECKING:
    from agents.worker import Worker


class Web:
    """`/live`, `/ready` and `/metrics` of one worker, nothing else."""

    def __init__(self, worker: "Worker") -> None:
        self._worker = worker
        self._runner: web.AppRunner | None = None

    async def start(self) -> None:
        settings = self._worker.settings
        app = web.Application()
        app.router.add_get("/live", self._live)
        app.router.add_get("/ready", self._ready)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, settings.web_host, settings.web_port).start()
        except OSError as error:
            raise Trouble(
                f"the web port {settings.web_host}:{settings.web_port} cannot be used ({error.strerror}); "
                "set METER_WEB_PORT to a free one"
            ) from error

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()

    async def _live(self, request: web.Request) -> web.Response:
        return web.Response(text="live\n")

    async def _ready(self, request: web.Request) -> web.Response:
        if self._worker.ready():
            return web.Response(text="".join(f"{line}\n" for line in self._worker.ready_lines()))
        return web.Response(status=503, text="".join(f"{line}\n" for line in self._worker.waiting_for()))

    async def _metrics(self, request: web.Request) -> web.Response:
        body = generate_latest(self._worker.metrics.registry)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
