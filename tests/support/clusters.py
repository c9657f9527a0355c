"""Real Kafka clusters of one or three nodes, made of the project's own broker and settings.

`with running(directory, nodes=3) as cluster:` starts them side by side. Each node is broker and controller, with a
heap of 256 MB; internal topics and new ones have as many replicas as there are nodes. `cluster.bootstrap` is the
PLAINTEXT listener of all nodes, for the judge: `ANONYMOUS` is a super user. `cluster.nodes[i]` can be killed, stopped,
paused and started again (see `tests.faults.brokers.Broker`).

`running(directory, secure=True)` adds five listeners, each at `cluster.address(LISTENER)`:
SASL_SSL, SSL, SASL_PLAINTEXT, and SASL_SSL with an EXPIRED certificate or that of a WRONG_HOST. SASL knows PLAIN (the
users of `USERS`) and SCRAM-SHA-256 and -512 (those, and what `add_user` adds); a password is `password(user)`. `admin`
is a super user; nobody else has a right until `grant(user, operation, resource, name)` gives one.
`cluster.variables(user)` are the `METER_…` variables of a worker or command that comes in by SASL_SSL.

Fixtures: `three_nodes` (module, may be harmed) with `cluster_meter`; in `tests.support.secure_node` a secure one that
all tests share (never harmed), with `secure_meter`: meters whose judge has every right, and whose workers come in by
what they are given of `variables`.
"""

import contextlib
import functools
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported all the same
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from meter.local_broker import broker as kafka_broker
from tests.end_to_end.kafka import QUIET, REQUEST_SECONDS, wait_until
from tests.end_to_end.workers import free_port
from tests.faults.brokers import Broker
from tests.meters import StartMeter, meters_at
from tests.support.authorizer import give, right_of, take
from tests.support.certificates import EXPIRED as EXPIRED_PEM
from tests.support.certificates import GOOD as GOOD_PEM
from tests.support.certificates import WRONG_HOST as WRONG_HOST_PEM
from tests.support.certificates import Certificates

HOST = kafka_broker.HOST
#: The client may have asked a node that is gone; it asks another afterwards.
MEMBERS_SECONDS = 5
HEAP = ("-Xms128m", "-Xmx256m")
SASL_SSL, SSL, SASL_PLAINTEXT, EXPIRED, WRONG_HOST = "SASL_SSL", "SSL", "SASL_PLAINTEXT", "EXPIRED", "WRONG_HOST"
#: Protocol and certificate of each listener of strangers.
LISTENERS = {
    SASL_SSL: ("SASL_SSL", GOOD_PEM),
    SSL: ("SSL", GOOD_PEM),
    SASL_PLAINTEXT: ("SASL_PLAINTEXT", None),
    EXPIRED: ("SASL_SSL", EXPIRED_PEM),
    WRONG_HOST: ("SASL_SSL", WRONG_HOST_PEM),
}
USERS = ("admin", "worker", "stranger")
SCRAMS = ("SCRAM-SHA-256", "SCRAM-SHA-512")
PLAIN_MODULE = "org.apache.kafka.common.security.plain.PlainLoginModule"
SCRAM_MODULE = "org.apache.kafka.common.security.scram.ScramLoginModule"
#: Until every node is a member, on a busy machine.
UP_SECONDS = 180.0


def password(user: str) -> str:
    """The password of a user, the same for every mechanism."""
    return f"{user}-secret"


def nothing(said: str) -> None:
    """Of what a broker says; by its name, so that a cluster can be described to another process."""


@dataclass(frozen=True)
class _Kafka(kafka_broker.Broker):
    """The project's broker with the settings of a member of a cluster."""

    cluster: str = ""
    say: Callable[[str], None] = nothing
    own: dict[str, str] = field(default_factory=dict)
    scrams: tuple[str, ...] = ()

    def settings_text(self, port: int) -> str:
        return kafka_broker.properties_text(self.own)

    def format_options(self) -> list[str]:
        return ["-t", self.cluster, *self.scrams]


class Node(Broker):
    """One member of a cluster: killed, stopped, paused and started again as any broker of a test."""

    def __init__(self, directory: Path, secure: bool) -> None:
        super().__init__(directory)
        self.controller = self.port + 1
        self.ports = {name: free_port() for name in LISTENERS} if secure else {}
        self.kafka = _Kafka(directory)

    def start(self) -> float:
        """Starts it, also after `kill` or `stop`; returns when it answers, which the first of three does not alone."""
        self.kafka.up(self.port)
        return 0.0


class Cluster:
    """Nodes that know each other; made by `running`."""

    def __init__(self, directory: Path, nodes: int, secure: bool) -> None:
        self.nodes = [Node(directory / f"node-{number}", secure) for number in range(1, nodes + 1)]
        self.certificates = Certificates(directory / "certificates") if secure else None
        cluster = kafka_broker.cluster_id()
        scrams = [f"{name}=[name={user},password={password(user)}]" for name in SCRAMS for user in USERS]
        options = tuple(part for text in scrams for part in ("--add-scram", text)) if secure else ()
        for number, node in enumerate(self.nodes, 1):
            own = self._settings(number, node)
            node.kafka = _Kafka(node.directory, heap=HEAP, cluster=cluster, own=own, scrams=options)

    @property
    def bootstrap(self) -> str:
        """The judge's way in: every node, in plain text, with every right."""
        return ",".join(node.bootstrap for node in self.nodes)

    def address(self, listener: str) -> str:
        """A listener of every node, as METER_BROKER takes it."""
        return ",".join(f"{HOST}:{node.ports[listener]}" for node in self.nodes)

    def variables(self, user: str, listener: str = SASL_SSL, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
        """The `METER_…` variables of whoever comes in by a listener as this user."""
        assert self.certificates is not None, "a cluster with secure=True has users"
        protocol, certificate = LISTENERS[listener]
        reach = {"METER_BROKER": self.address(listener), "METER_SECURITY_PROTOCOL": protocol}
        if certificate is not None:
            reach["METER_SSL_CAFILE"] = str(self.certificates.authority)
        if protocol.startswith("SASL_"):
            reach["METER_SASL_MECHANISM"] = mechanism
            reach |= {"METER_SASL_USERNAME": user, "METER_SASL_PASSWORD": password(user)}
        return reach

    def client(self, user: str, listener: str = SASL_SSL, **other: str) -> dict[str, str | int]:
        """The settings of another client than the meter's, that comes in as `variables` says."""
        variables = self.variables(user, listener)
        names = {
            "METER_BROKER": "bootstrap.servers",
            "METER_SECURITY_PROTOCOL": "security.protocol",
            "METER_SASL_MECHANISM": "sasl.mechanism",
            "METER_SASL_USERNAME": "sasl.username",
            "METER_SASL_PASSWORD": "sasl.password",
            "METER_SSL_CAFILE": "ssl.ca.location",
        }
        return {**{names[name]: value for name, value in variables.items()}, **QUIET, **other}

    def start(self) -> None:
        """Starts every node that does not run, side by side; returns when each is a member."""
        with ThreadPoolExecutor(len(self.nodes)) as threads:
            list(threads.map(Node.start, self.nodes))
        wait_until("every node is a member", lambda: self.members() == len(self.nodes), UP_SECONDS)

    def members(self) -> int:
        """How many nodes the cluster says it has; -1 while the client waits for a node that is gone."""
        try:
            return len(self.admin.list_topics(timeout=MEMBERS_SECONDS).brokers)
        except KafkaException:
            return -1

    @functools.cached_property
    def admin(self) -> AdminClient:
        """The judge's admin client."""
        return AdminClient({"bootstrap.servers": self.bootstrap, **QUIET})

    def coordinator(self, group: str) -> Node:
        """The node that coordinates a group."""
        found = self.admin.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS)[group].result()
        number: int = found.coordinator.id
        return self.nodes[number - 1]

    def in_sync(self) -> bool:
        """Whether every partition has all of its copies in sync."""
        topics = self.admin.list_topics(timeout=REQUEST_SECONDS).topics.values()
        parts = [part for topic in topics for part in topic.partitions.values()]
        return all(len(part.isrs) == len(part.replicas) for part in parts)

    def add_user(self, user: str) -> None:
        """A user whom every SCRAM mechanism knows, without a right; back when the user is let in."""
        mechanisms = (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512)
        secret = password(user).encode()
        for mechanism in mechanisms:
            credential = ScramCredentialInfo(mechanism, 4096)
            asked: list[UserScramCredentialAlteration] = [UserScramCredentialUpsertion(user, credential, secret)]
            self.admin.alter_user_scram_credentials(asked)[user].result(REQUEST_SECONDS)
        AdminClient(dict(self.client(user))).list_topics(timeout=REQUEST_SECONDS)  # which tries again by itself

    def remove_user(self, user: str) -> None:
        """No SCRAM mechanism knows the user any more; connections that are open go on."""
        for mechanism in (ScramMechanism.SCRAM_SHA_256, ScramMechanism.SCRAM_SHA_512):
            asked: list[UserScramCredentialAlteration] = [UserScramCredentialDeletion(user, mechanism)]
            self.admin.alter_user_scram_credentials(asked)[user].result(REQUEST_SECONDS)

    def grant(self, user: str, operation: str, resource: str, name: str, pattern: str = "LITERAL") -> None:
        """Gives a right: grant("worker", "READ", "TOPIC", "usage."), pattern PREFIXED for all that begin so.

        Operations: READ WRITE CREATE DELETE ALTER DESCRIBE DESCRIBE_CONFIGS ALTER_CONFIGS IDEMPOTENT_WRITE ALL.
        Resources: TOPIC GROUP TRANSACTIONAL_ID BROKER (that is the cluster; its name is `kafka-cluster`).
        """
        give(self.admin, [right_of(user, operation, resource, name, pattern)])

    def revoke(self, user: str, operation: str, resource: str, name: str, pattern: str = "LITERAL") -> None:
        """Takes a right that was given in the same words; fails if there was none."""
        take(self.admin, [right_of(user, operation, resource, name, pattern)])

    def _settings(self, number: int, node: Node) -> dict[str, str]:
        copies = str(len(self.nodes))
        least = str(min(2, len(self.nodes)))
        plain = f"PLAINTEXT://{HOST}:{node.port}"
        own = {
            "node.id": str(number),
            "controller.quorum.voters": ",".join(f"{i}@{HOST}:{n.controller}" for i, n in enumerate(self.nodes, 1)),
            "listeners": f"{plain},CONTROLLER://{HOST}:{node.controller}",
            "advertised.listeners": plain,
            "log.dirs": str(node.directory / "kafka" / "data"),
            "default.replication.factor": copies,
            **{f"{topic}.replication.factor": copies for topic in INTERNAL},
            **{f"{topic}.min.isr": least for topic in INTERNAL[1:]},
        }
        return own if self.certificates is None else own | self._security(own, node)

    def _security(self, own: dict[str, str], node: Node) -> dict[str, str]:
        assert self.certificates is not None
        protocols = {"PLAINTEXT": "PLAINTEXT", "CONTROLLER": "PLAINTEXT"}
        protocols |= {name: protocol for name, (protocol, _) in LISTENERS.items()}
        theirs = "".join(f",{name}://{HOST}:{port}" for name, port in node.ports.items())
        found = {
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "listeners": own["listeners"] + theirs,
            "advertised.listeners": own["advertised.listeners"] + theirs,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:admin",
        }
        for name, (protocol, certificate) in LISTENERS.items():
            prefix = f"listener.name.{name.lower()}"
            if certificate is not None:
                found[f"{prefix}.ssl.keystore.type"] = "PEM"
                found[f"{prefix}.ssl.keystore.location"] = str(self.certificates.directory / f"{certificate}.pem")
            if protocol.startswith("SASL_"):
                known = " ".join(f'user_{user}="{password(user)}"' for user in USERS)
                found[f"{prefix}.sasl.enabled.mechanisms"] = ",".join(("PLAIN", *SCRAMS))
                found[f"{prefix}.plain.sasl.jaas.config"] = f"{PLAIN_MODULE} required {known};"
                found |= {f"{prefix}.{each.lower()}.sasl.jaas.config": f"{SCRAM_MODULE} required;" for each in SCRAMS}
        return found


#: Kafka's own topics; only the offsets' has no setting of its own for the least in sync.
INTERNAL = ("offsets.topic", "transaction.state.log", "share.coordinator.state.topic")


@contextlib.contextmanager
def running(directory: Path, nodes: int = 1, *, secure: bool = False) -> Iterator[Cluster]:
    """A cluster that runs, and of which nothing is left running."""
    cluster = Cluster(directory, nodes, secure)
    try:
        cluster.start()
        yield cluster
    finally:
        for node in cluster.nodes:
            if node.kafka.running() is not None:
                node.kill()


@pytest.fixture(scope="module")
def three_nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes that a module owns and may harm."""
    with running(tmp_path_factory.mktemp("three-nodes"), 3) as cluster:
        yield cluster


@pytest.fixture
def cluster_meter(three_nodes: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters on the three nodes, that live as long as a test."""
    yield from meters_at(three_nodes.bootstrap, tmp_path_factory)
