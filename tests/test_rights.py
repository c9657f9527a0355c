"""The tables of least rights: complete, without repetition, as the document shows them, each with its grant."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from meter.cli.app import assembled
from meter.kafka.rights import (
    COMMANDS,
    EVERY_TOPIC,
    ROLES,
    MissingRights,
    Operation,
    Resource,
    Right,
    is_own,
    least,
    of_command,
    of_role,
    to_redrive,
    to_skip,
)
from meter.kafka.rights_table import commands_table, roles_table
from meter.kafka.topics import Topics, wanted_topics
from meter.settings import Settings

DOCUMENT = Path(__file__).parent.parent / "docs" / "security.md"
#: Commands that ask Kafka for nothing, and those that ask what their role needs.
WITHOUT_KAFKA = {"settings", "schemas", "broker", "catalog"}
OF_A_ROLE = {"worker", "demo", "doctor"}


@pytest.mark.parametrize("role", ROLES)
def test_every_topic_that_a_worker_begins_with_has_its_settings_read_and_is_described(role: str) -> None:
    needed = {spec.name for spec in wanted_topics(Settings(topic_prefix="p."))}
    rights = of_role(Settings(topic_prefix="p."), role)
    assert {right.name for right in rights if right.operation is Operation.DESCRIBE_CONFIGS} >= needed
    assert {right.name for right in rights if right.operation is not Operation.DESCRIBE_CONFIGS} >= needed
    assert {f"p.{name}" for name in EVERY_TOPIC} == needed


@pytest.mark.parametrize("name", [*ROLES, *COMMANDS])
def test_no_right_is_asked_for_twice_or_along_with_one_that_gives_it(name: str) -> None:
    rights = ROLES.get(name) or COMMANDS[name]
    assert len(set(rights)) == len(rights)
    assert least(rights) == tuple(rights)


def test_a_worker_of_all_roles_needs_what_either_needs() -> None:
    both = {*ROLES["intake"], *ROLES["meter"]}
    assert set(ROLES["all"]) <= both
    assert all(right.operation is Operation.DESCRIBE for right in both - set(ROLES["all"]))


def test_no_role_and_no_command_needs_a_right_on_the_cluster() -> None:
    every = [right for rights in (*ROLES.values(), *COMMANDS.values()) for right in rights]
    assert Resource.CLUSTER not in {right.resource for right in every}


def test_rights_stand_under_the_prefix_as_topics_groups_and_transactions_do() -> None:
    topics = Topics.of("p.")
    rights = set(of_role(Settings(topic_prefix="p."), "all"))
    assert Right(Operation.READ, Resource.GROUP, topics.own_intake_group) in rights
    assert Right(Operation.READ, Resource.TOPIC, topics.own_topic("*")) in rights
    transactions = [right for right in rights if right.resource is Resource.TRANSACTIONAL_ID]
    assert [right.name.removesuffix("*") + "3" for right in transactions] == [topics.transactional_id(3)]


@pytest.mark.parametrize("role", ROLES)
def test_a_worker_that_reads_no_workspace_topics_needs_no_right_on_them(role: str) -> None:
    without = of_role(Settings(own_topics_max=0), role)
    assert [right for right in without if is_own(right)] == []
    assert len(without) < len(of_role(Settings(), role))


def test_every_command_that_asks_kafka_has_its_rights() -> None:
    commands = {
        command.name or command.callback.__name__ for command in assembled().registered_commands if command.callback
    }
    commands |= {group.name for group in assembled().registered_groups if group.name}
    named = {name.split(" ")[0] for name in COMMANDS if not name.startswith("…")}
    assert {name.replace("_", "-") for name in commands} - WITHOUT_KAFKA - OF_A_ROLE == named - WITHOUT_KAFKA
    assert of_command(Settings(), "buy", "… --order-id")[-1] == Right(Operation.READ, Resource.TOPIC, "plan-purchases")


def test_redrive_and_skip_need_only_the_topics_they_are_about() -> None:
    settings = Settings(topic_prefix="p.")
    assert {right.name for right in to_redrive(settings, ["usage.w"])} == {"p.meter.control", "p.usage.w"}
    assert {right.name for right in to_skip(settings, "usage.w")} == {
        "p.meter.control",
        "p.usage.w",
        "p.meter-intake-own",
    }
    assert {right.name for right in to_skip(settings, "usage")} == {"p.meter.control", "p.usage", "p.meter-intake"}


def test_what_is_missing_is_named_with_the_command_that_grants_it() -> None:
    settings = Settings(
        broker="kafka:9093",
        security_protocol="SASL_SSL",
        sasl_mechanism="PLAIN",
        sasl_username="u",
        sasl_password=SecretStr("p"),
    )
    rights = [
        Right(Operation.READ, Resource.TOPIC, "usage.*"),
        Right(Operation.DESCRIBE_CONFIGS, Resource.TOPIC, "usage"),
        Right(Operation.WRITE, Resource.TRANSACTIONAL_ID, "meter-*"),
    ]
    assert str(MissingRights(settings, "role all", rights)).splitlines() == [
        "role all lacks 3 rights at kafka:9093: User:u may not Read topic usage.*, DescribeConfigs topic usage, "
        "Write transactional-id meter-*; grant them with:",
        "  kafka-acls.sh --bootstrap-server kafka:9093 --add --allow-principal User:u --operation Read --topic usage. "
        "--resource-pattern-type prefixed",
        "  kafka-acls.sh --bootstrap-server kafka:9093 --add --allow-principal User:u --operation DescribeConfigs "
        "--topic usage",
        "  kafka-acls.sh --bootstrap-server kafka:9093 --add --allow-principal User:u --operation Write "
        "--transactional-id meter- --resource-pattern-type prefixed",
    ]


def test_of_many_missing_rights_a_few_are_named_and_all_have_their_command() -> None:
    trouble = MissingRights(Settings(), "role all", ROLES["all"])
    assert f"and {len(ROLES['all']) - 5} more; grant them with:" in str(trouble)
    assert len(str(trouble).splitlines()) == 1 + len(ROLES["all"])
    assert trouble.rights == ROLES["all"]


@pytest.mark.parametrize("table", [roles_table, commands_table])
def test_the_document_shows_the_tables_of_the_code(table) -> None:  # type: ignore[no-untyped-def] # a function
    assert table() in DOCUMENT.read_text(encoding="utf-8"), f"docs/security.md should hold:\n\n{table()}"
