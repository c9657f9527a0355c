"""Checks of `meter doctor` against Kafka: reach, version, security, topics, rights, groups, workspace topics, time."""

import time
from collections.abc import AsyncIterator, Sequence
from ssl import cert_time_to_seconds
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.conn import AIOKafkaConnection
from aiokafka.errors import KafkaError

from agents.doctor.clock_check import clock_line
from agents.doctor.lines import Line, State, fail, ok, split, warn
from meter.errors import UserError
from meter.kafka.access import missing
from meter.kafka.admin import connected_admin, found_topics, partition_counts, require_version
from meter.kafka.groups import group_described
from meter.kafka.reachability import ASK_MS
from meter.kafka.rights import Operation, Resource, Right, grant, of_role, workspace_topics
from meter.kafka.set_aside import set_aside
from meter.kafka.topics import Topics, TopicSpec, followed, judged, wanted_topics
from meter.kafka.troubles import explained
from meter.settings import Settings
from schemas.plurals import counted

#: Warn about a certificate that expires sooner.
CERTIFICATE_DAYS = 14
SECONDS_A_DAY = 86_400
LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def kafka_lines(settings: Settings, role: str) -> AsyncIterator[Line]:
    """Every check against Kafka; if Kafka cannot be reached, or no longer, the reason."""
    try:
        async with connected_admin(settings) as admin:
            async for line in _asked(settings, admin, role):
                yield line
    except (KafkaError, OSError, TimeoutError, UserError) as error:
        reason = await explained(settings, "`meter doctor`", of_role(settings, role), error)
        for sentence in str(reason).splitlines():
            yield split("broker", sentence)


async def _asked(settings: Settings, admin: AIOKafkaAdminClient, role: str) -> AsyncIterator[Line]:
    yield _brokers(settings, admin)
    yield await _version(admin)
    yield await _security(settings)
    rights = of_role(settings, role)
    lacking = await missing(admin, rights, settings.partitions)
    for line in await _topics(settings, admin, lacking):
        yield line
    for right in rights:
        yield _right(settings, right, right in lacking)
    for group in _groups(settings, role):
        yield await _group(admin, group)
    for line in await _workspace_topics(settings, admin, lacking):
        yield line
    yield await clock_line(settings, admin, lacking)


def _brokers(settings: Settings, admin: AIOKafkaAdminClient) -> Line:
    brokers, named = len(admin._client.cluster.brokers()), len(settings.bootstrap_servers)
    finding = f"Kafka answers at {settings.broker}: {counted(brokers, 'broker')}"
    if brokers > 1 and named == 1:
        return warn("broker", finding, "METER_BROKER names one of them; name two or more, so that it may be away")
    return ok("broker", finding)


async def _version(admin: AIOKafkaAdminClient) -> Line:
    try:
        await require_version(admin)
    except UserError as older:
        return split("version", str(older))
    return ok("version", "3.6 or later: it verifies the partitions of transactions")


async def _security(settings: Settings) -> Line:
    protocol = settings.security_protocol
    who = f" as {settings.sasl_username} ({settings.sasl_mechanism})" if settings.sasl_username else ""
    if not settings.uses_tls:
        near = all(server.rpartition(":")[0].strip("[]") in LOOPBACK for server in settings.bootstrap_servers)
        finding = f"{protocol}{who}: what is sent and read crosses the network unencrypted"
        return (
            ok("security", f"{protocol}{who}, on this machine") if near else warn("security", finding, "use SASL_SSL")
        )
    ends = await _certificate_ends(settings)
    days = (ends - time.time()) / SECONDS_A_DAY
    finding = f"{protocol}{who}, the broker's certificate is good for {days:.0f} days"
    return ok("security", finding) if days > CERTIFICATE_DAYS else warn("security", finding, "renew it on the broker")


async def _certificate_ends(settings: Settings) -> float:
    """When the certificate of the first broker that answers expires, in seconds since 1970."""
    kwargs = settings.kafka_client_kwargs()
    del kwargs["bootstrap_servers"]
    for server in settings.bootstrap_servers:
        host, _, port = server.rpartition(":")
        connection = AIOKafkaConnection(host.strip("[]"), int(port), request_timeout_ms=ASK_MS, **kwargs)
        try:
            await connection.connect()
            certificate: Any = connection._writer.get_extra_info("peercert")
            return cert_time_to_seconds(certificate["notAfter"])
        except (KafkaError, OSError, TimeoutError):
            continue
        finally:
            connection.close()
    return time.time()


async def _topics(settings: Settings, admin: AIOKafkaAdminClient, lacking: list[Right]) -> list[Line]:
    """A line for each topic that a worker needs at its start; one line lists all missing topics."""
    hidden = {right.name for right in lacking if right.resource is Resource.TOPIC}
    there = await partition_counts(admin)
    shown = [spec for spec in wanted_topics(settings) if spec.name in there and spec.name not in hidden]
    found = await found_topics(admin, shown)
    lines = _missing(settings, [spec for spec in wanted_topics(settings) if spec.name not in {*hidden, *there}])
    for spec in wanted_topics(settings):
        if spec.name in hidden:
            lines.append(warn("topic", f"{spec.name} cannot be looked at for want of a right, see below"))
        elif spec.name in found:
            verdict = judged(spec, found[spec.name], settings.broker)
            lines += [split("topic", sentence) for sentence in verdict.refusals]
            lines += [split("topic", sentence, State.WARN) for sentence in verdict.warnings]
            if not verdict.refusals and not verdict.warnings:
                lines.append(ok("topic", f"{spec.name}: {counted(there[spec.name], 'partition')}, settings as needed"))
    return lines


def _missing(settings: Settings, specs: Sequence[TopicSpec]) -> list[Line]:
    """One line for all missing topics: before the first start every topic is missing."""
    if not specs:
        return []
    finding = f"{counted(len(specs), 'topic')} missing: {', '.join(spec.name for spec in specs)}"
    if settings.create_topics:
        return [warn("topic", finding, "the first `meter worker` creates what is missing, with the right Create")]
    return [fail("topic", finding, "create what is missing, or set METER_CREATE_TOPICS=true")]


def _right(settings: Settings, right: Right, is_lacking: bool) -> Line:
    if is_lacking:
        return fail("right", f"{right} is missing", grant(settings, right))
    return ok("right", str(right))


def _groups(settings: Settings, role: str) -> list[str]:
    topics = Topics.of(settings.topic_prefix)
    intake = [topics.intake_group, topics.own_intake_group]
    return {"intake": intake, "meter": [topics.meter_group], "all": [*intake, topics.meter_group]}[role]


async def _group(admin: AIOKafkaAdminClient, group: str) -> Line:
    try:
        _, members = await group_described(admin, group)
    except KafkaError as error:
        return warn("group", f"{group} does not say who is in it ({type(error).__name__})", "look at the rights")
    if not members:
        return warn("group", f"{group} has no member", "no worker reads for it now: start `meter worker`")
    return ok("group", f"{group} has {counted(members, 'worker')}")


async def _workspace_topics(settings: Settings, admin: AIOKafkaAdminClient, lacking: list[Right]) -> list[Line]:
    """A line for each workspace topic that the meter does not read."""
    topics = Topics.of(settings.topic_prefix)
    names = {topics.own_intake_group, workspace_topics(settings, Operation.DESCRIBE).name}
    if any(right.name in names for right in lacking):
        return [warn("workspaces", "which workspace topics are read is not known", "it takes the rights above")]
    read, _ = followed(topics, await admin.list_topics(), settings.own_topics_max)
    aside = await set_aside(settings, admin)
    lines = [split("workspaces", each.line(), State.WARN) for each in aside]
    return lines or [ok("workspaces", f"{counted(len(read), 'workspace topic')}, none is set aside")]
