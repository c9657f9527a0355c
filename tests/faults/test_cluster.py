"""Three nodes, three copies, two of them in sync: a coordinator killed, partitions moved, a rolling restart, two of
three away, then the third silent; and workers and commands that are given every address.

One test with one load, since each node's start costs seconds. What is counted is the oracle's word at the end. The
cluster itself holds what it is given on three nodes, and takes records with two.
"""

import time
from collections.abc import Callable
from random import Random

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (  # type: ignore[attr-defined] # exported all the same
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    NewTopic,
)

from tests.end_to_end.commands import run
from tests.end_to_end.kafka import QUIET, REQUEST_SECONDS, wait_until
from tests.end_to_end.workers import Meter
from tests.faults.load import FULL_PACE, Load, load, settings
from tests.faults.test_clusters import made_topic, produce
from tests.faults.topics import APPEND_TIME
from tests.faults.verdict import ZERO_LAG_SECONDS, back_to_zero_lag, judged
from tests.meters import StartMeter
from tests.support.clusters import Cluster, Node
from tests.support.moving import move

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

EVENTS, PACE = 3_000, 60
#: Of one meter without workspace topics.
TOPICS = 14
#: Workspace topics that appear while a node is silent.
NEW_TOPICS = 12
#: Two of three are away for so long: past a group's session (8 s).
AWAY_SECONDS = 9.0
#: A start, or a node that is in sync again, on a busy machine with three JVMs on it.
READY_SECONDS = 120.0


def test_a_cluster_that_loses_nodes_and_moves_partitions_changes_no_figure(
    three_nodes: Cluster, cluster_meter: StartMeter, seed: int, rng: Random
) -> None:
    meter = cluster_meter(settings(), METER_REPLICATION_FACTOR="3")
    meter.start("a").wait_ready(READY_SECONDS)
    meter.start("b").wait_ready(READY_SECONDS)
    wait_until("every node knows all topics", lambda: everywhere(three_nodes, of(meter)), READY_SECONDS)
    assert_two_of_three_copies(meter)
    topic = topic_on_all(three_nodes)
    feeding = Load(meter.kafka, load(seed, meter.settings, events=EVENTS).steps, batch=20, pace=PACE)
    three_nodes.coordinator(f"{meter.kafka.prefix}meter").kill()
    # Until its session ends (4 s) Kafka itself sends who asks to the dead node, and a command may say so and end.
    wait_until("both others know that it is gone", lambda: everywhere(three_nodes, two_are_left), READY_SECONDS)
    judge: dict[str, str | int] = {"bootstrap.servers": three_nodes.bootstrap, **QUIET}
    assert produce(judge, topic) is None, "two of three hold a record"
    code, found = run(meter, "overages", "--json")
    assert code == 0, f"a command finds the others where one address is dead: {found}"
    healed(three_nodes)
    move(three_nodes, [meter.kafka.prefix + topic for topic in meter.kafka.topics()])
    for node in rng.sample(three_nodes.nodes, 3):
        node.stop()
        healed(three_nodes)
    left, killed, stopped = rng.sample(three_nodes.nodes, 3)
    killed.kill()
    wait_until("the others know that one is gone", lambda: everywhere(three_nodes, two_are_left), READY_SECONDS)
    stopped.stop()
    wait_until("the last one names no other", lambda: everywhere(three_nodes, one_is_left), READY_SECONDS)
    time.sleep(AWAY_SECONDS)
    three_nodes.start()
    feeding.pace = FULL_PACE
    feeding.join()
    back_to_zero_lag(meter, 2 * ZERO_LAG_SECONDS)
    healed(three_nodes)
    started_beside_a_silent_node(meter, left)  # the only one known to clients that asked while it was alone
    healed(three_nodes)  # a node that was silent names old leaders, which know no end of now, until it has caught up
    judged(meter, feeding)
    assert [worker.wait_ready(READY_SECONDS).stop() for worker in meter.workers] == [0, 0, 0]


def healed(cluster: Cluster) -> None:
    """Starts what does not run; every copy is in sync again."""
    cluster.start()
    wait_until("every copy is in sync", lambda: everywhere(cluster, all_in_sync), READY_SECONDS)


def everywhere(cluster: Cluster, holds: Callable[[ClusterMetadata], bool]) -> bool:
    """Whether every node that runs says so of the cluster; one that just started, or hears late, does not yet."""
    living = [node for node in cluster.nodes if node.kafka.running() is not None]
    try:
        return all(holds(metadata_of(node)) for node in living)
    except KafkaException:
        return False


def metadata_of(node: Node) -> ClusterMetadata:
    """What this node knows, asked by a client that knows no other."""
    return AdminClient({"bootstrap.servers": node.bootstrap, **QUIET}).list_topics(timeout=REQUEST_SECONDS)


def two_are_left(known: ClusterMetadata) -> bool:
    return len(known.brokers) == 2


def one_is_left(known: ClusterMetadata) -> bool:
    return len(known.brokers) == 1


def all_in_sync(known: ClusterMetadata) -> bool:
    parts = [part for topic in known.topics.values() for part in topic.partitions.values()]
    return all(len(part.isrs) == len(part.replicas) for part in parts)


def started_beside_a_silent_node(meter: Meter, silent: Node) -> None:
    """A worker starts, and all of them find new topics, while one of the addresses takes connections and is silent."""
    silent.pause()
    try:
        worker = meter.start("c").wait_ready(READY_SECONDS)
        for other in meter.workers:
            other.wait_ready(READY_SECONDS)
        assert "unexpected" not in worker.log_text()
        make_workspace_topics(meter)
        wait_until("all topics are read", lambda: workspace_topics_read(meter) == NEW_TOPICS, READY_SECONDS, meter.logs)
    finally:
        silent.resume()


def make_workspace_topics(meter: Meter) -> None:
    """Makes topics of which each worker has a share, with a copy on each of the two nodes that answer."""
    names = [f"{meter.kafka.prefix}usage.new-{number}" for number in range(NEW_TOPICS)]
    asked = [NewTopic(name, 1, 2, config=APPEND_TIME) for name in names]

    def made() -> bool:
        """Whether they are there; a client asks the silent node until it has heard of another controller."""
        try:
            for future in meter.kafka.admin.create_topics(asked, request_timeout=REQUEST_SECONDS).values():
                future.result()
        except KafkaException as error:
            return bool(error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS)
        return True

    wait_until("the new topics are made", made, READY_SECONDS)


def workspace_topics_read(meter: Meter) -> float:
    """How many of these, each with one partition, the workers read."""
    return sum(worker.metric("meter_workspace_topic_partitions_read") for worker in meter.workers)


def of(meter: Meter) -> Callable[[ClusterMetadata], bool]:
    """Whether a node knows all topics of a meter."""
    return lambda known: sum(name.startswith(meter.kafka.prefix) for name in known.topics) == TOPICS


def assert_two_of_three_copies(meter: Meter) -> None:
    """Every topic of the meter has three copies, of which two must hold a record, and nothing is said against it."""
    topics = meter.kafka.admin.list_topics(timeout=REQUEST_SECONDS).topics
    ours = {name: topic for name, topic in topics.items() if name.startswith(meter.kafka.prefix)}
    assert len(ours) == TOPICS
    assert {len(part.replicas) for topic in ours.values() for part in topic.partitions.values()} == {3}
    asked = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in ours]
    answers = meter.kafka.admin.describe_configs(asked, request_timeout=REQUEST_SECONDS).values()
    assert {answer.result()["min.insync.replicas"].value for answer in answers} == {"2"}
    assert " copies" not in meter.logs()


def topic_on_all(cluster: Cluster) -> str:
    """A topic as the cluster makes it by itself: every node has a copy."""
    topic = made_topic(cluster)
    found = cluster.admin.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions[0]
    assert sorted(found.replicas) == [1, 2, 3]
    return topic
