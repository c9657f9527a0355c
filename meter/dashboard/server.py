"""The dashboard's web server: routes addresses, checks the token, answers HTML, JSON or CSV."""

import asyncio
import functools
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Protocol

import msgspec
from aiohttp import web

from meter.dashboard import live
from meter.dashboard.access import Access, Rights, host_is_ours
from meter.dashboard.actions import Resends, act, is_action
from meter.dashboard.advice.advising import Advising
from meter.dashboard.answers import csv_answer, html_answer, json_answer, problem_answer, secured
from meter.dashboard.asked import Asked, asked_of
from meter.dashboard.calendar import Calendar
from meter.dashboard.changes import Changes
from meter.dashboard.connections import VISIT_SECONDS, Connections
from meter.dashboard.explained import Explaining
from meter.dashboard.models import AsOf, Model, SignIn
from meter.dashboard.orders import answering
from meter.dashboard.orders.answering import Ordering
from meter.dashboard.pages import assets, render
from meter.dashboard.routes import Route, route_of
from meter.dashboard.sight import Live, NotThere, NotYet, Sight
from meter.dashboard.sign_in import sign_in, sign_out
from meter.dashboard.site import Site
from meter.dashboard.special import special
from meter.dashboard.store import Store
from meter.errors import UserError
from meter.machine.web_address import web_address
from meter.settings import Settings
from schemas.catalog import Catalog
from schemas.plurals import counted

log = logging.getLogger(__name__)

#: Threads that read the file for pages.
READERS = 4
STOP_SECONDS = 1.0
OTHER_HOST = "this dashboard has no token and answers to 127.0.0.1 and localhost only; set METER_DASHBOARD_TOKEN\n"

Probe = Callable[[], Awaitable[web.StreamResponse]]


class Parts(Protocol):
    """The parts of a dashboard that the server uses."""

    settings: Settings
    access: Access
    calendar: Calendar
    catalog: Catalog
    live: Live
    store: Store
    changes: Changes

    @property
    def explaining(self) -> Explaining:
        """Explains figures."""

    @property
    def advising(self) -> Advising:
        """Computes advice."""

    @property
    def resends(self) -> Resends | None:
        """Resends dead letters; None without a write token."""

    @property
    def ordering(self) -> Ordering | None:
        """The state of the order forms; None without a write token."""


class Server:
    """The web port of a dashboard."""

    def __init__(self, dashboard: Parts) -> None:
        self._dashboard = dashboard
        self.visits: Connections | None = None
        self._runner: web.ServerRunner | None = None
        self._readers = ThreadPoolExecutor(READERS, "page")
        self.version = package_version()

    @property
    def address(self) -> str:
        """The address for a browser."""
        settings = self._dashboard.settings
        return web_address(settings.dashboard_host, settings.dashboard_port, f"{settings.dashboard_base_path}/")

    @property
    def connections(self) -> int:
        """Connections that are open now."""
        return 0 if self.visits is None else len(self.visits.connections)

    @property
    def streams(self) -> int:
        """Streams of changes that are open now."""
        return 0 if self.visits is None else self.visits.streams

    async def start(self, seconds: float = VISIT_SECONDS) -> None:
        """Listen; raises UserError if the port is not available. `seconds`: the time limit of a page."""
        settings = self._dashboard.settings
        self.visits = Connections(self.answer, seconds=seconds)
        self._runner = web.ServerRunner(self.visits, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, settings.dashboard_host, settings.dashboard_port).start()
        except OSError as error:
            raise UserError(
                f"the dashboard's port {settings.dashboard_host}:{settings.dashboard_port} cannot be used "
                f"({error.strerror}); set METER_DASHBOARD_PORT to a free one"
            ) from error

    async def stop(self) -> None:
        """Close the port and wait for the threads."""
        if self._runner is not None:
            await self._runner.cleanup()
        self._readers.shutdown(wait=True, cancel_futures=True)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """The answer to any request; an internal error is logged with its traceback and not shown to the reader."""
        try:
            return secured(await self._answer(request))
        except Exception:
            log.exception("dashboard: a page failed; the others go on")
            return secured(web.Response(status=500, text="this page failed; the dashboard's log has the reason\n"))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        settings, access = self._dashboard.settings, self._dashboard.access
        asked = asked_of(request.rel_url.raw_path, request.query, settings.dashboard_base_path)
        if asked is None:
            return web.Response(status=404, text=f"the dashboard is at {settings.dashboard_base_path}/\n")
        if asked.parts == ("live",):
            return web.Response(text="live\n")
        if asked.parts == ("ready",):
            return self._ready()
        if not host_is_ours(request, access):
            words = (
                "this dashboard has no token and answers to 127.0.0.1 and localhost only; set METER_DASHBOARD_TOKEN\n"
            )
            return web.Response(status=403, text=words)
        rights = access.rights(request)
        site = self._site(asked, rights)
        if asked.parts == ("sign-in",) and asked.form == "css":
            return _style()
        if asked.parts == ("sign-in",):
            return await sign_in(request, access, site)
        if not rights.read:
            return self._ask_for_token(request, asked, site)
        return await self._allowed(request, asked, rights, site)

    async def _allowed(self, request: web.BaseRequest, asked: Asked, rights: Rights, site: Site) -> web.StreamResponse:
        if asked.parts == ("sign-out",) and request.method == "POST":
            return sign_out(request, site)
        if is_action(request, asked):
            return await act(request, asked, rights, site, self._dashboard.resends)
        if answering.is_form(asked) and asked.form != "events":
            return await answering.answer(request, asked, rights, site, self._dashboard)
        if request.method not in ("GET", "HEAD"):
            return web.Response(status=405, text="GET and HEAD only\n", headers={"Allow": "GET, HEAD"})
        try:
            found = await special(request, asked, site, self._dashboard)
            return found or await self._page(request, asked, rights)
        except NotYet as error:
            return problem_answer(404, "Nothing yet", str(error), site, asked.form)
        except NotThere as error:
            return problem_answer(404, "Not found", str(error), site, asked.form)

    async def _page(self, request: web.BaseRequest, asked: Asked, rights: Rights) -> web.StreamResponse:
        route = route_of(asked)
        if asked.form == "events":
            return await self._stream(request, route, asked, rights)
        model, as_of = await self._in_thread(self._read, route, asked)
        if asked.form == "json":
            return json_answer(model)
        if asked.form == "csv":
            return csv_answer(route.table(model), route.name)
        return html_answer(route.name, model, self._site(asked, rights, as_of))

    async def _stream(self, request: web.BaseRequest, route: Route, asked: Asked, rights: Rights) -> web.StreamResponse:
        """Stream the page's changes until its reader leaves."""
        shown, page = live.opened(request, asked)

        def news(beat: bool) -> bytes | None:
            model, as_of = self._read(route, page)
            site = self._site(page, rights, as_of)
            return shown.news(render.prepare(route.name, msgspec.to_builtins(model), site), beat)

        with self._dashboard.changes.subscribed(*live.regions(page)) as subscription:
            return await live.stream(request, asked, subscription, functools.partial(self._in_thread, news))

    async def _in_thread(self, work: Callable[..., Any], *given: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work, *given)

    def _read(self, route: Route, asked: Asked) -> tuple[Model, AsOf]:
        """In a thread: a page's model, from one snapshot of the file."""
        board = self._dashboard
        with board.store.reading() as connection:
            now_us = time.time_ns() // 1000
            sight = Sight(connection, board.calendar, board.catalog, board.settings, now_us, board.live)
            return route.model(sight, asked), sight.as_of()

    def _site(self, asked: Asked, rights: Rights, as_of: AsOf | None = None) -> Site:
        board = self._dashboard
        return Site(
            base_path=board.settings.dashboard_base_path,
            version=self.version,
            path=asked.path,
            parts=asked.parts,
            query=asked.query,
            writable=rights.write,
            time_zone=board.calendar.zone.name,
            as_of=as_of,
            loading=board.live.loading,
            signed_in=rights.proven,
            write_token_set=board.access.write_token_set,
        )

    def _ready(self) -> web.Response:
        live = self._dashboard.live
        if live.trouble is not None:
            return web.Response(status=503, text=f"{live.trouble}\n")
        if live.lag_records is None:
            return web.Response(status=503, text="Kafka has not answered yet\n")
        if live.loading is not None:
            read, records = live.loading.records_read, live.loading.records
            return web.Response(status=503, text=f"read {read:,} of {counted(records, 'record')}\n")
        return web.Response(text="ready\n")

    def _ask_for_token(self, request: web.BaseRequest, asked: Asked, site: Site) -> web.Response:
        headers = {"WWW-Authenticate": 'Bearer realm="usage meter dashboard"'}
        if asked.form or request.method not in ("GET", "HEAD") or asked.parts[:1] == ("assets",):
            words = "send the header `Authorization: Bearer …` with METER_DASHBOARD_TOKEN\n"
            return web.Response(status=401, text=words, headers=headers)
        target = site.here() if site.parts != ("sign-in",) else site.url()
        answered = html_answer("sign_in", SignIn(target=target, wrong=False), site, 401)
        answered.headers.update(headers)
        return answered


def _style() -> web.Response:
    """The style of the sign-in form, served without a token."""
    style = assets.all_assets()["meter.css"]
    return web.Response(body=style.content, content_type=style.content_type, charset="utf-8")


def package_version() -> str:
    """The installed version, or words for a source tree that is not installed."""
    try:
        return version("usage-meter")
    except PackageNotFoundError:
        return "not installed"
