"""The connections of the dashboard's port: so many at once, a request and its answer within so many seconds.

A stream of live changes stays longer: it says so (`stay`), is counted by itself and bounds each of its own writes.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from schemas.ids import shown

log = logging.getLogger(__name__)

#: A connection that brings no whole request, or does not take its answer, ends after so many seconds.
VISIT_SECONDS = 20.0
#: Connections at once, streams not counted; the oldest makes room for a new one.
CONNECTIONS = 256
#: Streams of live changes at once; beyond them a page is told to ask again later.
STREAMS = 200
#: A request is a line and some headers (a cookie among them).
LINE_BYTES, HEADERS, HEADER_BYTES = 8_192, 64, 8_192
READ_BYTES = 16_384
#: Requests that are not HTTP get one line in so many seconds.
MISTAKES_SECONDS = 60.0

Page = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Connections(web.Server):
    """The connections of a port: `page` answers each request."""

    def __init__(self, page: Page, most: int = CONNECTIONS, seconds: float = VISIT_SECONDS) -> None:
        super().__init__(self._answer)
        self._page = page
        self._most = most
        self.seconds = seconds
        #: By age: a dict keeps the order.
        self._there: dict[Connection, None] = {}
        self._streams: set[Connection] = set()
        self._mistakes = 0
        self._mistakes_logged = -MISTAKES_SECONDS

    def __call__(self) -> "Connection":
        return Connection(
            self,
            loop=asyncio.get_running_loop(),
            access_log=None,
            keepalive_timeout=self.seconds,
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

    @property
    def streams(self) -> int:
        """Streams that are open now."""
        return len(self._streams)

    def came(self, connection: "Connection") -> None:
        """Make room for a new one."""
        while len(self._there) >= self._most:
            oldest = next(iter(self._there))
            del self._there[oldest]
            oldest.end()
        self._there[connection] = None

    def left(self, connection: "Connection") -> None:
        """It is gone."""
        self._there.pop(connection, None)
        self._streams.discard(connection)

    def stay(self, connection: "Connection") -> bool:
        """Let a connection stay for a stream; False: there are too many streams."""
        if len(self._streams) >= STREAMS:
            return False
        self._there.pop(connection, None)
        self._streams.add(connection)
        return True

    def mistaken(self, error: HttpProcessingError) -> None:
        """A client sent what is not HTTP: it was answered so, and one line counts many of them."""
        self._mistakes += 1
        now = time.monotonic()
        if now - self._mistakes_logged >= MISTAKES_SECONDS:
            words = "dashboard: %d requests were not HTTP and got an error (the last: %d %s); it goes on"
            log.warning(words, self._mistakes, error.code, shown(error.message))
            self._mistakes, self._mistakes_logged = 0, now


class Connection(web.RequestHandler):
    """One connection."""

    def __init__(self, connections: Connections, **kwargs: Any) -> None:
        super().__init__(connections, **kwargs)
        self._connections = connections
        self._end: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._connections.came(self)
        self._end = asyncio.get_running_loop().call_later(self._connections.seconds, self.end)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        self._forget_end()
        self._connections.left(self)
        super().connection_lost(exc)

    def stay(self) -> bool:
        """Stay beyond the time of a page, for a stream; False: there are too many."""
        if not self._connections.stay(self):
            return False
        self._forget_end()
        return True

    def extend(self, seconds: float) -> None:
        """Let this answer take so many seconds more."""
        if self._end is not None:
            self._end.cancel()
            self._end = asyncio.get_running_loop().call_later(self._connections.seconds + seconds, self.end)

    def log_exception(self, *args: Any, **kw: Any) -> None:
        """A traceback for a page that fails; aiohttp writes one for each request it cannot read, too."""
        error = kw.get("exc_info")
        if isinstance(error, HttpProcessingError):
            self._connections.mistaken(error)
        else:
            super().log_exception(*args, **kw)

    def end(self) -> None:
        """Now, whatever has not been sent."""
        if self.transport is not None:
            self.transport.abort()

    def _forget_end(self) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
