"""A broker whose cache of fetch sessions is full keeps none for us: workspace topics are read all the same."""

from collections.abc import Iterator
from functools import partial

import pytest

from meter.local_broker.broker import HOST, Broker
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import Kafka, wait_until
from tests.end_to_end.test_own_topics import ZONE, bind, make_topic, reported, usage_of
from tests.end_to_end.workers import READY_SECONDS, free_port
from tests.meters import StartMeter, meters_at
from tests.oracle_reading import Settings

pytestmark = [pytest.mark.e2e, pytest.mark.faults]

#: More than wait in one fetch (`WAITING_PARTITIONS`), so that both ways to fetch are taken.
WORKSPACES = 70
EACH = 30


@pytest.fixture
def without_sessions(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StartMeter]:
    """Makes meters on a broker that keeps no session of anybody."""
    full = Broker(tmp_path_factory.mktemp("no-sessions"), settings={"max.incremental.fetch.session.cache.slots": "0"})
    running = full.up(free_port())
    try:
        yield from meters_at(f"{HOST}:{running.port}", tmp_path_factory)
    finally:
        full.down()


def counted(kafka: Kafka, workspaces: list[str]) -> bool:
    return all(usage_of(kafka, each) == EACH for each in workspaces)


def test_workspace_topics_are_read_where_the_broker_keeps_no_session(without_sessions: StartMeter) -> None:
    meter = without_sessions(Settings(ZONE))
    worker = meter.start().wait_ready()
    kafka, workspaces = meter.kafka, [f"full-{number}" for number in range(WORKSPACES)]
    bind(kafka, *workspaces)
    for few in (workspaces[:3], workspaces[3:]):
        for workspace in few:
            make_topic(kafka, workspace)
        kafka.send([reported(workspace, number) for number in range(EACH) for workspace in few])
        wait_until("all is counted", partial(counted, kafka, few), READY_SECONDS, meter.logs)
    meter.settle()
    judge(meter)
    assert worker.stop() == 0
