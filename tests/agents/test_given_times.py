"""Records whose time is their producer's (CreateTime), where Kafka's is needed: none counts, and none is lost."""

import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaError
from faust.types import TP

from agents import topic_watch
from agents.intake.orders_lane import OrdersLane
from agents.intake.usage_lane import UsageLane
from agents.intake.workspace_directory import WorkspaceDirectory
from agents.topic_watch import TopicsChanged, TopicWatch
from meter.batch.chunks import Chunk
from meter.batch.errors import Reopen
from meter.batch.patches.fetched_records import Batches, lazy
from meter.batch.unopened import LazyBatch
from meter.kafka.topics import wanted_topics
from meter.rules.billing_days import zone
from meter.settings import Settings
from tests.agents.test_held import Intake, chunk, ordered, used
from tests.record_batches import batch, record

LOG_APPEND_TIME = 8


class Times(Chunk):
    """A chunk some of whose records carry their producer's time."""

    given_times = True


def given(topic: str, values: list[bytes], *numbers: int) -> Chunk:
    """A chunk in which these records carry a time of the year 9999."""
    plain = chunk(topic, values)
    for number in numbers:
        plain.records[number].timestamp, plain.records[number].timestamp_type = 253_402_300_000_000, 0
    return Times(plain.tp, plain.records, plain.position, 1)


def test_what_a_batch_says_of_its_times_is_known_of_the_chunk() -> None:
    def chunk_of(*attributes: int) -> Chunk:
        content = b"".join(batch([record(0, b"v")], base=at, attributes=each) for at, each in enumerate(attributes))
        batches = Batches(content)
        batches.closed = True
        unopened = LazyBatch(TP("usage", 0), [batches.next_batch() for _ in attributes])
        return Chunk(TP("usage", 0), unopened, len(attributes), 1)

    assert lazy(b"x") == b"x"
    assert not chunk_of(LOG_APPEND_TIME, LOG_APPEND_TIME).given_times
    assert chunk_of(LOG_APPEND_TIME, 0).given_times
    assert not chunk("usage", [b"v"]).given_times


@pytest.mark.parametrize("kind", [UsageLane, OrdersLane])
def test_they_are_dead_letters_once_the_setting_is_mended_and_their_neighbours_count(kind: Any) -> None:
    async def played() -> None:
        intake: Any = Intake()
        looked: list[int] = []
        finals: list[int] = []

        async def look() -> None:
            looked.append(1)

        async def reach(appended_ms: int) -> None:
            finals.append(appended_ms)

        intake.look_at_settings, intake.catalog.reach = look, reach
        topic, value = ("usage", used) if kind is UsageLane else ("plan-purchases", ordered)
        lane = kind(None, TP(topic, 0), intake)
        names = ["a", "b", "c", "d"]
        await lane.handle(given(topic, [value("known", name) for name in names], 1, 3))
        assert intake.put == ["a", "c"]
        assert intake.buried == [(1, "invalid_field"), (3, "invalid_field")]
        assert looked == [1]
        assert max(finals, default=0) < 253_402_300_000_000, "no day becomes final by it"

    asyncio.run(played())


def test_nothing_of_the_chunk_is_read_while_the_setting_is_wrong() -> None:
    async def played() -> None:
        intake: Any = Intake()

        async def look() -> None:
            raise TopicsChanged("usage must have message.timestamp.type=LogAppendTime, it has CreateTime")

        intake.look_at_settings = look
        lane = UsageLane(None, TP("usage", 0), intake)
        with pytest.raises(TopicsChanged):
            await lane.handle(given("usage", [used("known", "a"), used("known", "b")], 1))
        assert (intake.put, intake.buried, lane.position) == ([], [], 0)

    asyncio.run(played())


def test_a_binding_with_its_producers_time_announces_nothing_to_anybody() -> None:
    directory = WorkspaceDirectory("workspaces", zone("+00:00"), 1, {})
    value = b'{"workspace":"w","account":"a","tier":"commercial"}'
    (record_given,) = given("workspaces", [value], 0).records
    directory.learn([record_given])
    assert directory.known("w") is None
    (record_dated,) = chunk("workspaces", [value]).records
    directory.learn([record_dated])
    assert directory.known("w") is not None


#: Topic, setting and value, and whether a worker goes on with it.
CHANGES = [
    ("usage", "message.timestamp.type", "CreateTime", False),
    ("workspaces", "message.timestamp.type", "CreateTime", False),
    ("plan-purchases", "cleanup.policy", "compact", False),
    ("usage", "cleanup.policy", "compact,delete", False),
    ("meter.journal", "message.timestamp.type", "CreateTime", False),
    ("meter.journal", "cleanup.policy", "compact", False),
    ("meter.journal", "retention.ms", "1000", False),
    ("meter.journal", "max.message.bytes", "1000", False),
    ("meter.changelog", "cleanup.policy", "delete", False),
    ("meter.changelog", "max.message.bytes", "1000", False),
    ("meter.control", "cleanup.policy", "compact", False),
    ("overages", "retention.ms", "1000", True),
    ("workspaces", "retention.ms", "1000", True),
    ("meter.journal", "retention.ms", "-1", True),
]


@pytest.mark.parametrize(("topic", "name", "value", "goes_on"), CHANGES)
def test_a_setting_that_a_start_refuses_ends_a_running_worker(
    topic: str, name: str, value: str, goes_on: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings.load()
    configs = {spec.name: dict(spec.config) for spec in wanted_topics(settings)}

    async def scenario(*_: Any) -> dict[str, dict[str, str]]:
        return configs

    monkeypatch.setattr(topic_watch, "topic_configs", scenario)
    watch = TopicWatch(settings)
    watch._admin = object()
    asyncio.run(watch.look_at_settings())
    configs[topic][name] = value
    if goes_on:
        asyncio.run(watch.look_at_settings())
    else:
        with pytest.raises(TopicsChanged, match=f"{topic} must have {name}="):
            asyncio.run(watch.look_at_settings())


@pytest.mark.parametrize("silence", [KafkaError("no answer"), TimeoutError(), ConnectionResetError()])
def test_a_broker_that_does_not_answer_about_settings_stops_nobody(
    silence: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(*_: Any) -> Any:
        raise silence

    monkeypatch.setattr(topic_watch, "topic_configs", silent)
    watch = TopicWatch(Settings.load())
    watch._admin = object()
    with pytest.raises(Reopen, match="settings of the topics could not be asked"):
        asyncio.run(watch.require_settings())


def test_looks_that_fail_for_a_minute_are_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    monkeypatch.setattr("agents.topic_watch.time.monotonic", lambda: now)

    async def silent(*_: Any) -> Any:
        raise KafkaError("no answer")

    monkeypatch.setattr(topic_watch, "topic_states", silent)
    watch = TopicWatch(Settings.load())
    watch._admin = object()
    asyncio.run(watch.look())
    assert not [each for each in caplog.records if each.levelname == "WARNING"]
    now = topic_watch.SILENCE_SECONDS + 1
    asyncio.run(watch.look())
    assert "not checked for 61 s, Kafka does not answer" in caplog.text
