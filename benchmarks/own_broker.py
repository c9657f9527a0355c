"""A Kafka for one measurement: started on a free port with a directory of its own, gone with it when it ends."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from meter.broker import HOST, Broker, bind_error

#: Below the range from which the system takes ports for connections.
PORTS = range(19_500, 19_900, 10)


@contextmanager
def own_broker() -> Iterator[tuple[str, int]]:
    """Its address and its process."""
    port = next(port for port in PORTS if bind_error(port) is None)
    with tempfile.TemporaryDirectory(prefix="bench-broker-", ignore_cleanup_errors=True) as directory:
        broker = Broker(Path(directory), say)
        try:
            running = broker.up(port)
            yield f"{HOST}:{port}", running.pid
        finally:
            broker.down()


def say(sentence: str) -> None:
    """Tell what comes next, and when."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)
