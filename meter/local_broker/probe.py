"""Asks a port, without a client, whether a ready Kafka broker listens there, and whether it speaks without TLS.

It sends the oldest metadata request that brokers from 0.10 to 4.x answer (version 1, no topics): the answer names a
broker only once the node is registered and ready for clients.
"""

import socket
import struct

API_VERSIONS_KEY = 18
METADATA_KEY = 3
METADATA_VERSION = 1
CORRELATION = 0x6D65746572 & 0x7FFFFFFF
CLIENT = b"meter"
#: The answer has a few dozen bytes for each broker; a longer one is not Kafka's.
ANSWER_LIMIT_BYTES = 1 << 20


def is_kafka(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether a broker at `host:port` answers a metadata request within `timeout` seconds."""
    answer = answered(host, port, METADATA_KEY, METADATA_VERSION, struct.pack(">i", 0), timeout)
    return len(answer) >= 4 and struct.unpack_from(">i", answer)[0] >= 1


def is_plain_kafka(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether a Kafka without TLS listens there: it answers ApiVersions before any authentication."""
    return len(answered(host, port, API_VERSIONS_KEY, 0, b"", timeout)) > 0


def answered(host: str, port: int, key: int, version: int, body: bytes, timeout: float) -> bytes:
    """Kafka's answer to one request; empty if none comes."""
    header = struct.pack(">hhih", key, version, CORRELATION, len(CLIENT)) + CLIENT
    request = header + body
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", received(connection, 4))
            if not 8 <= length <= ANSWER_LIMIT_BYTES:
                return b""
            answer = received(connection, length)
    except (OSError, EOFError):
        return b""
    return answer[4:] if struct.unpack_from(">i", answer)[0] == CORRELATION else b""


def received(connection: socket.socket, length: int) -> bytes:
    """Read exactly `length` bytes; EOFError if the connection ends before."""
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
