"""A proxy between a client and its broker that knows Kafka's framing: it loses or delays what a test names.

A frame is four bytes of length and a body; a request's body begins with its kind and, after the version, the number
by which its answer is known, with which the answer's body begins.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import IntEnum
from typing import Any

import pytest
from aiokafka import client as aiokafka_client


class Kind(IntEnum):
    """Kinds of requests."""

    PRODUCE = 0
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS = 24
    END_TXN = 26


class Proxy:
    """Forwards to one broker. What it does to a kind of request is done once, to the next of it."""

    def __init__(self, bootstrap: str) -> None:
        host, _, port = bootstrap.partition(":")
        self.broker = (host, int(port))
        self.port = 0
        self.seen: Counter[int] = Counter()
        self._lose_request: set[int] = set()
        self._lose_answer: set[int] = set()
        self._delay_answer: dict[int, float] = {}
        self._server: asyncio.Server | None = None
        self._pumps: set[asyncio.Task[None]] = set()

    def lose_request(self, kind: Kind) -> None:
        """The next such request never reaches the broker; the connection breaks."""
        self._lose_request.add(kind)

    def lose_answer(self, kind: Kind) -> None:
        """The next such request is done by the broker; its answer never comes, the connection breaks."""
        self._lose_answer.add(kind)

    def delay_answer(self, kind: Kind, seconds: float) -> None:
        """The answer to the next such request comes so much later."""
        self._delay_answer[kind] = seconds

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._pumps.add(asyncio.create_task(self._serve(reader, writer)))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream, to_broker = await asyncio.open_connection(*self.broker)
        lost: set[bytes] = set()
        late: dict[bytes, float] = {}

        async def request(body: bytes) -> bool:
            kind, number = int.from_bytes(body[:2], "big"), body[4:8]
            self.seen[kind] += 1
            if kind in self._lose_request:
                self._lose_request.remove(kind)
                return False
            if kind in self._lose_answer:
                self._lose_answer.remove(kind)
                lost.add(number)
            late[number] = self._delay_answer.pop(kind, 0.0)
            return True

        async def answer(body: bytes) -> bool:
            await asyncio.sleep(late.pop(body[:4], 0.0))
            return body[:4] not in lost

        pumps = [
            asyncio.create_task(_pump(reader, to_broker, request)),
            asyncio.create_task(_pump(upstream, writer, answer)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            for end in (writer, to_broker):
                end.close()


async def _pump(
    source: asyncio.StreamReader, target: asyncio.StreamWriter, passes: Callable[[bytes], Awaitable[bool]]
) -> None:
    """Forward frame by frame until one does not pass or an end closes."""
    while True:
        try:
            length = await source.readexactly(4)
            body = await source.readexactly(int.from_bytes(length, "big"))
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        if not await passes(body):
            return
        target.write(length + body)
        await target.drain()


def through(monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
    """Make every aiokafka connection of this process go through the proxy, whatever address the broker names."""
    direct = aiokafka_client.create_conn

    async def create_conn(host: str, port: int, **kwargs: Any) -> Any:
        return await direct("127.0.0.1", proxy.port, **kwargs)

    monkeypatch.setattr(aiokafka_client, "create_conn", create_conn)
