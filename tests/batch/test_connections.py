"""A connection that is broken is noticed: while it is written to, while an answer is awaited, and after nobody does."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from meter.batch.patches import connections
from tests.batch.own_connections import mend_for_one_test

#: What the tests take for a long silence: so long that a busy machine does not fall into one by itself.
PATIENCE_SECONDS = 1.5
NO_VERSIONS = b"\0\0" + b"\0\0\0\0"


class SilentBroker:
    """Answers a connection's first request; what it does with the others is the test's."""

    def __init__(self) -> None:
        self.writers: list[asyncio.StreamWriter] = []
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                length = int.from_bytes(await reader.readexactly(4), "big")
                self.requests.append(await reader.readexactly(length))
                self.asked.set()
                if len(self.requests) == 1:
                    self.send(0, self.answer(0))
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def answer(self, number: int) -> bytes:
        """A whole answer to a request."""
        body = self.requests[number][4:8] + NO_VERSIONS
        return len(body).to_bytes(4, "big") + body

    def send(self, connection: int, some: bytes) -> None:
        self.writers[connection].write(some)

    def hang_up(self) -> None:
        self.writers[0].transport.abort()


Story = Callable[[Any, SilentBroker], Awaitable[None]]


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's connections as the worker has them, for one test."""
    monkeypatch.setattr(connections, "SILENCE_SECONDS", PATIENCE_SECONDS)
    mend_for_one_test(monkeypatch)


def played(story: Story) -> None:
    async def scenario() -> None:
        broker = SilentBroker()
        server = await asyncio.start_server(broker.serve, "127.0.0.1", 0)
        connection = AIOKafkaConnection("127.0.0.1", server.sockets[0].getsockname()[1])
        await connection.connect()
        try:
            await story(connection, broker)
        finally:
            connection.close()
            server.close()
            for writer in broker.writers:
                writer.transport.abort()
            await asyncio.sleep(0.01)

    asyncio.run(scenario())


async def given_up(connection: Any, seconds: float) -> None:
    """A request whose caller waits no longer than this."""
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(connection.send(ApiVersionRequest()), seconds)


@pytest.mark.usefixtures("mended")
def test_writing_to_a_connection_that_was_just_closed_is_an_error_of_the_connection() -> None:
    async def story(connection: Any, broker: SilentBroker) -> None:
        def closed(_: bytes) -> None:
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>; the handler is closed")

        real = connection._writer
        connection._writer = SimpleNamespace(write=closed, close=real.close, transport=real.transport)
        with pytest.raises(KafkaConnectionError, match="the handler is closed"):
            await connection.send(ApiVersionRequest())
        assert not connection.connected()

    played(story)


@pytest.mark.usefixtures("mended")
def test_a_silent_connection_ends_with_its_request() -> None:
    async def story(connection: Any, broker: SilentBroker) -> None:
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            await connection.send(ApiVersionRequest())
        assert time.monotonic() - began >= PATIENCE_SECONDS
        assert not connection.connected()

    played(story)


@pytest.mark.usefixtures("mended")
def test_a_connection_on_which_others_gave_up_waiting_is_not_used_again() -> None:
    async def story(connection: Any, broker: SilentBroker) -> None:
        for _ in range(2):
            await given_up(connection, PATIENCE_SECONDS * 0.55)
        with pytest.raises(KafkaConnectionError, match="gave no answer"):
            await connection.send(ApiVersionRequest())
        assert not connection.connected()

    played(story)


@pytest.mark.usefixtures("mended")
def test_an_answer_that_comes_bit_by_bit_is_waited_for() -> None:
    async def story(connection: Any, broker: SilentBroker) -> None:
        broker.asked.clear()
        waiting = asyncio.create_task(connection.send(ApiVersionRequest()))
        await broker.asked.wait()
        for byte in broker.answer(1):
            await asyncio.sleep(PATIENCE_SECONDS / 10)
            broker.send(0, bytes([byte]))
        await waiting
        assert connection.connected()

    played(story)


@pytest.mark.usefixtures("mended")
def test_a_connection_that_its_broker_closes_fails_what_waits_and_nobody_complains() -> None:
    async def story(connection: Any, broker: SilentBroker) -> None:
        broker.asked.clear()
        waiting = [asyncio.create_task(connection.send(ApiVersionRequest())) for _ in range(3)]
        await broker.asked.wait()
        broker.hang_up()
        for one in waiting:
            with pytest.raises(KafkaConnectionError):
                await one

    played(story)
