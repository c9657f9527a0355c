"""`meter doctor` asks a real Kafka: well beside a running worker, and short of one thing at a time."""

import asyncio
import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer

from agents.doctor.kafka_checks import kafka_lines
from agents.doctor.lines import Line, State
from meter.kafka.rights import of_role
from meter.kafka.topics import wanted_topics
from tests.end_to_end.commands import run
from tests.end_to_end.kafka import REQUEST_SECONDS, wait_until
from tests.end_to_end.strangers import User, until
from tests.end_to_end.workers import Meter
from tests.meters import StartMeter
from tests.oracle_reading import Settings
from tests.support.clusters import Cluster

pytestmark = pytest.mark.e2e


def asked(user: User, role: str = "all") -> list[Line]:
    async def every() -> list[Line]:
        return [line async for line in kafka_lines(user.settings, role)]

    return asyncio.run(every())


def not_ok(lines: list[Line]) -> list[Line]:
    return [line for line in lines if line.state is not State.OK]


@pytest.fixture(scope="module")
def user(secure_node: Cluster) -> User:
    return newcomer(secure_node)


def newcomer(cluster: Cluster) -> User:
    """Somebody with topics and every right of all roles."""
    name = uuid.uuid4().hex[:8]
    user = User(cluster, f"d{name}", f"d{name}.", METER_PARTITIONS="2")
    user.create_topics()
    user.grant(of_role(user.settings, "all"))
    assert until(lambda: [line for line in asked(user) if line.state is State.FAIL], []) == []
    return user


def test_beside_a_running_worker_everything_is_ok_and_its_work_is_not_disturbed(new_meter: StartMeter) -> None:
    meter: Meter = new_meter(Settings())
    worker = meter.start().wait_ready()
    wait_until("it is in every group", lambda: all(meter.kafka.members()), REQUEST_SECONDS, worker.log_tail)
    variables = {"METER_WEB_PORT": str(worker.port)}
    meter.variables |= variables
    code, text = run(meter, "doctor", "--json")
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    assert [line for line in lines if line["state"] != "ok"] == []
    assert code == 0
    checks = {line["check"] for line in lines}
    assert checks >= {"broker", "version", "security", "topic", "right", "group", "clock", "web port"}
    assert f"a worker answers on 127.0.0.1:{worker.port}" in text
    meter.settle()
    assert "reopening the partition" not in worker.own_log()
    assert worker.stop() == 0


def test_looking_writes_nothing_and_the_clock_is_known_without_a_worker(new_meter: StartMeter) -> None:
    meter: Meter = new_meter(Settings())
    assert meter.start().wait_ready().stop() == 0
    topics = sorted(meter.kafka.topics())
    before = meter.kafka.ends(topics)
    code, text = run(meter, "doctor", "--json")
    clock = next(line for line in map(json.loads, text.splitlines()) if line["check"] == "clock")
    assert (code, clock["state"]) == (0, "ok")
    assert re.fullmatch(r"this machine's is \d\.\d s (ahead of|behind) the broker's", clock["finding"])
    assert meter.kafka.ends(topics) == before


def test_who_may_not_ask_the_controller_learns_of_the_clock_from_the_newest_journal_record(
    secure_node: Cluster,
) -> None:
    user = newcomer(secure_node)

    def clock() -> Line:
        return next(line for line in asked(user) if line.check == "clock")

    assert clock().state is State.WARN
    assert f"--allow-principal User:{user.name} --operation Describe --cluster" in clock().mend
    append(user, f"{user.variables['METER_TOPIC_PREFIX']}meter.journal", b"anything")
    bounded = r"this machine's is at most \d+\.\d s ahead of the broker's \(newest journal record\)"
    assert re.fullmatch(bounded, clock().finding)
    secure_node.grant(user.name, "DESCRIBE", "BROKER", "kafka-cluster")
    exact = r"this machine's is \d\.\d s (ahead of|behind) the broker's"
    assert until(lambda: re.fullmatch(exact, clock().finding) is not None, True)


def append(user: User, topic: str, value: bytes) -> None:
    """A record of this user."""

    async def sent() -> None:
        async with AIOKafkaProducer(**user.settings.kafka_client_kwargs()) as producer:
            await producer.send_and_wait(topic, value, partition=0)

    asyncio.run(sent())


def test_before_any_worker_ran_the_groups_are_empty_and_nothing_fails(user: User) -> None:
    lines = asked(user)
    assert {line.check for line in not_ok(lines)} == {"group", "clock"}
    assert {line.state for line in not_ok(lines)} == {State.WARN}
    assert re.search(
        r"certificate is good for (29|30) days", next(line.finding for line in lines if line.check == "security")
    )


def test_a_missing_right_has_its_line_with_the_command_and_the_topic_is_not_called_missing(user: User) -> None:
    right = next(right for right in of_role(user.settings, "all") if right.name.endswith(".workspaces"))

    def failing() -> list[str]:
        return [line.finding for line in asked(user) if line.state is State.FAIL]

    with user.without(right):
        wanted = [f"{right} is missing"]
        assert until(failing, wanted) == wanted
        lines = asked(user)
    assert f"--allow-principal User:{user.name} {right.options()}" in next(
        line.mend for line in lines if line.mend and line.check == "right"
    )
    assert [line.finding for line in lines if line.check == "topic" and line.state is not State.OK] == [
        f"{right.name} cannot be looked at for want of a right, see below"
    ]
    assert until(failing, []) == []


def test_topics_that_are_missing_or_wrong_have_their_lines(secure_node: Cluster, tmp_path: Path) -> None:
    admin = User(secure_node, f"a{uuid.uuid4().hex[:8]}", f"a{uuid.uuid4().hex[:8]}.", METER_PARTITIONS="2")
    variables = {**secure_node.variables("admin"), "METER_TOPIC_PREFIX": admin.variables["METER_TOPIC_PREFIX"]}
    admin.variables = {**variables, "METER_PARTITIONS": "2"}
    missing = [line for line in asked(admin) if line.check == "topic"]
    names = ", ".join(spec.name for spec in wanted_topics(admin.settings))
    assert [(line.state, line.finding) for line in missing] == [(State.WARN, f"14 topics missing: {names}")]
    admin.create_topics()
    admin.variables = {**admin.variables, "METER_PARTITIONS": "3"}
    wrong = [line for line in asked(admin) if line.check == "topic" and line.state is State.FAIL]
    journal = f"{variables['METER_TOPIC_PREFIX']}meter.journal"
    assert wrong[0].finding.startswith(f"{journal} must have 3 partitions, it has 2")
    assert wrong[0].mend.startswith("set METER_PARTITIONS")
    assert len(wrong) == 10


def test_what_is_wrong_with_the_connection_is_the_only_line_about_kafka(user: User) -> None:
    user.variables = {**user.variables, "METER_SASL_PASSWORD": "guess"}
    assert [(line.check, line.state) for line in asked(user)] == [("broker", State.FAIL)]
    assert "with this password" in asked(user)[0].finding
