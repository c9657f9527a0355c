"""The web port under visitors that mean no good: probes are answered, descriptors and time are bounded."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace

import pytest
from aiohttp import web

from agents.metrics.metrics import Metrics
from agents.readiness import Readiness
from agents.visits import PROBES, Limits, Visits
from agents.web import Web
from meter.cli.worker import fast_loop
from meter.errors import UserError
from meter.settings import Settings
from tests.end_to_end.workers import free_port

MOST = 8
#: A page is answered in a few ms; a busy machine takes its time.
ANSWER_SECONDS = 30.0
LIVE = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@asynccontextmanager
async def listening(most: int = MOST, seconds: float = 60.0, page: str = "live\n") -> AsyncIterator[tuple[int, Visits]]:
    """A port with these bounds."""

    async def answer(request: web.BaseRequest) -> web.Response:
        return web.Response(text=page)

    visits = Visits(answer, Limits(most, seconds))
    runner = web.ServerRunner(visits, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield runner.addresses[0][1], visits
    finally:
        await runner.cleanup()


async def asked(port: int, request: bytes = LIVE) -> bytes:
    """All that the port answers until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(request)
        async with asyncio.timeout(ANSWER_SECONDS):
            return await reader.read()
    finally:
        writer.close()


async def silent(port: int, count: int, say: bytes = b"") -> list[Connection]:
    """Connections that ask for nothing."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    for _, writer in connections:
        writer.write(say)
    return connections


async def closed(connection: Connection) -> bool:
    """Whether the other side ended a connection, within the time that this may take."""
    reader, writer = connection
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            while await reader.read(1 << 16):
                pass
    except ConnectionError:
        pass
    finally:
        writer.close()
    return True


def run(program: Callable[[], Awaitable[None]]) -> None:
    """On the loop that a worker has."""
    with asyncio.Runner(loop_factory=fast_loop()) as runner:
        runner.run(program())  # type: ignore[arg-type] # an async function's awaitable is a coroutine


@pytest.mark.parametrize(
    "say", [b"", b"GET /live HTTP/1.1\r\n", b"GET /live HTTP/1.1\r\nX: "], ids=["idle", "slow", "cut"]
)
def test_a_probe_is_answered_while_others_hold_every_place(say: bytes) -> None:
    async def program() -> None:
        async with listening() as (port, visits):
            held = await silent(port, 10 * MOST, say)
            for _ in range(2 * MOST):
                assert (await asked(port)).endswith(b"live\n")
            assert len(visits.connections) <= MOST + 1
            for connection in held[: 9 * MOST]:
                assert await closed(connection)
            for _, writer in held:
                writer.close()

    run(program)


def test_a_silent_connection_ends_by_itself() -> None:
    async def program() -> None:
        async with listening(seconds=0.2) as (port, visits):
            held = await silent(port, 3) + await silent(port, 3, b"GET /live HTTP/1.1\r\nX: ")
            for connection in held:
                assert await closed(connection)
            while visits.connections:
                await asyncio.sleep(0.01)

    run(program)


def test_a_header_a_byte_at_a_time_gains_no_time() -> None:
    async def program() -> None:
        async with listening(seconds=0.5) as (port, _):
            (slow,) = await silent(port, 1, b"GET /live HTTP/1.1\r\n")
            ending = asyncio.create_task(closed(slow))
            while not ending.done():
                slow[1].write(b"X: y\r\n")
                await asyncio.sleep(0.05)
            assert await ending

    run(program)


def test_a_client_that_does_not_read_its_page_is_left() -> None:
    async def program() -> None:
        async with listening(seconds=0.5, page="x" * (32 << 20)) as (port, visits):
            ((reader, writer),) = await silent(port, 1, LIVE)
            await reader.readexactly(1)
            async with asyncio.timeout(ANSWER_SECONDS):
                while visits.connections:
                    await asyncio.sleep(0.01)
            writer.close()

    run(program)


@pytest.mark.parametrize("loop", [fast_loop(), asyncio.new_event_loop], ids=["fast", "plain"])
def test_a_stop_does_not_wait_for_a_client_that_does_not_read(loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
    page = 32 << 20

    async def program() -> int:
        async with listening(page="x" * page) as (port, _):
            ((reader, writer),) = await silent(port, 1, LIVE)
            await reader.readexactly(1)
        read = 0
        with suppress(ConnectionError):
            while some := await reader.read(1 << 16):
                read += len(some)
        writer.close()
        return read

    with asyncio.Runner(loop_factory=loop) as runner:
        assert runner.run(program()) < page


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"x" * 5_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 5_000 + b"\r\n\r\n",
        b"GET /live HTTP/1.1\r\nHost: x\r\n" + b"".join(b"X%d: y\r\n" % number for number in range(100)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
    ],
    ids=["line", "header", "headers", "TLS"],
)
def test_what_is_too_long_or_no_http_is_refused_and_costs_nobody_else(request_bytes: bytes) -> None:
    async def program() -> None:
        async with listening() as (port, _):
            assert (await asked(port, request_bytes)).startswith((b"HTTP/1.0 400 ", b"HTTP/1.1 400 "))
            assert (await asked(port)).endswith(b"live\n")

    run(program)


def test_one_page_a_connection() -> None:
    async def program() -> None:
        async with listening() as (port, _):
            assert (await asked(port, 3 * LIVE)).count(b"HTTP/1.1 200 OK") == 1

    run(program)


def test_a_workers_pages() -> None:
    async def program() -> None:
        number = free_port()
        settings, readiness, metrics = Settings(web_host="127.0.0.1", web_port=number), Readiness(), Metrics()
        readiness.apps.append(SimpleNamespace(tables=SimpleNamespace(ready=lambda: True)))  # type: ignore[arg-type]
        metrics.lost.inc(7)
        port = Web(settings, readiness, metrics)
        await port.start()
        assert (await asked(number)).endswith(b"live\n")
        assert (await asked(number, LIVE.replace(b"live", b"ready"))).endswith(b"\r\n\r\nready\n")
        readiness.stopping = True
        assert (await asked(number, LIVE.replace(b"live", b"ready"))).endswith(b"not ready: stopping\n")
        assert b"meter_records_lost_total 7.0" in await asked(number, LIVE.replace(b"live", b"metrics"))
        assert b"HTTP/1.1 404 " in await asked(number, LIVE.replace(b"live", b"table"))
        assert b"HTTP/1.1 405 " in await asked(number, LIVE.replace(b"GET", b"POST"))
        with pytest.raises(UserError, match=r"the web port 127.0.0.1:\d+ cannot be used .*; set METER_WEB_PORT"):
            await Web(settings, readiness, metrics).start()
        held = await silent(number, 5)
        begun = time.monotonic()
        await port.stop()
        assert time.monotonic() - begun < PROBES.seconds, "nobody waits until they end by themselves"
        for connection in held:
            assert await closed(connection)

    run(program)


NOT_HTTP = {
    "no host": b"GET /live HTTP/1.1\r\n\r\n",
    "a long line": b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a long header": b"GET /live HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 9_000 + b"\r\n\r\n",
    "a header without a colon": b"GET /live HTTP/1.1\r\nHost: x\r\nZZ\r\n\r\n",
    "a length that is none": b"GET /live HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01" + bytes(300),
}


@pytest.mark.parametrize("request_bytes", NOT_HTTP.values(), ids=NOT_HTTP)
def test_requests_that_are_not_http_cost_the_log_one_line_at_most_and_no_traceback(
    request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def program() -> None:
        async with listening() as (port, _):
            for _ in range(20):
                with suppress(ConnectionError):
                    await asked(port, request_bytes)
            assert (await asked(port)).endswith(b"live\n")

    run(program)
    assert len(caplog.records) <= 1
    assert not any(record.exc_info for record in caplog.records)


def test_a_page_that_fails_still_says_where_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def failing(request: web.BaseRequest) -> web.Response:
        raise RuntimeError("a bug of a page")

    async def program() -> None:
        runner = web.ServerRunner(Visits(failing), shutdown_timeout=1.0)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            assert b" 500 " in await asked(runner.addresses[0][1])
        finally:
            await runner.cleanup()

    run(program)
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["a bug of a page"]
