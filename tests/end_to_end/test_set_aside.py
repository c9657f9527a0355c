"""Workspace topics that are not read: none loses usage in silence, each is visible, and each comes back."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined] # exported all the same

from meter.kafka.admin import connected_admin
from meter.kafka.set_aside import NotRead, set_aside
from meter.settings import Settings as MeterSettings
from tests.end_to_end.commands import run
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.test_own_topics import PICKED_UP_SECONDS, ZONE, bind, delete_topic, make_topic, reported, usage_of
from tests.end_to_end.workers import Meter, Worker
from tests.faults.topics import set_config
from tests.meters import StartMeter
from tests.oracle_reading import Settings

pytestmark = pytest.mark.e2e


@pytest.fixture
def meter(new_meter: StartMeter) -> Iterator[Meter]:
    meter = new_meter(Settings(ZONE))
    yield meter
    for worker in meter.workers:
        assert not worker.alive() or worker.stop() == 0


def not_read(meter: Meter) -> list[NotRead]:
    """What `meter doctor` would list."""
    settings = MeterSettings.load(broker=meter.kafka.bootstrap, topic_prefix=meter.kafka.prefix)

    async def asked() -> list[NotRead]:
        async with connected_admin(settings) as admin:
            return await set_aside(settings, admin)

    return asyncio.run(asked())


def aside(worker: Worker, reason: str) -> float:
    return worker.metrics().get(("meter_workspace_topics_set_aside", f'{{reason="{reason}"}}'), -1)


def test_topics_that_lose_usage_or_hold_nobodys_are_set_aside_and_reported_everywhere(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "keeps", "packs", "turns")
    names = ["_u", "w" * 65]
    make_topic(kafka, "keeps")
    make_topic(kafka, "turns")
    make_topic(kafka, "packs", **{"cleanup.policy": "compact"})
    kafka.admin.create_topics([NewTopic(f"{kafka.prefix}usage.{name}", 1, 1) for name in names])
    kafka.send([reported(workspace, number) for workspace in ("keeps", "packs", "turns") for number in range(10)])
    wait_until(
        "the others count",
        lambda: usage_of(kafka, "keeps") + usage_of(kafka, "turns") == 20,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    set_config(kafka, "usage.turns", "cleanup.policy", "compact,delete")
    began = time.monotonic()
    wait_until("both are set aside", lambda: aside(worker, "compacted") == 2, PICKED_UP_SECONDS, meter.logs)
    print(f"noticed {time.monotonic() - began:.1f} s after it was changed")
    kafka.send([reported("turns", number) for number in range(10, 15)])
    wait_until("nobody's are, too", lambda: aside(worker, "name") == 2, PICKED_UP_SECONDS, meter.logs)
    parts = ["ready\n", "usage.packs/0 is set aside (compacted)", "cleanup.policy=delete"]
    parts += [f"usage.{name} is set aside (name)" for name in names]

    def ready_says_so() -> bool:
        status, text = worker.get("/ready")
        return status == 200 and text.startswith("ready\n") and all(part in text for part in parts)

    wait_until("/ready says so", ready_says_so, PICKED_UP_SECONDS, lambda: str(worker.get("/ready")))
    wait_until(
        "what waits there is lag",
        lambda: worker.metric("meter_source_lag_records") == 15,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    wait_until("the group knows", lambda: len(not_read(meter)) == 4, PICKED_UP_SECONDS, meter.logs)
    listed = {each.topic: each.reason for each in not_read(meter)}
    assert listed == {"usage.packs": "compacted", "usage.turns": "compacted", **{f"usage.{n}": "name" for n in names}}
    for workspace in ("packs", "turns"):
        set_config(kafka, f"usage.{workspace}", "cleanup.policy", "delete")
    wait_until(
        "they are read on",
        lambda: usage_of(kafka, "packs") + usage_of(kafka, "turns") == 25,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    wait_until("nothing is aside but nobody's", lambda: aside(worker, "compacted") == 0, PICKED_UP_SECONDS, meter.logs)
    meter.settle()
    assert {each.reason for each in not_read(meter)} == {"name"}


def test_a_topic_made_again_between_two_looks_is_read_from_its_beginning_or_set_aside(meter: Meter) -> None:
    worker = meter.start().wait_ready()
    kafka = meter.kafka
    bind(kafka, "again")
    make_topic(kafka, "again")
    kafka.send([reported("again", number) for number in range(5)])
    wait_until("it is counted", lambda: usage_of(kafka, "again") == 5, PICKED_UP_SECONDS, meter.logs)
    delete_topic(kafka, "again")
    make_topic(kafka, "again")
    kafka.send([reported("again", number) for number in range(5, 25)])
    wait_until(
        "it is read from its beginning, or set aside",
        lambda: usage_of(kafka, "again") == 25 or aside(worker, "made_again") == 1,
        PICKED_UP_SECONDS,
        meter.logs,
    )
    if aside(worker, "made_again") == 1:
        assert usage_of(kafka, "again") == 5, "nothing of another topic is read at the offset of the first"
        code, found = run(meter, "skip", "usage.again", "0", "0")
        assert code == 0, found
    wait_until("all of it counts once", lambda: usage_of(kafka, "again") == 25, PICKED_UP_SECONDS, meter.logs)
