"""A Kafka for one measurement: started on a free port with a directory of its own, gone with it when it ends."""

import random
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from meter.local_broker.broker import HOST, Broker, Running, bind_error

#: Below the range from which the system takes ports for connections.
PORTS = range(19_500, 19_900, 10)


@contextmanager
def own_broker(settings: Mapping[str, str] | None = None) -> Iterator[tuple[str, int]]:
    """Its address and its process; `settings` of Kafka that differ from the shipped ones."""
    with kept_broker(settings) as (_, running):
        yield f"{HOST}:{running.port}", running.pid


@contextmanager
def kept_broker(settings: Mapping[str, str] | None = None) -> Iterator[tuple[Broker, Running]]:
    """The broker itself, for whoever stops and starts it; measurements that begin together take different ports."""
    free = (port for port in random.sample(PORTS, len(PORTS)) if bind_error(port) is None)
    with tempfile.TemporaryDirectory(prefix="bench-broker-", ignore_cleanup_errors=True) as directory:
        broker = Broker(Path(directory), say, settings=settings or {})
        try:
            yield broker, broker.up(next(free))
        finally:
            broker.down()


def stop_cleanly() -> None:
    """On SIGTERM leave by the way out that takes broker and workers along; Ctrl-C does so by itself."""
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


def say(sentence: str) -> None:
    """Tell what comes next, and when."""
    print(f"{time.strftime('%H:%M:%S')} {sentence}", flush=True)
