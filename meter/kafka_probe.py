"""One question to a port, without a client: are you a Kafka broker that serves its topics?

It is asked in the oldest metadata request that brokers from 0.10 to 4.x answer (version 1, "no topic"): the
answer names at least one broker only when the node has registered and is ready for clients.
"""

import socket
import struct

METADATA_KEY = 3
METADATA_VERSION = 1
CORRELATION = 0x6D65746572 & 0x7FFFFFFF
CLIENT = b"meter"
#: An answer about no topic is some dozens of bytes a broker; what is longer is not Kafka.
ANSWER_LIMIT_BYTES = 1 << 20


def is_kafka(host: str, port: int, timeout: float = 2.0) -> bool:
    """Whether a broker at `host:port` answers a metadata request within `timeout` seconds."""
    header = struct.pack(">hhih", METADATA_KEY, METADATA_VERSION, CORRELATION, len(CLIENT)) + CLIENT
    request = header + struct.pack(">i", 0)
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(timeout)
            connection.sendall(struct.pack(">i", len(request)) + request)
            (length,) = struct.unpack(">i", received(connection, 4))
            if not 8 <= length <= ANSWER_LIMIT_BYTES:
                return False
            correlation, brokers = struct.unpack_from(">ii", received(connection, length))
    except (OSError, EOFError):
        return False
    return bool(correlation == CORRELATION and brokers >= 1)


def received(connection: socket.socket, length: int) -> bytes:
    """Exactly `length` bytes of the connection; EOFError when it ends before."""
    parts = bytearray()
    while len(parts) < length:
        part = connection.recv(length - len(parts))
        if not part:
            raise EOFError
        parts += part
    return bytes(parts)
