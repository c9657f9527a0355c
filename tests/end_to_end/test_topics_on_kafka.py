"""Topics are created, compared and refused on a real Kafka."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from meter.kafka.admin import (
    BrokerUnreachable,
    Ensured,
    TopicsRefused,
    connected_admin,
    create_topics,
    ensure_topics,
    require_version,
)
from meter.kafka.topics import TopicSpec, wanted_topics
from meter.settings import Settings

pytestmark = pytest.mark.e2e
T = TypeVar("T")


@pytest.fixture
def settings(bootstrap: str) -> Settings:
    """Settings with a prefix of this test."""
    return Settings.load(broker=bootstrap, topic_prefix=f"{uuid.uuid4().hex[:8]}.")


def with_admin(settings: Settings, work: Callable[[AIOKafkaAdminClient], Awaitable[T]]) -> T:
    """Do some work with an admin client."""

    async def connected() -> T:
        async with connected_admin(settings) as admin:
            return await work(admin)

    return asyncio.run(connected())


def ensured(settings: Settings) -> Ensured:
    """What `ensure_topics` does with these settings."""
    return with_admin(settings, lambda admin: ensure_topics(settings, admin))


def test_the_missing_are_created_once(settings: Settings) -> None:
    names = tuple(spec.name for spec in wanted_topics(settings))
    assert ensured(settings) == Ensured(created=names, warnings=())
    assert ensured(settings) == Ensured(created=(), warnings=())


def test_two_workers_that_start_at_once_share_what_either_creates(settings: Settings) -> None:
    async def both(admin: AIOKafkaAdminClient) -> list[Ensured]:
        return list(await asyncio.gather(ensure_topics(settings, admin), ensure_topics(settings, admin)))

    assert all(answer.warnings == () for answer in with_admin(settings, both))
    assert ensured(settings).created == ()


def test_without_leave_to_create_the_missing_are_listed(settings: Settings) -> None:
    bound = settings.model_copy(update={"create_topics": False})
    with pytest.raises(TopicsRefused, match="14 topics are missing"):
        ensured(bound)
    ensured(settings)
    assert ensured(bound) == Ensured(created=(), warnings=())


def test_a_journal_of_another_size_is_refused(settings: Settings) -> None:
    ensured(settings)
    with pytest.raises(TopicsRefused, match=r"meter\.journal must have 3 partitions, it has 4"):
        ensured(settings.model_copy(update={"partitions": 3}))


def test_nothing_is_created_beside_something_wrong(settings: Settings) -> None:
    orders = TopicSpec(f"{settings.topic_prefix}plan-purchases", 2, {})
    with_admin(settings, lambda admin: create_topics(settings, admin, [orders]))
    with pytest.raises(TopicsRefused) as caught:
        ensured(settings)
    assert len(str(caught.value).splitlines()) == 2
    assert "must have 1 partition, it has 2" in str(caught.value)
    assert "must have message.timestamp.type=LogAppendTime, it has CreateTime" in str(caught.value)
    names = with_admin(settings, lambda admin: admin.list_topics())
    assert [name for name in names if name.startswith(settings.topic_prefix)] == [orders.name]


def test_what_the_broker_cannot_do_is_reported(settings: Settings) -> None:
    with pytest.raises(TopicsRefused, match="cannot be created: InvalidReplicationFactorError"):
        ensured(settings.model_copy(update={"replication_factor": 3}))


def test_this_kafka_is_new_enough(settings: Settings) -> None:
    with_admin(settings, require_version)


def test_where_no_kafka_answers_it_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(BrokerUnreachable, match=r"no Kafka answers at 127\.0\.0\.1:1 .*`meter broker up`"):
        ensured(settings.model_copy(update={"broker": "127.0.0.1:1"}))
