"""How a client finds its first broker: a silent address delays one client by some seconds, and the others not at all.

aiokafka tries the addresses in random order, each for as long as a request may take. With one silent broker of three, a
worker, which starts a dozen clients, lost 20 s with every third client and gave up. Instead:

* an address that failed is tried last by all clients of the process, until it answers or for `FORGET_SECONDS`;
* while there are others to try, an address gets `TRY_SECONDS`;
* brokers that the cluster named are tried behind the given addresses, so one address is enough once the process runs;
* if a broker cannot be reached, an admin client asks the next one. aiokafka asks a random one, and while a broker that
  just died is still listed, every third command failed with three brokers.
"""

import random
import time
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError

#: Enough for a TLS and SASL handshake on a busy machine.
TRY_SECONDS = 5.0
FORGET_SECONDS = 60.0

Place = tuple[str, int]

_bootstrap = AIOKafkaClient.bootstrap
_ask = AIOKafkaAdminClient._send_request
#: When an address failed.
_failed: dict[Place, float] = {}
#: The brokers that the cluster of these addresses named.
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
    """Bootstrap by the first place that answers; note those that did not."""
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
    """Places that did not fail lately, then the others, those that failed longest ago first."""
    now = time.monotonic()
    lately = {place: _failed.get(place, 0.0) for place in places}
    return sorted(places, key=lambda place: lately[place] if now - lately[place] < FORGET_SECONDS else 0.0)


async def ask(admin: Any, request: Any, node_id: Any = None) -> Any:
    """In place of `AIOKafkaAdminClient._send_request`; every request of the meter may be asked twice."""
    if node_id is not None:
        return await _ask(admin, request, node_id)
    nodes = [broker.nodeId for broker in admin._client.cluster.brokers()]
    random.shuffle(nodes)
    for node in nodes[:-1]:
        try:
            return await _ask(admin, request, node)
        except (KafkaConnectionError, NodeNotReadyError):
            continue
    return await _ask(admin, request, *nodes[-1:])


def install() -> None:
    """Replace aiokafka's functions, for every client of this process."""
    if AIOKafkaClient.bootstrap is _bootstrap:
        AIOKafkaClient.bootstrap = bootstrap
    AIOKafkaAdminClient._send_request = ask
