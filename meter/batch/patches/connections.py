"""Makes aiokafka's connections notice that they are broken, so that a silently dead link stops nothing for long.

Changes to aiokafka, each with a test:
* writing to a connection that was just closed raises Kafka's connection error. uvloop raises a RuntimeError, which
  ended aiokafka's reading for good, silently;
* a request waits as long as bytes arrive: a connection on which nothing arrived for `SILENCE_SECONDS` is closed, even
  if its waiter gave up. aiokafka's time-out is per request: it gave up answers that a slow link was still bringing, and
  left a dead connection in use if another time-out had cancelled the request before;
* a closed connection is aborted at once; everything that waits on it has failed by then. A graceful close waits for the
  other side: over TLS 30 s for its goodbye, which uvloop may never see (MagicStack/uvloop#471), in plain text until a
  silent broker has read what was written. A client's `close` waits for all of its connections.
"""

import asyncio
import time
from typing import Any

from aiokafka import conn as aiokafka_conn
from aiokafka.conn import AIOKafkaConnection, CloseReason
from aiokafka.errors import KafkaConnectionError

#: The longest silence of a connection with a request under way; a client's own request time-out may be shorter.
SILENCE_SECONDS = 20.0

_connect = AIOKafkaConnection.connect
_send = AIOKafkaConnection.send
_close = AIOKafkaConnection.close


class _HearingProtocol(aiokafka_conn.AIOKafkaProtocol):
    """Notes when bytes last arrived."""

    heard = 0.0

    def data_received(self, data: bytes) -> None:
        self.heard = time.monotonic()
        super().data_received(data)


async def connect(connection: Any) -> Any:
    """In place of `AIOKafkaConnection.connect`."""
    connection._request_timeout = min(connection._request_timeout, SILENCE_SECONDS)
    return await _connect(connection)


def send(connection: Any, request: Any, expect_response: bool = True) -> Any:
    """In place of `AIOKafkaConnection.send`; raises KafkaConnectionError for any failure of the connection."""
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
    """The answer to a request; TimeoutError, closing the connection, once nothing arrived for too long."""
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
            future.exception()  # nobody waits for it any more


def _silence(connection: Any, asked: float, now: float) -> float:
    return now - max(asked, getattr(connection._protocol, "heard", 0.0))


def _place(connection: Any) -> str:
    return f"the connection to {connection.host}:{connection.port}"


def install() -> None:
    """Replace aiokafka's functions, for every client of this process."""
    aiokafka_conn.AIOKafkaProtocol = _HearingProtocol
    AIOKafkaConnection.connect = connect
    AIOKafkaConnection.send = send
    AIOKafkaConnection.close = close
