"""aiokafka's connections, made to notice that they are broken: a link that dies without a word stops nobody for long.

What is replaced of aiokafka, each with a test:
* writing to a connection that has just been closed is an error of Kafka's connection. uvloop calls it a RuntimeError,
  which ended aiokafka's reading for good, in silence;
* a request waits as long as anything comes, and not without end: a connection on which nothing came for so long is
  closed, whoever gave up waiting for it meanwhile. aiokafka's own time-out is of one request: it gave up what a slow
  link was still bringing, and left a dead connection in use where another time-out had cancelled it before;
* a closed connection is gone at once: its transport is aborted. What waits on it has failed by then. A polite close
  waits for the other side: over TLS 30 s for its goodbye, which uvloop may never hear (MagicStack/uvloop#471), in plain
  text until a silent broker takes what was written. A client's `close` waits for all of its connections.
"""

import asyncio
import time
from typing import Any

from aiokafka import conn as aiokafka_conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

#: The longest silence of a connection of which an answer is awaited; a client's own request time-out may be shorter.
SILENCE_SECONDS = 20.0

_connect = AIOKafkaConnection.connect
_send = AIOKafkaConnection.send
_close = AIOKafkaConnection.close


class _HearingProtocol(aiokafka_conn.AIOKafkaProtocol):
    """Remembers when bytes came last."""

    heard = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        super().data_received(data)


async def connect(connection: Any) -> Any:
    """In place of `AIOKafkaConnection.connect`."""
    connection._request_timeout = min(connection._request_timeout, SILENCE_SECONDS)
    return await _connect(connection)


def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """In place of `AIOKafkaConnection.send`; raises KafkaConnectionError for whatever is wrong with the connection."""
    now = time.monotonic()
    if not connection._requests:
        connection.asked = now
    elif _silence(connection, connection.asked, now) > connection._request_timeout:
        connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
        raise KafkaConnectionError(f"{_place(connection)} gave no answer for {connection._request_timeout:.0f} s")
    try:
        waiting = _send(connection, request, expect_response=expect_response)
    except RuntimeError as error:
        connection.close(reason=CloseReason.CONNECTION_BROKEN, exc=error)
        raise KafkaConnectionError(f"{_place(connection)} was closed: {error}") from error
    if not expect_response:
        return waiting
    waiting.close()
    return _answer(connection, connection._requests[-1][2], now)


def close(connection: Any, reason: Any = None, exc: BaseException | None = None) -> Any:
    """In place of `AIOKafkaConnection.close`; the future it returns is done within a turn of the loop."""
    writer = connection._writer
    closed = _close(connection, reason, exc)
    if writer is not None:
        writer.transport.abort()
    return closed


async def _answer(connection: Any, future: "asyncio.Future[Any]", asked: float) -> Any:
    """The answer to a request; TimeoutError, and the end of the connection, once nothing came for too long."""
    try:
        while not future.done():
            patience = connection._request_timeout - _silence(connection, asked, time.monotonic())
            if patience <= 0:
                connection.close(reason=CloseReason.CONNECTION_TIMEOUT)
                raise TimeoutError
            await asyncio.wait({future}, timeout=patience)
        return future.result()
    finally:
        if not future.done():
            future.cancel()
        elif not future.cancelled():
            future.exception()  # whoever gave up waiting need not hear it


def _silence(connection: Any, asked: float, now: float) -> float:
    return now - max(asked, getattr(connection._protocol, "heard", 0.0))


def _place(connection: Any) -> str:
    return f"the connection to {connection.host}:{connection.port}"


def install() -> None:
    """Put all this in the place of aiokafka's, for every client of this process."""
    aiokafka_conn.AIOKafkaProtocol = _HearingProtocol
    AIOKafkaConnection.connect = connect
    AIOKafkaConnection.send = send
    AIOKafkaConnection.close = close
