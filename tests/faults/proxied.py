"""A broker whose workers reach it through a proxy, while the judge's client has an address of its own."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from meter.local_broker import broker as kafka_broker
from tests.end_to_end.workers import free_port
from tests.faults.brokers import Broker
from tests.faults.proxy import Proxy

HOST = "127.0.0.1"
#: What a thread waits for the proxy's own loop, on a busy machine.
LOOP_SECONDS = 60.0


class LastingProxy:
    """A proxy in a thread of its own, for tests that wait for processes."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._thread.start()
        self.proxy = Proxy("127.0.0.1:1")  # nobody: the broker behind it is named once it runs
        self._do(self.proxy.__aenter__())

    @property
    def bootstrap(self) -> str:
        return f"127.0.0.1:{self.proxy.port}"

    def cut(self) -> None:
        """Break every connection there is."""
        self._loop.call_soon_threadsafe(self.proxy.cut)

    def close(self) -> None:
        self._do(self.proxy.__aexit__())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LOOP_SECONDS)
        self._loop.close()

    def _do(self, story: Coroutine[Any, Any, object]) -> None:
        asyncio.run_coroutine_threadsafe(story, self._loop).result(LOOP_SECONDS)


@contextmanager
def lasting_proxy() -> Iterator[LastingProxy]:
    """A proxy that listens; which broker it forwards to is said once that is known."""
    found = LastingProxy()
    try:
        yield found
    finally:
        found.close()


@dataclass(frozen=True)
class _TwoListeners(kafka_broker.Broker):
    """The project's broker with a second listener, which names the proxy as its address."""

    behind: int = 0
    proxy: int = 0

    def settings_text(self, port: int) -> str:
        own = kafka_broker.own_properties(port, kafka_broker.controller_port(port), self.home / "data")
        own["listener.security.protocol.map"] = "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT"
        own["listeners"] += f",PROXIED://{HOST}:{self.behind}"
        own["advertised.listeners"] += f",PROXIED://{HOST}:{self.proxy}"
        return kafka_broker.properties_text(own)


class ProxiedBroker(Broker):
    """A broker of a test; `link.bootstrap` is where its workers find it."""

    def __init__(self, directory: Path, link: LastingProxy) -> None:
        super().__init__(directory)
        self.link = link
        behind = free_port()
        link.proxy.broker = (HOST, behind)
        self._kafka = _TwoListeners(directory, behind=behind, proxy=link.proxy.port)

    def start(self) -> float:
        self._kafka.up(self.port)
        return 0.0


@contextmanager
def proxied_broker(directory: Path) -> Iterator[ProxiedBroker]:
    """The two of them, running."""
    with lasting_proxy() as link:
        broker = ProxiedBroker(directory, link)
        with broker:
            yield broker
