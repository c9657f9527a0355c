"""Setting, listing and clearing budgets: records of `budgets`, and the present alerts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from meter.budgets.partition import BUDGETS_LIMIT
from meter.budgets.reading import committed_reader, to_the_end
from meter.budgets.topics import BudgetTopics
from meter.commands.account_state import read
from meter.errors import UserError
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.partitioner import partition_of
from meter.kafka.reachability import unreachable
from meter.settings import Settings
from schemas.budgets import Budget, BudgetAlert

SEND_SECONDS = 15


@dataclass(frozen=True)
class Standing:
    """An account's budgets by id, and its alerts, newest period first."""

    budgets: dict[str, Budget]
    alerts: list[BudgetAlert]


async def budgets_of(settings: Settings, account: str) -> Standing:
    """The present content of both topics."""
    topics = BudgetTopics.of(settings.topic_prefix)
    partition = partition_of(account, await _partitions(settings, topics))
    begins = f"{account}/".encode()
    budgets: dict[str, Budget] = {}
    alerts: dict[bytes, BudgetAlert] = {}
    async with committed_reader(settings) as reader:
        for record in await to_the_end(reader, topics.budgets, partition):
            if record.key.startswith(begins):
                budgets.pop(record.key.decode().partition("/")[2], None)
                if record.value is not None:
                    found = read(record.topic, Budget, record.value)
                    budgets[found.budget] = found
        for record in await to_the_end(reader, topics.alerts, partition):
            if record.key.startswith(begins) and record.value is not None:
                alerts[record.key] = read(record.topic, BudgetAlert, record.value)
    order = sorted(alerts.values(), key=lambda each: (each.budget, each.kind, each.threshold))
    return Standing(dict(sorted(budgets.items())), sorted(order, key=lambda each: each.since, reverse=True))


async def set_budget(settings: Settings, budget: Budget) -> None:
    """Publish a budget; `UserError` where the account has too many."""
    known = (await budgets_of(settings, budget.account)).budgets
    if budget.budget not in known and len(known) >= BUDGETS_LIMIT:
        raise UserError(
            f"an account has at most {BUDGETS_LIMIT} budgets, {budget.account} has {len(known)}; "
            "`meter budget clear` takes one away"
        )
    await _send(settings, budget.account, budget.record_key(), budget.json_bytes())


async def clear_budget(settings: Settings, account: str, name: str) -> None:
    """Take a budget away; `UserError` where there is none."""
    known = (await budgets_of(settings, account)).budgets
    if name not in known:
        there = ", ".join(known) or "none"
        raise UserError(f"{account} has no budget {name!r}: it has {there}; `meter budget list {account}` shows them")
    await _send(settings, account, f"{account}/{name}", None)


async def _partitions(settings: Settings, topics: BudgetTopics) -> int:
    """How many partitions the topics have; `UserError` where there are none yet."""
    async with connected_admin(settings) as admin:
        there = await partition_counts(admin)
    if not {topics.budgets, topics.alerts} <= there.keys():
        raise UserError(
            f"there is no topic {topics.budgets} at {settings.broker}; `meter budget watch` creates it and watches "
            "budgets (METER_TOPIC_PREFIX names the prefix)"
        )
    return there[topics.budgets]


async def _send(settings: Settings, account: str, key: str, value: bytes | None) -> None:
    topics = BudgetTopics.of(settings.topic_prefix)
    partition = partition_of(account, await _partitions(settings, topics))
    async with _producer(settings) as producer:
        try:
            await producer.send_and_wait(topics.budgets, value, key.encode(), partition=partition)
        except KafkaError as error:
            raise UserError(f"{topics.budgets} did not take it: {type(error).__name__}: {error}") from error


@asynccontextmanager
async def _producer(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, request_timeout_ms=SEND_SECONDS * 1000, **settings.kafka_client_kwargs()
    )
    try:
        try:
            await producer.start()
        except (KafkaError, OSError) as error:
            raise await unreachable(settings, error) from error
        yield producer
    finally:
        await producer.stop()
