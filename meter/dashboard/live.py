"""Pages that keep themselves up to date: a stream of server-sent events for each open page.

A reader holds a set of changed regions and what its page was sent, never a queue. It is sent at most four events a
second; one that does not take its event in time is dropped, and its browser comes again by itself.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING

from aiohttp import web

from meter.dashboard.answers import secured
from meter.dashboard.asked import Asked
from meter.dashboard.connections import Connection
from meter.dashboard.ingest.published import Region
from meter.dashboard.pages import assets
from meter.dashboard.pages.news import OpenPage, event
from meter.dashboard.sight import NotThere

if TYPE_CHECKING:
    from meter.dashboard.changes import Subscription

#: Between two events of a page.
SEND_SECONDS = 0.25
#: A page is looked at so often though nothing was published: time passes, days close, Kafka goes away. It is the
#: heartbeat too.
BEAT_SECONDS = 5.0
#: A reader that takes nothing for so long is dropped.
WRITE_SECONDS = 10.0
#: A stream ends after so long; the browser opens the next one, with what it has.
STREAM_SECONDS = 1_800.0
#: What a browser is told to wait when there are too many streams.
RETRY_SECONDS = 5
#: Names in the query of a stream that are not the page's: what the page shows, and which files it was made with.
SEEN, PAGES = "seen", "pages"
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no", "Cache-Control": "no-store"}

#: The event that brings the page up to date; `beat`: even if nothing changed.
News = Callable[[bool], Awaitable[bytes | None]]


def regions(asked: Asked) -> Iterable[Region]:
    """What changes the page of an address."""
    match asked.parts:
        case ("accounts", account, "plans"):
            return Region("records", account), Region("day", account)
        case ("accounts", account, "orders", _):
            return Region("records", account), Region("dead_letters")
        case ("accounts", account, *_) | ("explain", account, *_):
            return Region("day", account), Region("alerts", account), Region("budgets", account)
        case ("alerts",):
            return (Region("alerts"),)
        case ("dead-letters",):
            return (Region("dead_letters"),)
        case ("operations",):
            return ()
    return Region("day"), Region("alerts")


def opened(request: web.BaseRequest, asked: Asked) -> tuple[OpenPage, Asked]:
    """What the page of a stream shows already, and the page itself: without what only the stream asks."""
    seen = request.headers.get("Last-Event-ID") or asked.query.get(SEEN, "")
    query = {name: value for name, value in asked.query.items() if name not in (SEEN, PAGES)}
    return OpenPage(seen), Asked(asked.parts, "", query)


async def stream(
    request: web.BaseRequest, asked: Asked, subscription: "Subscription", news: News
) -> web.StreamResponse:
    """Send the page's changes until the reader goes, is too slow, or the stream is old."""
    first = await news(True)  # what cannot be shown is refused before the stream begins
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.stay():
        words = "too many pages are open; this one keeps what it shows\n"
        return web.Response(status=503, text=words, headers={"Retry-After": str(RETRY_SECONDS)})
    response = secured(web.StreamResponse(headers=HEADERS))
    try:
        await response.prepare(request)
        if asked.query.get(PAGES, assets.version()) != assets.version():
            await response.write(event("", name="outdated"))  # an open page of another version loads itself again
            return response
        await _send(response, first, subscription, news)
    except NotThere:
        pass  # the file was made again, and does not have it (yet): the browser comes again
    except (TimeoutError, OSError):
        if isinstance(connection, Connection):
            connection.end()
    return response


async def _send(response: web.StreamResponse, found: bytes | None, subscription: "Subscription", news: News) -> None:
    ends = time.monotonic() + STREAM_SECONDS
    while time.monotonic() < ends:
        sent = time.monotonic()
        if found is not None:
            async with asyncio.timeout(WRITE_SECONDS):
                await response.write(found)
        await asyncio.sleep(max(0.0, sent + SEND_SECONDS - time.monotonic()))
        found = await news(not await _changed(subscription))


async def _changed(subscription: "Subscription") -> bool:
    """Wait for a change; False: none came for a beat."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            await subscription.wait()
    except TimeoutError:
        return False
    return True
