"""Users of a Kafka with rights: each with what a role or command needs, one right taken away and given back."""

import asyncio
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from confluent_kafka.admin import AclPermissionType, NewTopic  # type: ignore[attr-defined] # exported all the same
from typer.testing import CliRunner

from meter.cli.app import assembled
from meter.kafka import admin
from meter.kafka.access import missing
from meter.kafka.admin import connected_admin
from meter.kafka.rights import PREFIXED, Resource, Right
from meter.kafka.topics import wanted_topics
from meter.machine import ending
from meter.machine.ending import close
from meter.settings import Settings
from tests.end_to_end.kafka import REQUEST_SECONDS, wait_until
from tests.support.authorizer import Words, give, right_of, take
from tests.support.clusters import Cluster

#: A change of a right reaches the authorizer a moment after Kafka acknowledged it; the rest is a busy machine.
CHANGE_SECONDS = 60.0
#: When a request of a command times out: so late that a test notices who waited for it, on a busy machine too.
TIME_OUT_SECONDS = 120
RESOURCES = {Resource.TOPIC: "TOPIC", Resource.GROUP: "GROUP", Resource.TRANSACTIONAL_ID: "TRANSACTIONAL_ID"}


class User:
    """Somebody whom a cluster knows, and the rights that were given."""

    def __init__(self, cluster: Cluster, name: str, prefix: str, **variables: str) -> None:
        self.cluster = cluster
        self.name = name
        cluster.add_user(name)
        self.variables = {**cluster.variables(name), "METER_TOPIC_PREFIX": prefix, **variables}

    @property
    def settings(self) -> Settings:
        """The settings of the user's workers and commands."""
        return settings_of(self.variables)

    def grant(self, rights: Iterable[Right]) -> None:
        """Gives rights, all at once."""
        give(self.cluster.admin, [self._right(each) for each in rights])

    def revoke(self, *rights: Right) -> None:
        """Takes rights, all at once; fails if one was not given."""
        take(self.cluster.admin, [self._right(each) for each in rights])

    def _right(self, right: Right) -> Words:
        pattern = "PREFIXED" if right.prefixed else "LITERAL"
        return right_of(
            self.name, right.operation.name, RESOURCES[right.resource], right.name.removesuffix(PREFIXED), pattern
        )

    def deny(self, operation: str, topic: str) -> None:
        """Forbids an operation on one topic, whatever is granted."""
        give(self.cluster.admin, [self._denied(operation, topic)])

    def allow_again(self, operation: str, topic: str) -> None:
        """Takes that back."""
        take(self.cluster.admin, [self._denied(operation, topic)])

    def _denied(self, operation: str, topic: str) -> Words:
        allowed = right_of(self.name, operation, "TOPIC", topic, "LITERAL")
        return {**allowed, "permission_type": AclPermissionType.DENY}

    @contextmanager
    def without(self, right: Right) -> Iterator[None]:
        """For a while this one right is missing."""
        self.revoke(right)
        try:
            yield
        finally:
            self.grant([right])

    def create_topics(self) -> None:
        """Somebody else creates the topics."""
        specs = wanted_topics(self.settings)
        topics = [NewTopic(spec.name, spec.partitions, 1, config=dict(spec.config)) for spec in specs]
        for created in self.cluster.admin.create_topics(topics).values():
            created.result(REQUEST_SECONDS)
        names = {spec.name for spec in specs}  # acknowledged before the broker itself knows of them
        asked = self.cluster.admin.list_topics
        wait_until("topics are there", lambda: names <= asked(timeout=REQUEST_SECONDS).topics.keys(), REQUEST_SECONDS)


def settings_of(variables: dict[str, str]) -> Settings:
    """The settings that these `METER_…` variables make."""
    fields = {key.removeprefix("METER_").lower(): value for key, value in variables.items()}
    return Settings(**fields)  # type: ignore[arg-type] # read as from the environment


def user_of(cluster: Cluster, **variables: str) -> User:
    """Somebody with a prefix of their own and no right."""
    name = uuid.uuid4().hex[:8]
    return User(cluster, f"u{name}", f"r{name}.", METER_PARTITIONS="2", **variables)


def lacking(user: User, rights: tuple[Right, ...]) -> list[Right]:
    """What Kafka says that the user lacks, as a start asks it."""

    async def asked() -> list[Right]:
        async with connected_admin(user.settings) as admin:
            return await missing(admin, rights, 2)

    return asyncio.run(asked())


def until(found: Callable[[], Any], right: Any) -> Any:
    """What is found, once it is right; after a while whatever it is then."""
    began = time.monotonic()
    while (now := found()) != right and (waited := time.monotonic() - began) < CHANGE_SECONDS:
        time.sleep(min(0.02 + waited / 20, 0.5))
    return now


def command(monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], *arguments: str) -> tuple[int, Any, str]:
    """A command run in this process by a user: exit code, exception and output."""
    for name in [name for name in os.environ if name.startswith("METER_")]:
        monkeypatch.delenv(name)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(admin, "REQUEST_TIMEOUT_MS", TIME_OUT_SECONDS * 1000)
    monkeypatch.setattr(ending, "close", partial(close, seconds=TIME_OUT_SECONDS))  # a slow close would end pytest
    done = CliRunner().invoke(assembled(), list(arguments))
    return done.exit_code, done.exception, done.output
