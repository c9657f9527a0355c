"""Whoever reaches the dashboard's port: slow, endless, many, and with every kind of address."""

import asyncio
import logging
from pathlib import Path

import pytest

from tests.dashboard.served import served

SECONDS = 0.5
#: Until somebody who is visited for `SECONDS` is cut off, on a busy machine.
PATIENCE_SECONDS = 60.0


async def sent(port: int, content: bytes, pause: float = 0.0) -> bytes:
    """All that the port answers to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for byte in content if pause else (content,):
            writer.write(bytes([byte]) if isinstance(byte, int) else byte)
            await writer.drain()
            await asyncio.sleep(pause)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_a_client_that_never_ends_its_request_is_cut_off(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, SECONDS) as dashboard:
            slow = sent(
                dashboard.settings.dashboard_port, b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 999, 0.01
            )
            answered = await asyncio.wait_for(slow, PATIENCE_SECONDS)  # the request never ends, nor would the wait
            assert b" 200 " not in answered
            assert (await dashboard.get("/live"))[0] == 200

    asyncio.run(ask())


def test_a_client_that_does_not_read_its_answer_is_cut_off(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path, SECONDS) as dashboard:
            reader, writer = await asyncio.open_connection("127.0.0.1", dashboard.settings.dashboard_port)
            writer.write(b"GET /index.json HTTP/1.1\r\nHost: localhost\r\n\r\n")
            await writer.drain()
            await asyncio.wait_for(reader.read(), PATIENCE_SECONDS)  # its end comes when the connection is cut
            async with asyncio.timeout(PATIENCE_SECONDS):
                while dashboard.server.connections:
                    await asyncio.sleep(0.01)
            writer.close()

    asyncio.run(ask())


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"".join(b"X-%d: a\r\n" % n for n in range(200)) + b"\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 this is TLS \r\n\r\n",
    ],
)
def test_what_is_too_large_or_no_http_gets_an_error(
    tmp_path: Path, request_bytes: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            for _ in range(3):
                assert b" 400 " in (await sent(dashboard.settings.dashboard_port, request_bytes)).split(b"\r\n")[0]
            assert (await dashboard.get("/live"))[0] == 200

    with caplog.at_level(logging.WARNING):
        asyncio.run(ask())
    assert len([record for record in caplog.records if "not HTTP" in record.getMessage()]) <= 1
    assert "Traceback" not in caplog.text


def test_many_connections_make_room_for_the_next(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            port = dashboard.settings.dashboard_port
            silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(300)]
            assert (await dashboard.get("/live"))[0] == 200
            for _, writer in silent:
                writer.close()

    asyncio.run(ask())


@pytest.mark.parametrize(
    "path",
    [
        "/accounts/%22%3E%3Cimg%20src=x%3E/days/2026-01-31",
        "/accounts/%2e%2e/days/2026-01-31",
        "/accounts/a%2Fb/days/2026-01-31",
        "/accounts/a/days/2026-02-30",
        "/accounts/a/days/%E2%80%AE2026-01-31",
        "/accounts/%ff%fe/history",
        "/accounts/" + "a" * 300 + "/plans",
        "/a/b/c/d/e/f/g/h/i/j/k",
        "/docs/..%2fREADME.md",
        "/docs/../README.md",
        "/docs/%2e%2e/pyproject.toml",
        "/docs/schemas/../start.md",
        "/explain/a/b/c/2026-02-30",
        "/explain/%3Cimg%3E/b/c/2026-02-03",
        "/assets/../schema.sql",
        "/assets/%2e%2e%2fschema.sql",
        "/nowhere?x=%3Cscript%3E",
        "//evil.example/accounts",
    ],
)
def test_every_strange_address_is_not_found_and_shown_harmless(tmp_path: Path, path: str) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            answer = await sent(
                dashboard.settings.dashboard_port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
            )
            assert answer.split(b"\r\n")[0].endswith(b"404 Not Found"), answer[:200]
            assert b"<img" not in answer
            assert b"<script>" not in answer

    asyncio.run(ask())


def test_nothing_can_be_written_by_other_methods(tmp_path: Path) -> None:
    async def ask() -> None:
        async with served(tmp_path) as dashboard:
            for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
                for path in ("/", "/accounts/a/plans", "/dead-letters"):
                    assert (await dashboard.ask(method, path))[0] in (403, 405), (method, path)

    asyncio.run(ask())
