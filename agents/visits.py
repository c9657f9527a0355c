"""A web server with bounded connections: one page each, limited in number and time.

aiohttp waits an hour for a silent client and accepts any number of them. Here the oldest connection makes room for a
new one, so a probe is answered even while other clients hold all the places.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from meter.machine.capacity import WEB_CONNECTIONS
from schemas.ids import shown

log = logging.getLogger(__name__)

#: A connection may last this long, however slow its client sends or reads.
VISIT_SECONDS = 10.0
#: Limits of a request: its first line, the number of headers, and a header.
LINE_BYTES, HEADERS, HEADER_BYTES = 4_096, 64, 4_096
#: Bytes buffered of a client that sends more than its request.
READ_BYTES = 4_096
#: Requests that are not HTTP are logged at most this often: a scanner sends thousands.
MISTAKES_SECONDS = 60.0

Page = Callable[[web.BaseRequest], Awaitable[web.Response]]


class Visits(web.Server):
    """The connections of a port: `page` answers each request."""

    def __init__(self, page: Page, most: int = WEB_CONNECTIONS, seconds: float = VISIT_SECONDS) -> None:
        super().__init__(self._answer)
        self._page = page
        self._most = most
        self._seconds = seconds
        #: The open connections, oldest first.
        self._there: dict[_Visit, None] = {}
        self._mistakes = 0
        self._mistakes_logged = -MISTAKES_SECONDS

    def __call__(self) -> "_Visit":
        return _Visit(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=self._seconds,
            lingering_time=0.0,
            max_line_size=LINE_BYTES,
            max_headers=HEADERS,
            max_field_size=HEADER_BYTES,
            read_bufsize=READ_BYTES,
        )

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        response = await self._page(request)
        response.force_close()
        return response

    def came(self, visit: "_Visit") -> float:
        """Make room for a new connection; returns how many seconds it may last."""
        while len(self._there) >= self._most:
            oldest = next(iter(self._there))
            del self._there[oldest]
            oldest.end()
        self._there[visit] = None
        return self._seconds

    def left(self, visit: "_Visit") -> None:
        """A connection ended."""
        self._there.pop(visit, None)

    def mistaken(self, error: HttpProcessingError) -> None:
        """A client sent what is not HTTP and got an error; one log line counts many of them."""
        self._mistakes += 1
        now = time.monotonic()
        if now - self._mistakes_logged >= MISTAKES_SECONDS:
            words = "web port: %d requests were not HTTP and got an error (the last: %d %s); the worker goes on"
            log.warning(words, self._mistakes, error.code, shown(error.message))
            self._mistakes, self._mistakes_logged = 0, now


class _Visit(web.RequestHandler):
    """One connection."""

    def __init__(self, visits: Visits, **kwargs: Any) -> None:
        super().__init__(visits, **kwargs)
        self._visits = visits
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._end = asyncio.get_running_loop().call_later(self._visits.came(self), self.end)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._end is not None:
            self._end.cancel()
        self._visits.left(self)
        super().connection_lost(exc)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A traceback for a page that fails; aiohttp writes one for each request it cannot read, too."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._visits.mistaken(error)
        else:
            super().log_exception(*args, **kw)

    def end(self) -> None:
        """Close it now, whatever has not been sent."""
        if self.transport is not None:
            self.transport.abort()
