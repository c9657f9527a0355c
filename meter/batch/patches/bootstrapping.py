"""How a client finds its first broker, and another when those that it knows do not answer.

aiokafka tries the addresses in random order, each for as long as a request may take. With one silent broker of three, a
worker, which starts a dozen clients, lost 20 s with every third client and gave up. Instead:

* an address that failed is tried last by all clients of the process, until it answers or for `FORGET_SECONDS`;
* while there are others to try, an address gets `TRY_SECONDS`;
* brokers that the cluster named are tried behind the given addresses, so one address is enough once the process runs.

Later aiokafka asks only the brokers that the cluster named last, in random order. While two of three brokers are away,
the third names only itself; a client that learned this stood still when that one went, although the others were back.
Instead, a request that any broker can answer:

* goes to the given addresses too, behind the brokers that the client knows (Kafka's KIP-899);
* goes last to a broker that failed lately; a request that its caller cancels counts as failed. A caller that waits 15 s
  met the same silent broker each time, since aiokafka gives up connecting only after 20 s;
* goes to the next broker, if an admin client cannot reach one. aiokafka fails then: with three brokers every third
  command, while one that just died is still named.
"""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient, ConnectionGroup, log
from aiokafka.errors import KafkaConnectionError, KafkaError, NodeNotReadyError, RequestTimedOutError
from aiokafka.protocol.metadata import MetadataRequest
from aiokafka.structs import BrokerMetadata

#: Enough for a TLS and SASL handshake on a busy machine.
TRY_SECONDS = 5.0
FORGET_SECONDS = 60.0

Place = tuple[str, int]

#: The errors of a request that a broker does not answer; its caller may cancel it before aiokafka gives up.
SILENCE = (KafkaConnectionError, NodeNotReadyError, RequestTimedOutError, OSError, asyncio.CancelledError)
#: aiokafka keeps the connection of its bootstrap under this name while the cluster has named no broker.
FIRST_CONNECTION = ("bootstrap", ConnectionGroup.DEFAULT)

_bootstrap = AIOKafkaClient.bootstrap
_ask = AIOKafkaAdminClient._send_request
#: When an address failed.
_failed: dict[Place, float] = {}
#: The brokers that the cluster of these addresses named.
_named: dict[frozenset[Place], list[Place]] = {}


async def bootstrap(client: Any) -> None:
    """In place of `AIOKafkaClient.bootstrap`; raises KafkaConnectionError if no address answers."""
    servers, patience = client._bootstrap_servers, client._request_timeout_ms
    places = places_of(client)
    try:
        if places[1:]:
            client._request_timeout_ms = min(patience, TRY_SECONDS * 1000)
        await _first_of(client, sorted(places, key=failed_at))
    finally:
        client._bootstrap_servers, client._request_timeout_ms = servers, patience
    if named := [place_of(broker) for broker in client.cluster.brokers()]:
        _named[frozenset(given_to(client))] = named


async def update(client: Any, cluster: Any, topics: Any) -> bool:
    """In place of `AIOKafkaClient._metadata_update`; False, and the client knows what it knew, if no broker answers."""
    request = MetadataRequest(list(topics) if topics else None)
    brokers = brokers_to_ask(client)
    for broker in brokers:
        try:
            with judged(place_of(broker)):
                metadata = await client.send(broker.nodeId, request)
        except KafkaError as error:
            log.warning("Unable to request metadata from node with id %s: %r", broker.nodeId, error)
            continue
        if not metadata.brokers:
            return False
        cluster.update_metadata(metadata)
        if (first := client._conns.pop(FIRST_CONNECTION, None)) is not None:
            first.close()
        return True
    log.error("Unable to update metadata from %s", [broker.nodeId for broker in brokers])
    cluster.failed_update(None)
    return False


def any_node(client: Any) -> Any:
    """In place of `AIOKafkaClient.get_random_node`; None if there is no address at all."""
    return next((broker.nodeId for broker in brokers_to_ask(client)), None)


def brokers_to_ask(client: Any) -> list[Any]:
    """The brokers that a client knows, in random order, then other addresses; last those that failed lately."""
    cluster = client.cluster
    cluster._bootstrap_brokers = {
        f"{host}:{port}": BrokerMetadata(f"{host}:{port}", host, port, None) for host, port in places_of(client)
    }
    known = list(cluster.brokers())
    random.shuffle(known)
    places = [place_of(broker) for broker in known]
    others = [broker for broker in cluster._bootstrap_brokers.values() if place_of(broker) not in places]
    return sorted([*known, *others], key=lambda broker: failed_at(place_of(broker)))


def places_of(client: Any) -> list[Place]:
    """Where a client may find its cluster: the addresses given to it, then those that the cluster named."""
    given = given_to(client)
    return given + [place for place in _named.get(frozenset(given), []) if place not in given]


def given_to(client: Any) -> list[Place]:
    """The addresses in a client's settings."""
    return [(host, port) for host, port, _ in client.hosts]


def place_of(broker: Any) -> Place:
    """Where a broker is."""
    return broker.host, broker.port


def failed_at(place: Place) -> float:
    """When a place failed; 0 if it did not lately."""
    failed = _failed.get(place, 0.0)
    return failed if time.monotonic() - failed < FORGET_SECONDS else 0.0


@contextmanager
def judged(place: Place) -> Iterator[None]:
    """Notes whether a place answers the request inside; a cancelled one counts as not answered."""
    try:
        yield
    except SILENCE:
        _failed[place] = time.monotonic()
        raise
    _failed.pop(place, None)


async def _first_of(client: Any, places: list[Place]) -> None:
    """Bootstrap by the first place that answers; note those that did not."""
    for place, rest in ((place, places[number:]) for number, place in enumerate(places, 1)):
        host, port = place
        client._bootstrap_servers = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
        try:
            with judged(place):
                await _bootstrap(client)
        except Exception:
            if not rest:
                raise
        else:
            return


async def ask(admin: Any, request: Any, node_id: Any = None) -> Any:
    """In place of `AIOKafkaAdminClient._send_request`; every request of the meter may be asked twice."""
    if node_id is not None:
        return await _ask(admin, request, node_id)
    brokers = brokers_to_ask(admin._client)
    for broker in brokers[:-1]:
        try:
            with judged(place_of(broker)):
                return await _ask(admin, request, broker.nodeId)
        except (KafkaConnectionError, NodeNotReadyError):
            continue
    return await _ask(admin, request, *(broker.nodeId for broker in brokers[-1:]))


def install() -> None:
    """Replace aiokafka's functions, for every client of this process."""
    if AIOKafkaClient.bootstrap is _bootstrap:
        AIOKafkaClient.bootstrap = bootstrap
    AIOKafkaClient._metadata_update = update
    AIOKafkaClient.get_random_node = any_node
    AIOKafkaAdminClient._send_request = ask
