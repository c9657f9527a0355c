"""A proxy between clients and their broker that knows Kafka's framing: it loses, delays, cuts or swallows.

A frame is four bytes of length and a body; a request's body begins with its kind and, after the version, the number
by which its answer is known, with which the answer's body begins. What the proxy does to a kind of request it does
once, to the next of it; what it does to the link it does until told otherwise.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

import pytest
from aiokafka import client as aiokafka_client

from meter.settings import Address

#: On a slow link bytes arrive in so many parts a second.
PARTS_A_SECOND = 10


class Kind(IntEnum):
    """Kinds of requests."""

    PRODUCE = 0
    OFFSET_COMMIT = 8
    INIT_PRODUCER_ID = 22
    ADD_PARTITIONS = 24
    END_TXN = 26


class Way(Enum):
    """The two directions of a connection."""

    TO_BROKER = "to the broker"
    TO_CLIENT = "to the client"


@dataclass
class _Trick:
    """What happens to the next request of a kind that holds `about`."""

    kind: Kind
    about: bytes
    lose_request: bool = False
    lose_answer: bool = False
    delay_request: float = 0.0
    delay_answer: float = 0.0


@dataclass
class _Frame:
    """A frame, or a part of one, on its way: when it is due at the other end."""

    data: bytes
    due: float
    held_back: bool


class Proxy:
    """Forwards to one broker, the first of a list."""

    def __init__(self, bootstrap: str) -> None:
        self.broker: tuple[str, int] = Address.of(bootstrap.partition(",")[0])
        self.port = 0
        self.seen: Counter[int] = Counter()
        #: How many tricks were played.
        self.played: Counter[int] = Counter()
        #: How many connections were cut, and frames swallowed.
        self.cuts = 0
        self.swallowed = 0
        #: How many requests that were delayed reached the broker.
        self.arrived_late = 0
        #: The link: bytes take so long, and so many a second fit in each direction of a connection (0: no limit).
        self.latency = 0.0
        self.bytes_a_second = 0
        self._swallows: frozenset[Way] = frozenset()
        self._tricks: list[_Trick] = []
        self._server: asyncio.Server | None = None
        #: To the clients, one for each connection.
        self._writers: set[asyncio.StreamWriter] = set()
        self._pumps: set[asyncio.Task[None]] = set()

    def lose_request(self, kind: Kind, about: bytes = b"") -> None:
        """The next such request never reaches the broker; the connection breaks."""
        self._tricks.append(_Trick(kind, about, lose_request=True))

    def lose_answer(self, kind: Kind, about: bytes = b"") -> None:
        """The next such request is done by the broker; its answer never comes, the connection breaks."""
        self._tricks.append(_Trick(kind, about, lose_answer=True))

    def delay_answer(self, kind: Kind, seconds: float, about: bytes = b"") -> None:
        """The answer to the next such request, and whatever follows it on its connection, comes so much later."""
        self._tricks.append(_Trick(kind, about, delay_answer=seconds))

    def delay_request(self, kind: Kind, seconds: float, about: bytes = b"") -> None:
        """The next such request reaches the broker so much later, also when its client has given it up."""
        self._tricks.append(_Trick(kind, about, delay_request=seconds))

    def swallow(self, *ways: Way) -> None:
        """Bytes vanish in these directions and nobody is told; a connection that lost any never works again."""
        self._swallows = frozenset(ways)

    def cut(self) -> None:
        """Break every connection there is."""
        self.cuts += len(self._writers)
        for writer in self._writers:
            writer.transport.abort()

    async def __aenter__(self) -> "Proxy":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()
        while self._writers:
            for pump in self._pumps:  # also one that holds a request back
                pump.cancel()
            await asyncio.sleep(0.01)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            upstream, to_broker = await asyncio.open_connection(*self.broker)
            try:
                await self._pumped(reader, writer, upstream, to_broker)
            finally:
                to_broker.transport.abort()
        except OSError:
            pass  # no broker listens: neither does its proxy
        finally:
            writer.transport.abort()
            self._writers.discard(writer)

    async def _pumped(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        upstream: asyncio.StreamReader,
        to_broker: asyncio.StreamWriter,
    ) -> None:
        link = _Connection(self)
        pumps = [
            asyncio.create_task(link.pump(Way.TO_BROKER, reader, to_broker, link.request)),
            asyncio.create_task(link.pump(Way.TO_CLIENT, upstream, writer, link.answer)),
        ]
        self._pumps.update(pumps)
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        self._pumps.difference_update(pumps)

    def trick(self, kind: int, body: bytes) -> _Trick | None:
        """The trick to play on a request, once."""
        self.seen[kind] += 1
        for trick in self._tricks:
            if trick.kind == kind and trick.about in body:
                self._tricks.remove(trick)
                self.played[kind] += 1
                return trick
        return None

    def passes(self, way: Way) -> bool:
        return way not in self._swallows


class _Connection:
    """Two directions of one connection, and the tricks that are played on what is under way."""

    def __init__(self, proxy: Proxy) -> None:
        self.proxy = proxy
        self.dead: set[Way] = set()
        self._free_at = dict.fromkeys(Way, 0.0)
        self._lost: set[bytes] = set()
        self._answer_delay: dict[bytes, float] = {}

    def request(self, body: bytes) -> float | None:
        """By how much a request is delayed; None breaks the connection."""
        trick = self.proxy.trick(int.from_bytes(body[:2], "big"), body)
        if trick is None:
            return 0.0
        if trick.lose_request:
            return None
        number = body[4:8]
        if trick.lose_answer:
            self._lost.add(number)
        self._answer_delay[number] = trick.delay_answer
        return trick.delay_request

    def answer(self, body: bytes) -> float | None:
        """The same of an answer."""
        number = body[:4]
        return None if number in self._lost else self._answer_delay.pop(number, 0.0)

    def _arrives(self, way: Way, size: int, now: float) -> float:
        """When bytes that are sent now are at the other end of the link, which connections share fairly."""
        if self.proxy.bytes_a_second:
            now = max(now, self._free_at[way]) + size / self.proxy.bytes_a_second
            self._free_at[way] = now
        return now + self.proxy.latency

    async def pump(
        self,
        way: Way,
        source: asyncio.StreamReader,
        target: asyncio.StreamWriter,
        told: Callable[[bytes], float | None],
    ) -> None:
        """Forward frame by frame until one breaks the connection or an end closes; what is under way still arrives."""
        frames: asyncio.Queue[_Frame | None] = asyncio.Queue()
        delivering = asyncio.create_task(self._deliver(frames, target))
        try:
            await self._read(way, source, frames, told)
            frames.put_nowait(None)
            await delivering
        finally:
            delivering.cancel()

    async def _read(
        self,
        way: Way,
        source: asyncio.StreamReader,
        frames: "asyncio.Queue[_Frame | None]",
        told: Callable[[bytes], float | None],
    ) -> None:
        proxy, now = self.proxy, asyncio.get_running_loop().time
        while True:
            try:
                length = await source.readexactly(4)
                body = await source.readexactly(int.from_bytes(length, "big"))
            except (asyncio.IncompleteReadError, ConnectionError):
                return
            if way in self.dead or not proxy.passes(way):
                self.dead.add(way)
                proxy.swallowed += 1
                continue
            delay = told(body)
            if delay is None:
                return
            held_back = way is Way.TO_BROKER and delay > 0
            for part in _parts(length + body, proxy.bytes_a_second // PARTS_A_SECOND):
                frames.put_nowait(_Frame(part, self._arrives(way, len(part), now()) + delay, held_back))

    async def _deliver(self, frames: "asyncio.Queue[_Frame | None]", target: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time
        with contextlib.suppress(ConnectionError):
            while (frame := await frames.get()) is not None:
                await asyncio.sleep(max(0.0, frame.due - now()))
                target.write(frame.data)
                await target.drain()
                self.proxy.arrived_late += frame.held_back


def _parts(data: bytes, size: int) -> Iterator[bytes]:
    """Bytes as a slow link brings them, a part at a time; all at once where it is not slow."""
    for start in range(0, len(data), size or len(data)):
        yield data[start : start + (size or len(data))]


def through(monkeypatch: pytest.MonkeyPatch, proxy: Proxy) -> None:
    """Make every aiokafka connection of this process go through the proxy, whatever address the broker names."""
    direct = aiokafka_client.create_conn

    async def create_conn(host: str, port: int, **kwargs: Any) -> Any:
        return await direct("127.0.0.1", proxy.port, **kwargs)

    monkeypatch.setattr(aiokafka_client, "create_conn", create_conn)
