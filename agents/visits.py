"""A web server with bounded connections: one page each, limited in number and time.

aiohttp waits an hour for a silent client and accepts any number of them. Here the oldest connection makes room for a
new one, so a probe is answered even while other clients hold all the places.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from meter.machine.capacity import WEB_CONNECTIONS
from schemas.ids import shown

log = logging.getLogger(__name__)

#: Requests that are not HTTP are logged at most this often: a scanner sends thousands.
MISTAKES_SECONDS = 60.0

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Limits(NamedTuple):
    """What visitors of a port may take."""

    #: Connections at once.
    connections: int = WEB_CONNECTIONS
    #: A connection may last this long, however slow its client sends or reads.
    seconds: float = 10.0
    #: Limits of a request: its first line, the number of headers, and a header.
    line_bytes: int = 4_096
    headers: int = 64
    header_bytes: int = 4_096
    #: Bytes buffered of a client that sends more than its request.
    read_bytes: int = 4_096


#: Of a port that answers probes and is scraped.
PROBES = Limits()


class Visits(web.Server):
    """The connections of a port, which `name` calls in the log: `page` answers each request."""

    def __init__(self, page: Page, limits: Limits = PROBES, name: str = "web port") -> None:
        super().__init__(self._answer)
        self._page, self._name = page, name
        self.limits = limits
        #: The open connections, oldest first.
        self._there: dict[Visit, None] = {}
        self._mistakes = 0
        self._mistakes_logged = -MISTAKES_SECONDS

    def __call__(self) -> "Visit":
        limits = self.limits
        return self._visit(
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=limits.seconds,
            lingering_time=0.0,
            max_line_size=limits.line_bytes,
            max_headers=limits.headers,
            max_field_size=limits.header_bytes,
            read_bufsize=limits.read_bytes,
        )

    def _visit(self, **aiohttps: Any) -> "Visit":
        """A new connection; `aiohttps`: what aiohttp asks for."""
        return Visit(self, **aiohttps)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._page(request)
        response.force_close()
        return response

    async def shutdown(self, timeout: float | None = None) -> None:
        """Ask all connections to end, then close those whose reader did not take what was sent."""
        transports = [visit.transport for visit in self.connections if visit.transport is not None]
        await super().shutdown(timeout)
        for transport in transports:
            transport.abort()

    def came(self, visit: "Visit") -> float:
        """Make room for a new connection; returns how many seconds it may last."""
        while len(self._there) >= self.limits.connections:
            oldest = next(iter(self._there))
            del self._there[oldest]
            oldest.end()
        self._there[visit] = None
        return self.limits.seconds

    def left(self, visit: "Visit") -> None:
        """A connection ended, or is counted elsewhere from now on."""
        self._there.pop(visit, None)

    def mistaken(self, error: HttpProcessingError) -> None:
        """A client sent what is not HTTP and got an error; one log line counts many of them."""
        self._mistakes += 1
        now = time.monotonic()
        if now - self._mistakes_logged >= MISTAKES_SECONDS:
            words = "%s: %d requests were not HTTP and got an error (the last: %d %s); it goes on"
            log.warning(words, self._name, self._mistakes, error.code, shown(error.message))
            self._mistakes, self._mistakes_logged = 0, now


class Visit(web.RequestHandler):
    """One connection."""

    def __init__(self, visits: Visits, **aiohttps: Any) -> None:
        super().__init__(visits, **aiohttps)
        self._visits = visits
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.end_in(self._visits.came(self))
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self.end_in(None)
        self._visits.left(self)
        super().connection_lost(exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A traceback for a page that fails; aiohttp writes one for each request it cannot read, too."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._visits.mistaken(error)
        else:
            super().log_exception(*args, **kw)

    def end_in(self, seconds: float | None) -> None:
        """End in so many seconds from now; None: not by the clock."""
        if self._end is not None:
            self._end.cancel()
        self._end = None if seconds is None else asyncio.get_running_loop().call_later(seconds, self.end)

    def end(self) -> None:
        """Close it now, whatever has not been sent."""
        if self.transport is not None:
            self.transport.abort()
