"""A connection that is closed is gone at once, whatever the other side does: over TLS, in plain text, on both loops."""

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvloop
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.admin import ApiVersionRequest

from tests.batch.own_connections import mend_for_one_test
from tests.support.certificates import Certificates

#: A turn of the loop, on a busy machine; without the mend it is 30 s over TLS, and never ends in plain text.
AT_ONCE_SECONDS = 20.0
NO_VERSIONS = b"\0\0" + b"\0\0\0\0"
#: More than the buffers between two sockets hold.
UNREAD = b"x" * (16 << 20)
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka's connections as the meter has them, for one test."""
    mend_for_one_test(monkeypatch)


@contextmanager
def broker_that_falls_silent(pem: Path | None) -> Iterator[int]:
    """The port of a broker that tells its versions, and then neither reads nor says a word, nor goodbye."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            if pem is not None:
                context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                context.load_cert_chain(pem)
                connection = context.wrap_socket(connection, server_side=True)
            with connection, connection.makefile("rb") as asked:
                request = asked.read(int.from_bytes(asked.read(4), "big"))
                body = request[4:8] + NO_VERSIONS
                connection.sendall(len(body).to_bytes(4, "big") + body)
                done.wait()

        serving = threading.Thread(target=serve)
        serving.start()
        try:
            yield server.getsockname()[1]
        finally:
            done.set()
            serving.join()


async def connected(port: int, authority: Path | None) -> AIOKafkaConnection:
    """A connection that knows the broker's versions."""
    tls = {}
    if authority is not None:
        tls = {"security_protocol": "SSL", "ssl_context": ssl.create_default_context(cafile=authority)}
    connection = AIOKafkaConnection("127.0.0.1", port, **tls)
    await connection.connect()
    return connection


@pytest.mark.usefixtures("mended")
@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("tls", [True, False], ids=["tls", "plain"])
def test_closing_waits_for_nobody_and_fails_what_is_asked(loop: str, tls: bool, certificates: Certificates) -> None:
    pem, authority = (certificates.good, certificates.authority) if tls else (None, None)

    async def story(port: int) -> None:
        connection = await connected(port, authority)
        transport = connection._writer.transport
        waiting = asyncio.create_task(connection.send(ApiVersionRequest()))
        await asyncio.sleep(0)
        connection._writer.write(UNREAD)
        try:
            await asyncio.wait_for(connection.close(), AT_ONCE_SECONDS)
        finally:
            transport.abort()  # where the mend is missing uvloop could not end either
        with pytest.raises(KafkaConnectionError):
            await waiting
        assert not connection.connected()
        await connection.close()

    with broker_that_falls_silent(pem) as port, asyncio.Runner(loop_factory=LOOPS[loop]) as runner:
        runner.run(story(port))
