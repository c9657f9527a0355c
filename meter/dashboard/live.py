"""Pages that keep themselves up to date: a stream of server-sent events for each open page.

A reader holds a set of changed regions and the state its page has, never a queue. It gets at most four events a
second; a reader that is too slow is dropped, and its browser reconnects by itself.
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

#: Seconds between two events of a page.
SEND_SECONDS = 0.25
#: Seconds between checks of a page when nothing is published: time passes, days close, Kafka goes away. Also the
#: heartbeat.
BEAT_SECONDS = 5.0
#: A reader that accepts no data for this long is dropped.
WRITE_SECONDS = 10.0
#: A stream ends after this time; the browser opens the next one and sends the state it has.
STREAM_SECONDS = 1_800.0
#: Seconds until a browser retries when there are too many streams.
RETRY_SECONDS = 5
#: Query names that only a stream has: the state that the page shows, and the version of its files.
SEEN, PAGES = "seen", "pages"
HEADERS = {"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no", "Cache-Control": "no-store"}

#: The event that brings the page up to date; `beat`: even if nothing changed.
News = Callable[[bool], Awaitable[bytes | None]]


def regions(asked: Asked) -> Iterable[Region]:
    """The regions that a page depends on."""
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
    """The state that the page already has, and its address without the names that only a stream has."""
    seen = request.headers.get("Last-Event-ID") or asked.query.get(SEEN, "")
    query = {name: value for name, value in asked.query.items() if name not in (SEEN, PAGES)}
    return OpenPage(seen), Asked(asked.parts, "", query)


async def stream(
    request: web.BaseRequest, asked: Asked, subscription: "Subscription", news: News
) -> web.StreamResponse:
    """Send the page's changes until the reader leaves, is too slow, or the stream has reached its age limit."""
    first = await news(True)  # a page that cannot be shown is refused before the stream begins
    connection = request.protocol
    if isinstance(connection, Connection) and not connection.stay():
        words = "too many pages are open; this one no longer updates\n"
        return web.Response(status=503, text=words, headers={"Retry-After": str(RETRY_SECONDS)})
    response = secured(web.StreamResponse(headers=HEADERS))
    try:
        await response.prepare(request)
        if asked.query.get(PAGES, assets.version()) != assets.version():
            await response.write(event("", name="outdated"))  # an open page of another version reloads itself
            return response
        await _send(response, first, subscription, news)
    except NotThere:
        pass  # the file was recreated and does not have the page yet: the browser reconnects
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
    """Wait for a change; False if none came within a beat."""
    try:
        async with asyncio.timeout(BEAT_SECONDS):
            await subscription.wait()
    except TimeoutError:
        return False
    return True
