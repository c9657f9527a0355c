"""How a client finds its first broker: an address without an answer costs one client some seconds, the others none.

What is replaced of aiokafka: it tries the addresses in a random order, each for as long as a request may take. With one
silent broker of three a worker, which starts a dozen clients, lost 20 s with every third of them and gave up. Here

* an address that failed is tried last by all clients of the process, until it answers or `FORGET_SECONDS` have gone;
* with others to try, an address gets `TRY_SECONDS`;
* brokers that the cluster named are tried behind the addresses given: one address is enough for as long as we run.
"""

import time
from typing import Any

from aiokafka.client import AIOKafkaClient

#: Enough for a TLS and SASL handshake on a busy machine; a broker that takes longer is no good one to begin with.
TRY_SECONDS = 5.0
FORGET_SECONDS = 60.0

Place = tuple[str, int]

_bootstrap = AIOKafkaClient.bootstrap
#: When an address failed.
_failed: dict[Place, float] = {}
#: Who was named by the cluster of these addresses.
_named: dict[frozenset[Place], list[Place]] = {}


async def bootstrap(client: Any) -> None:
    """In place of `AIOKafkaClient.bootstrap`; raises KafkaConnectionError if no address answers."""
    servers, patience = client._bootstrap_servers, client._request_timeout_ms
    given: list[Place] = [(host, port) for host, port, _ in client.hosts]
    cluster = frozenset(given)
    places = given + [place for place in _named.get(cluster, []) if place not in cluster]
    try:
        if places[1:]:
            client._request_timeout_ms = min(patience, TRY_SECONDS * 1000)
        await _first_of(client, in_order(places))
    finally:
        client._bootstrap_servers, client._request_timeout_ms = servers, patience
    named = [(broker.host, broker.port) for broker in client.cluster.brokers()]
    if named:
        _named[cluster] = named


async def _first_of(client: Any, places: list[Place]) -> None:
    """Bootstrap by the first place that answers; who did not is remembered."""
    for place, rest in ((place, places[number:]) for number, place in enumerate(places, 1)):
        host, port = place
        client._bootstrap_servers = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        try:
            await _bootstrap(client)
        except Exception:
            _failed[place] = time.monotonic()
            if not rest:
                raise
        else:
            _failed.pop(place, None)
            return


def in_order(places: list[Place]) -> list[Place]:
    """Those that did not fail lately before the others, and of those the ones first that failed longest ago."""
    now = time.monotonic()
    lately = {place: _failed.get(place, 0.0) for place in places}
    return sorted(places, key=lambda place: lately[place] if now - lately[place] < FORGET_SECONDS else 0.0)


def mend() -> None:
    """Put this in the place of aiokafka's, for every client of this process; nothing else that is there is touched."""
    if AIOKafkaClient.bootstrap is _bootstrap:
        AIOKafkaClient.bootstrap = bootstrap
