"""The clusters of the tests are clusters: strangers kept out, rights that must be given. Copies: test_cluster.py."""

import uuid
from collections.abc import Mapping

import pytest
from confluent_kafka import KafkaError, Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined] # exported all the same

from tests.end_to_end.kafka import QUIET, REQUEST_SECONDS, wait_until
from tests.support.clusters import EXPIRED, SASL_PLAINTEXT, SASL_SSL, SSL, WRONG_HOST, Cluster, password

pytestmark = [pytest.mark.e2e, pytest.mark.faults]


def brokers(settings: Mapping[str, str | int]) -> int:
    """How many brokers a client finds."""
    return len(AdminClient(dict(settings)).list_topics(timeout=REQUEST_SECONDS).brokers)


def kept_out(settings: Mapping[str, str | int], why: str) -> None:
    """A client hears that it is not let in, and why; of a busy broker also that it was slow."""
    heard: list[KafkaError] = []
    stranger = AdminClient({**settings, "error_cb": heard.append})  # type: ignore[dict-item] # its types know no callback

    def refused() -> bool:
        stranger.poll(0.1)
        return any(why in str(error) for error in heard)

    wait_until(f"a stranger hears: {why}", refused, 2 * REQUEST_SECONDS, lambda: str(heard))


def made_topic(cluster: Cluster) -> str:
    """A new topic of one partition, with as many copies as there are nodes, that every node knows."""
    name = f"t{uuid.uuid4().hex[:8]}"
    cluster.admin.create_topics([NewTopic(name, 1)])[name].result(REQUEST_SECONDS)
    wait_until(
        f"every node knows {name}",
        lambda: all(known_at(node.bootstrap, name) for node in cluster.nodes),
        2 * REQUEST_SECONDS,
    )
    return name


def known_at(node: str, topic: str) -> bool:
    """Whether a node knows a topic's partitions."""
    found = AdminClient({"bootstrap.servers": node, **QUIET}).list_topics(topic, timeout=REQUEST_SECONDS)
    return bool(found.topics[topic].partitions)


def produce(settings: Mapping[str, str | int], topic: str) -> KafkaError | None:
    """What a client is told of a record that it sends."""
    collected: list[KafkaError | None] = []
    producer = Producer({**settings, "acks": "all", "message.timeout.ms": 60_000})
    producer.produce(topic, b"x", on_delivery=lambda error, _: collected.append(error))
    producer.flush(3 * REQUEST_SECONDS)  # it answers by then, if only that it gave up
    assert collected, "no answer"
    return collected[0]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_who_has_a_password_is_let_in(secure_node: Cluster, mechanism: str) -> None:
    for listener in (SASL_SSL, SASL_PLAINTEXT):
        known = secure_node.client("worker", listener) | {"sasl.mechanism": mechanism}
        assert brokers(known) == 1
        kept_out(known | {"sasl.password": "wrong"}, "Authentication")


def test_tls_alone_is_let_in(secure_node: Cluster) -> None:
    assert brokers(secure_node.client("worker", SSL)) == 1


@pytest.mark.parametrize("listener", [EXPIRED, WRONG_HOST])
def test_a_certificate_that_is_not_valid_here_is_refused(secure_node: Cluster, listener: str) -> None:
    kept_out(secure_node.client("worker", listener), "certificate verify failed")
    assert brokers(secure_node.client("worker", listener, **{"enable.ssl.certificate.verification": "false"})) == 1


def test_a_certificate_of_an_untrusted_authority_is_refused(secure_node: Cluster) -> None:
    assert secure_node.certificates is not None
    other = {"ssl.ca.location": str(secure_node.certificates.untrusted)}
    kept_out(secure_node.client("worker", **other), "certificate verify failed")


def test_a_right_is_given_and_taken(secure_node: Cluster) -> None:
    user, topic = f"u{uuid.uuid4().hex[:8]}", made_topic(secure_node)
    secure_node.add_user(user)
    settings = secure_node.client(user)
    assert produce(secure_node.client("admin"), topic) is None
    refused = produce(settings, topic)
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    secure_node.grant(user, "WRITE", "TOPIC", topic[:3], "PREFIXED")
    assert produce(settings, topic) is None
    secure_node.revoke(user, "WRITE", "TOPIC", topic[:3], "PREFIXED")
    refused = produce(settings, topic)
    assert refused is not None and refused.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED
    assert password(user) == settings["sasl.password"]
