"""Addresses that do not answer: each is paid for once, by one client, and known to all."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError
from aiokafka.structs import BrokerMetadata

from meter.batch.patches import bootstrapping, connections

TRY_SECONDS = 1.5
VERSIONS = b"\0\0" + b"\0\0\0\1" + b"\0\3\0\0\0\1"  # metadata up to version 1


@pytest.fixture(autouse=True)
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's clients as the meter has them, in a process that has met no address yet."""
    monkeypatch.setattr(AIOKafkaClient, "bootstrap", bootstrapping._bootstrap)
    monkeypatch.setattr(AIOKafkaAdminClient, "_send_request", bootstrapping._ask)
    monkeypatch.setattr(bootstrapping, "_failed", {})
    monkeypatch.setattr(bootstrapping, "_named", {})
    monkeypatch.setattr(bootstrapping, "TRY_SECONDS", TRY_SECONDS)
    connections.install()
    bootstrapping.install()


@pytest.fixture
def mute() -> Iterator[socket.socket]:
    """A port whose connections come about, and on which nobody says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server


@pytest.fixture
def silent(mute: socket.socket) -> str:
    """Its address."""
    return f"127.0.0.1:{mute.getsockname()[1]}"


def visits(server: socket.socket) -> int:
    """How often somebody has connected to it."""
    found = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            found += 1
    return found


@pytest.fixture
def dead() -> Iterator[str]:
    """An address at which nobody listens, nor will meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


async def serve(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, named: Callable[[], bool] = lambda: True
) -> None:
    """A broker that knows its versions and names itself, and no other, in its metadata; nobody while not `named`."""
    port: int = writer.get_extra_info("sockname")[1]
    itself = b"\0\0\0\1" + b"\0\0\0\7" + b"\0\x09127.0.0.1" + port.to_bytes(4, "big") + b"\xff\xff"
    try:
        while True:
            request = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
            brokers = itself if named() else b"\0\0\0\0"
            answers = {18: VERSIONS, 3: brokers + b"\0\0\0\7" + b"\0\0\0\0"}
            body = request[4:8] + answers[int.from_bytes(request[:2], "big")]
            writer.write(len(body).to_bytes(4, "big") + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def seconds_of_a_start(addresses: list[str]) -> float:
    """How long a client needs to find its first broker."""
    client: Any = AIOKafkaClient(bootstrap_servers=addresses)
    began = time.monotonic()
    try:
        await client.bootstrap()
    finally:
        await client.close()
    assert client.hosts and {f"{host}:{port}" for host, port, _ in client.hosts} == set(addresses)
    return time.monotonic() - began


def test_a_silent_address_costs_one_client_once_and_the_others_nothing(mute: socket.socket, silent: str) -> None:
    async def story() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            good = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            took = [await seconds_of_a_start([silent, good]) for _ in range(20)]
            assert visits(mute) <= 1, took
            assert max(took) < 20 * TRY_SECONDS

    asyncio.run(story())


def test_one_address_is_enough_for_as_long_as_the_cluster_named_others(dead: str) -> None:
    async def story() -> None:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            good = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
            with pytest.raises(KafkaConnectionError):
                await seconds_of_a_start([dead])
            host, port = dead.split(":")
            bootstrapping._named[frozenset({(host, int(port))})] = [("127.0.0.1", int(good.split(":")[1]))]
            await seconds_of_a_start([dead])
            await seconds_of_a_start([good])
            place = ("127.0.0.1", int(good.split(":")[1]))
            assert bootstrapping._named[frozenset({place})] == [place]

    asyncio.run(story())


def test_where_nobody_answers_every_address_was_asked(silent: str, dead: str) -> None:
    with pytest.raises(KafkaConnectionError):
        asyncio.run(seconds_of_a_start([silent, dead]))
    assert {f"{host}:{port}" for host, port in bootstrapping._failed} == {silent, dead}


class Alone:
    """A broker that names only itself, as one of several does while it is up alone; it can end, fall silent, return."""

    def __init__(self) -> None:
        self.silent, self.named, self.port = False, True, 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []

    async def start(self) -> "Alone":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def end(self) -> None:
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.transport.abort()
        await asyncio.sleep(0)  # what was aborted is told in the next turn

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        if not self.silent:
            await serve(reader, writer, lambda: self.named)


@asynccontextmanager
async def one_of_two_named(patience_ms: int = 1_000) -> AsyncIterator[tuple[Any, Alone, Alone]]:
    """A client, the broker that it found, which names no other, and one that only the client's settings name."""
    brokers = [await Alone().start() for _ in range(2)]
    given = [f"127.0.0.1:{broker.port}" for broker in brokers]
    client: Any = AIOKafkaClient(bootstrap_servers=given, request_timeout_ms=patience_ms)
    try:
        await client.bootstrap()
        found, other = sorted(brokers, key=lambda broker: broker.port not in ports_of(client))
        assert ports_of(client) == [found.port]
        yield client, found, other
    finally:
        await client.close()
        for broker in brokers:
            await broker.end()


def ports_of(client: Any) -> list[int]:
    """The brokers that a client knows."""
    return [broker.port for broker in client.cluster.brokers()]


@pytest.mark.parametrize("silent", [False, True], ids=["gone", "silent"])
def test_where_no_broker_answers_that_the_cluster_named_the_given_addresses_do(silent: bool) -> None:
    async def story() -> None:
        async with one_of_two_named() as (client, found, other):
            found.silent = silent
            if not silent:
                await found.end()
            assert await client.force_metadata_update()
            assert ports_of(client) == [other.port]

    asyncio.run(story())


def test_who_asks_for_all_metadata_learns_it_from_a_given_address_too() -> None:
    async def story() -> None:
        async with one_of_two_named() as (client, found, other):
            await found.end()
            learned = await client.fetch_all_metadata()
            assert [broker.port for broker in learned.brokers()] == [other.port]

    asyncio.run(story())


def test_who_loses_patience_with_a_silent_broker_meets_another_next_time() -> None:
    async def story() -> None:
        async with one_of_two_named(patience_ms=60_000) as (client, found, other):
            found.silent = True
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(client.fetch_all_metadata(), 0.2)
            learned = await asyncio.wait_for(client.fetch_all_metadata(), 15)
            assert [broker.port for broker in learned.brokers()] == [other.port]

    asyncio.run(story())


def test_a_coordinator_is_asked_for_where_somebody_answers() -> None:
    async def story() -> None:
        async with one_of_two_named() as (client, found, other):
            found.silent = True
            assert await client.force_metadata_update()
            itself = BrokerMetadata(7, "127.0.0.1", found.port, None)
            client.cluster._brokers = {itself.nodeId: itself}  # it came back, and then fell silent again
            assert client.get_random_node() == f"127.0.0.1:{other.port}"

    asyncio.run(story())


def test_what_the_cluster_named_stays_known_while_nobody_answers() -> None:
    async def story() -> None:
        async with one_of_two_named() as (client, found, other):
            await found.end()
            await other.end()
            assert not await client.force_metadata_update()
            assert ports_of(client) == [found.port]
            assert set(bootstrapping._failed) == {("127.0.0.1", found.port), ("127.0.0.1", other.port)}
            await found.start()
            assert await client.force_metadata_update()
            assert ports_of(client) == [found.port]
            assert set(bootstrapping._failed) == {("127.0.0.1", other.port)}

    asyncio.run(story())


def test_the_first_connection_is_closed_once_the_cluster_names_a_broker() -> None:
    async def story() -> None:
        broker = await Alone().start()
        broker.named = False
        client: Any = AIOKafkaClient(bootstrap_servers=[f"127.0.0.1:{broker.port}"])
        await client.bootstrap()
        (first,) = client._conns.values()
        assert not await client.force_metadata_update()
        broker.named = True
        assert await client.force_metadata_update()
        assert ports_of(client) == [broker.port]
        assert not first.connected() and first not in client._conns.values()
        await client.close()
        await broker.end()

    asyncio.run(story())


class Named:
    """A cluster that still names brokers of which only some can be reached."""

    def __init__(self, dead: set[int]) -> None:
        self.dead, self.asked = dead, list[int]()
        brokers = [SimpleNamespace(nodeId=node, host="broker", port=node) for node in (1, 2, 3)]
        self.cluster, self.hosts = SimpleNamespace(brokers=lambda: brokers), ()

    async def ready(self, node: int) -> bool:
        return node not in self.dead

    async def send(self, node: int, request: object) -> str:
        self.asked.append(node)
        if node in self.dead:
            raise NodeNotReadyError("cannot be reached")
        return f"{request} of {node}"


def admin_of(named: Named) -> Any:
    """An admin client of this cluster."""
    admin: Any = AIOKafkaAdminClient.__new__(AIOKafkaAdminClient)
    admin._client = named
    return admin


@pytest.mark.parametrize("dead", [set(), {1}, {2}, {1, 3}, {2, 3}])
def test_what_any_broker_may_be_asked_is_asked_of_the_next_where_one_is_dead(dead: set[int]) -> None:
    for _ in range(20):
        named = Named(dead)
        answer = asyncio.run(admin_of(named)._send_request("topics"))
        assert answer.startswith("topics of ") and named.asked[-1] not in dead


def test_what_one_broker_is_asked_goes_to_no_other_and_none_is_an_error() -> None:
    named = Named({2})
    with pytest.raises(NodeNotReadyError):
        asyncio.run(admin_of(named)._send_request("offsets", 2))
    assert set(named.asked) <= {2}
    with pytest.raises(NodeNotReadyError):
        asyncio.run(admin_of(Named({1, 2, 3}))._send_request("topics"))
