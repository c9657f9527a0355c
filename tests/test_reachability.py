"""Why no Kafka can be used: each error of a connection is named as what it is, with its mend and whether it lasts."""

import asyncio
import contextlib
import socket
import ssl
import struct
import time
from collections.abc import Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, SaslAuthenticationFailed, UnsupportedSaslMechanismError
from pydantic import SecretStr

from meter.kafka.reachability import ASK_MS, BrokerUnreachable, reason_for, unreachable
from meter.kafka.rights import of_command
from meter.kafka.troubles import explained
from meter.settings import Settings
from tests.end_to_end.workers import free_port

PLACE = "kafka:9093"
SASL: dict[str, Any] = {"sasl_mechanism": "PLAIN", "sasl_username": "meter", "sasl_password": SecretStr("secret")}
TLS = Settings(security_protocol="SSL")
SASL_SSL = Settings(security_protocol="SASL_SSL", **SASL)
PLAINTEXT = Settings()


def certificate(code: int, words: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {words}")
    error.verify_code, error.verify_message = code, words
    return error


def tls(reason: str) -> ssl.SSLError:
    error = ssl.SSLError(1, reason)
    error.reason = reason
    return error


def closed(cause: BaseException) -> KafkaConnectionError:
    """As aiokafka says it: the connection is closed, and why is its cause."""
    error = KafkaConnectionError("Connection at kafka:9093 closed")
    error.__cause__ = cause
    return error


def cut(expected: int) -> KafkaConnectionError:
    return closed(asyncio.IncompleteReadError(b"", expected))


@pytest.mark.parametrize(
    ("error", "settings", "words", "lasting"),
    [
        (certificate(10, "certificate has expired"), TLS, "certificate has expired; the broker needs a new one", True),
        (certificate(9, "certificate is not yet valid"), TLS, "not yet valid; look at this machine's clock", True),
        (certificate(62, "Hostname mismatch"), TLS, "set METER_BROKER to a name that the certificate holds", True),
        (certificate(64, "IP address mismatch"), TLS, "set METER_BROKER to a name that the certificate holds", True),
        (certificate(19, "self-signed certificate in certificate chain"), TLS, "set METER_SSL_CAFILE to the PEM", True),
        (certificate(20, "unable to get local issuer certificate"), SASL_SSL, "set METER_SSL_CAFILE to the PEM", True),
        (closed(tls("TLSV13_ALERT_CERTIFICATE_REQUIRED")), TLS, "set METER_SSL_CERTFILE and METER_SSL_KEYFILE", True),
        (tls("SSLV3_ALERT_BAD_CERTIFICATE"), TLS, "set METER_SSL_CERTFILE and METER_SSL_KEYFILE", True),
        (tls("TLSV1_ALERT_PROTOCOL_VERSION"), TLS, "TLS with kafka:9093 fails: tlsv1 alert protocol version", True),
        (cut(0x15030300), PLAINTEXT, "speaks TLS, METER_SECURITY_PROTOCOL is PLAINTEXT; set it to SSL", True),
        (cut(0x48545450), PLAINTEXT, "does not speak Kafka's protocol; look at METER_BROKER", True),
        (cut(4), PLAINTEXT, "closes the connection", False),
        (SaslAuthenticationFailed("Invalid password"), SASL_SSL, "user meter with this password (PLAIN)", True),
        (UnsupportedSaslMechanismError(), SASL_SSL, "does not offer PLAIN; set METER_SASL_MECHANISM", True),
        (socket.gaierror(-2, "Name or service not known"), TLS, "the name in kafka:9093 is not known here", False),
        (ConnectionRefusedError(111, "refused"), TLS, "start one with `meter broker up`, or set METER_BROKER", False),
        (TimeoutError(), TLS, "within 4 s", False),
        (OSError(113, "No route to host"), TLS, "the connection to kafka:9093 fails: [Errno 113] No route", False),
    ],
)
def test_an_error_is_named_as_what_it_is(error: BaseException, settings: Settings, words: str, lasting: bool) -> None:
    reason = reason_for(error, settings, PLACE, connected=False, plain=False)
    assert words in reason.sentence
    assert reason.lasting is lasting


def test_a_port_without_tls_is_named_whatever_the_handshake_died_of() -> None:
    reason = reason_for(ConnectionResetError(), SASL_SSL, PLACE, connected=False, plain=True)
    assert "kafka:9093 speaks no TLS, METER_SECURITY_PROTOCOL is SASL_SSL; set it to SASL_PLAINTEXT" in reason.sentence


def test_a_broker_that_ends_who_does_not_authenticate_is_named() -> None:
    for settings, other in ((PLAINTEXT, "SASL_PLAINTEXT"), (TLS, "SASL_SSL")):
        reason = reason_for(cut(4), settings, PLACE, connected=True, plain=False)
        assert f"closes connections that do not authenticate, METER_SECURITY_PROTOCOL is {settings.security_protocol}; "
        assert f"set it to {other}, with METER_SASL_MECHANISM" in reason.sentence


def reason_and_seconds(broker: str, **fields: Any) -> tuple[BrokerUnreachable, float]:
    begun = time.monotonic()
    reason = asyncio.run(unreachable(Settings(broker=broker, **fields), RuntimeError("gave up")))
    return reason, time.monotonic() - begun


def served(serve: Callable[[asyncio.StreamWriter], None], **fields: Any) -> BrokerUnreachable:
    """The reason at a port where something else listens."""

    async def asked() -> BrokerUnreachable:
        writers = []

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            await reader.read(1 << 16)
            serve(writer)

        server = await asyncio.start_server(accepted, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            reason = await unreachable(Settings(broker=f"127.0.0.1:{port}", **fields), RuntimeError())
        for writer in writers:
            writer.close()
        await asyncio.sleep(0)
        return reason

    return asyncio.run(asked())


def test_each_address_has_its_reason() -> None:
    ports = [free_port(), free_port()]
    reason, seconds = reason_and_seconds(f"127.0.0.1:{ports[0]},127.0.0.1:{ports[1]},nowhere.invalid:9092")
    lines = str(reason).splitlines()
    for port, line in zip(ports, lines, strict=False):
        assert line.startswith(f"no Kafka answers at 127.0.0.1:{port} (connection refused)")
    assert "the name in nowhere.invalid:9092 is not known here" in lines[2]
    assert not reason.lasting
    assert seconds < ASK_MS / 1000


def test_another_service_is_named_as_one() -> None:
    def http(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    assert "does not speak Kafka's protocol" in str(served(http))


def test_who_accepts_and_stays_silent_is_named_after_a_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("meter.kafka.reachability.ASK_MS", 200)
    assert "no Kafka answers at 127.0.0.1:" in str(served(lambda writer: None))


def string(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def kafka_that_is_elsewhere(host: str, port: int) -> Callable[[bytes], bytes]:
    """Answers like a broker whose `advertised.listeners` name another place: (request header) -> answer."""
    versions = struct.pack(">hi", 0, 2) + struct.pack(">hhh", 18, 0, 0) + struct.pack(">hhh", 3, 1, 1)
    broker = struct.pack(">ii", 1, 1) + string(host) + struct.pack(">i", port) + struct.pack(">h", -1)
    metadata = broker + struct.pack(">ii", 1, 0)

    def answer(request: bytes) -> bytes:
        key, _, correlation = struct.unpack_from(">hhi", request)
        body = struct.pack(">i", correlation) + (versions if key == 18 else metadata)
        return struct.pack(">i", len(body)) + body

    return answer


def test_a_broker_that_names_itself_by_a_place_that_is_not_reached_is_named_with_it() -> None:
    elsewhere = free_port()
    answer = kafka_that_is_elsewhere("127.0.0.1", elsewhere)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = struct.unpack(">i", await reader.readexactly(4))
                writer.write(answer(await reader.readexactly(length)))
        writer.close()

    async def asked() -> tuple[int, BaseException]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            settings = Settings(broker=f"127.0.0.1:{port}")
            reason = await explained(settings, "`meter plans`", of_command(settings, "plans"), KafkaError("not ready"))
        await asyncio.sleep(0.05)
        return port, reason

    port, reason = asyncio.run(asked())
    assert isinstance(reason, BrokerUnreachable)
    assert str(reason) == (
        f"Kafka answers at 127.0.0.1:{port} and names itself 127.0.0.1:{elsewhere} (its `advertised.listeners`), but "
        f"no Kafka answers at 127.0.0.1:{elsewhere} (connection refused); start one with `meter broker up`, or set "
        "METER_BROKER"
    )
    assert not reason.lasting
