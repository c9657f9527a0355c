"""Every right of every role taken away once, on a Kafka with an authorizer: it is named, within seconds."""

import asyncio
import time
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from confluent_kafka.admin import NewTopic  # type: ignore[attr-defined] # exported all the same

from agents.meter.watermarks import Watermarks
from meter.kafka.admin import connected_admin, ensure_topics
from meter.kafka.rights import ROLES, MissingRights, Operation, Resource, Right, of_role
from meter.kafka.set_aside import set_aside
from tests import records
from tests.end_to_end.judged import judge
from tests.end_to_end.kafka import wait_until
from tests.end_to_end.strangers import User, lacking, settings_of, until, user_of
from tests.end_to_end.workers import Meter, Worker
from tests.oracle_reading import Settings as OracleSettings
from tests.records import Message
from tests.support.clusters import Cluster

pytestmark = pytest.mark.e2e

#: A start, or a look of the watch twice, on a busy machine.
TOLD_SECONDS = 90.0
#: A command that is refused does not wait for anything.
REFUSED_SECONDS = 10.0


@pytest.fixture(scope="module", params=list(ROLES))
def role_user(request: pytest.FixtureRequest, secure_node: Cluster) -> tuple[str, User]:
    """A user with the least rights of a role."""
    user = user_of(secure_node)
    user.grant(of_role(user.settings, request.param))
    return request.param, user


def test_a_start_finds_each_right_that_is_missing_and_no_other(role_user: tuple[str, User]) -> None:
    role, user = role_user
    rights = of_role(user.settings, role)
    assert until(lambda: lacking(user, rights), []) == []
    wrong = []
    for right in rights:
        with user.without(right):
            found = until(lambda expected=[right]: lacking(user, rights), [right])  # type: ignore[misc]
        wrong += [(str(right), [str(each) for each in found])] if found != [right] else []
    assert wrong == []


def test_every_missing_right_is_named(secure_node: Cluster) -> None:
    user = user_of(secure_node)
    rights = of_role(user.settings, "all")
    assert lacking(user, rights) == list(rights)


def test_missing_topics_take_the_right_to_create_them(secure_node: Cluster) -> None:
    user = user_of(secure_node)
    user.grant(of_role(user.settings, "all"))

    async def ensured() -> None:
        async with connected_admin(user.settings) as admin:
            await ensure_topics(user.settings, admin)

    with pytest.raises(
        MissingRights, match=r"may not Create topic .*\n  kafka-acls\.sh .* --operation Create"
    ) as found:
        asyncio.run(ensured())
    assert len(found.value.rights) == 14


@pytest.fixture(scope="module")
def meters(secure_node: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Makes meters of a user whose topics somebody else created."""
    made: list[Meter] = []

    def make(role: str) -> tuple[User, Meter]:
        user = user_of(secure_node)
        user.create_topics()
        user.grant(of_role(user.settings, role))
        directory: Path = tmp_path_factory.mktemp("meter")
        made.append(Meter(secure_node.bootstrap, directory, OracleSettings(), **user.variables))
        return user, made[-1]

    yield make
    for meter in made:
        meter.close()


def ended(worker: Worker) -> str:
    """What a worker said that ended by itself."""
    worker.expected_dead = True
    assert worker.process.wait(TOLD_SECONDS) == 1, worker.log_tail()
    return worker.own_log()


def test_a_right_taken_away_ends_a_running_worker_with_its_name(meters: Any) -> None:
    """Each was silent or said something else before: a group, a day's end, a topic written only now and then."""
    wanted = {
        "intake": [Right(Operation.READ, Resource.GROUP, "meter-intake-own")],
        "meter": [
            Right(Operation.DESCRIBE, Resource.TOPIC, "usage.*"),
            Right(Operation.DESCRIBE, Resource.GROUP, "meter-intake"),
            Right(Operation.WRITE, Resource.TOPIC, "overages"),
        ],
    }
    begun = [(*meters(role), role, ROLES[role].index(right)) for role, rights in wanted.items() for right in rights]
    workers = [(user, meter.start(role=role), of_role(user.settings, role)[at]) for user, meter, role, at in begun]
    for user, worker, right in workers:
        worker.wait_ready()
        user.revoke(right)
    for user, worker, right in workers:
        found = ended(worker)
        assert f"User:{user.name} may not {right}; grant it with:\n" in found
        assert f"--allow-principal User:{user.name} {right.options()}\n" in found


def test_two_workers_with_the_least_rights_of_their_roles_do_all_there_is_to_do(
    secure_node: Cluster, tmp_path: Path
) -> None:
    """Orders, usage, a workspace topic, dead letters, and what a day's end asks: every figure is right."""
    meter = Meter(secure_node.bootstrap, tmp_path, OracleSettings())
    users = {role: User(secure_node, f"u{uuid.uuid4().hex[:8]}", meter.kafka.prefix) for role in ("intake", "meter")}
    users["intake"].create_topics()
    own = NewTopic(f"{meter.kafka.prefix}usage.acct-b", 1, 1, config={"message.timestamp.type": "LogAppendTime"})
    secure_node.admin.create_topics([own])[own.topic].result()
    for role, user in users.items():
        user.grant(of_role(user.settings, role))
    try:
        workers = [meter.start(role, role=role, **user.variables) for role, user in users.items()]
        for worker in workers:
            worker.wait_ready()
        now_us = time.time_ns() // 1000
        meter.kafka.send([records.binding_message(records.binding(f"acct-{each}", "acct")) for each in "ab"])
        meter.settle()
        meter.kafka.send(
            [
                records.order_message(records.top_up("acct", "t", "1000000")),
                usage_of("acct-a", 50_000_000, now_us),
                replace(
                    records.usage_message(records.usage("acct-b", "logs", 7, now_us, id="2")), topic="usage.acct-b"
                ),
                Message("usage", "", b"no json"),
            ]
        )
        meter.settle()
        judge(meter)
        asyncio.run(ends_of_the_day(users["meter"]))
        assert [worker.stop() for worker in workers] == [0, 0]
    finally:
        meter.close()


def usage_of(workspace: str, logs: int, time_us: int) -> Message:
    return records.usage_message(records.usage(workspace, "logs", logs, time_us, id=workspace))


async def ends_of_the_day(user: User) -> None:
    """What role `meter` asks at a day's end, with its own rights."""
    watermarks = Watermarks(user.settings, user.settings.kafka_client_kwargs())
    try:
        ends = await watermarks.ends()
        assert {tp.topic.removeprefix(user.settings.topic_prefix) for tp in ends} == {
            "usage",
            "usage.acct-b",
            "workspaces",
            "plan-purchases",
        }
        assert await watermarks.not_reached(ends) == []
    finally:
        await watermarks.close()


def test_a_worker_that_lacks_a_group_says_so_at_its_start(meters: Any) -> None:
    user, meter = meters("all")
    right = next(right for right in of_role(user.settings, "all") if right.name.endswith("meter-intake-own"))
    user.revoke(right)
    begun = time.monotonic()
    assert f"role all lacks a right at {user.settings.broker}: User:{user.name} may not {right};" in ended(
        meter.start()
    )
    assert time.monotonic() - begun < TOLD_SECONDS


def test_workspace_topics_without_a_right_are_set_aside_and_no_day_waits_for_them(meters: Any) -> None:
    """Kafka takes no commit for a topic that may not be read, and shows none that may not be described."""
    user, meter = meters("all")
    topics = {name: f"{user.settings.topic_prefix}usage.{name}" for name in ("read", "shown", "good")}
    wanted = [NewTopic(topic, 1, 1, config={"message.timestamp.type": "LogAppendTime"}) for topic in topics.values()]
    for created in user.cluster.admin.create_topics(wanted).values():
        created.result()
    worker = meter.start().wait_ready()
    user.deny("READ", topics["read"])
    user.deny("DESCRIBE", topics["shown"])

    def aside() -> set[str]:
        async def asked() -> set[str]:
            async with connected_admin(user.settings) as admin:
                return {each.topic for each in await set_aside(user.settings, admin)}

        return asyncio.run(asked())

    wait_until("both are set aside", lambda: aside() == {"usage.read", "usage.shown"}, TOLD_SECONDS, worker.log_tail)
    assert worker.stop() == 0
    meter.kafka.producer.produce(topics["good"], b"nobody reads it yet")
    assert meter.kafka.producer.flush(TOLD_SECONDS) == 0
    settings = settings_of({**user.variables, **user.cluster.variables("admin")})
    ends = {TopicPartition(topic, 0): 1 for topic in topics.values()}

    async def waited_for() -> list[str]:
        watermarks = Watermarks(settings, settings.kafka_client_kwargs())
        try:
            return [tp.topic for tp in await watermarks.not_reached(ends)]
        finally:
            await watermarks.close()

    assert asyncio.run(waited_for()) == [topics["good"]]
    user.allow_again("READ", topics["read"])
    user.allow_again("DESCRIBE", topics["shown"])
