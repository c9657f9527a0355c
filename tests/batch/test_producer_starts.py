"""A transactional producer that does not start, or is stopped while it does, leaves nothing and writes nothing."""

import asyncio
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient

from meter.batch import transactions
from meter.batch.lanes import Reopen
from meter.batch.transactions import FencedProducer
from tests.batch.scripted_broker import (
    NONE,
    ScriptedBroker,
)


def test_a_producer_that_does_not_start_is_a_retake(broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transactions, "STEP_SECONDS", 0.1)

    async def story() -> None:
        broker.script["InitProducerId"] = [asyncio.get_running_loop().create_future()]
        with pytest.raises(Reopen, match="did not start"):
            await FencedProducer("meter-0", {"bootstrap_servers": "nowhere:9"}).start()

    asyncio.run(story())


async def starting(producer: FencedProducer, broker: ScriptedBroker) -> "asyncio.Task[None]":
    """A start that waits for the broker's answer."""
    task = asyncio.create_task(producer.start())
    while not broker.times("InitProducerId"):
        await asyncio.sleep(0)
    return task


def test_a_producer_whose_start_is_given_up_is_stopped_with_it(
    broker: ScriptedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Any] = []

    async def close(client: AIOKafkaClient) -> None:
        closed.append(client)

    monkeypatch.setattr(AIOKafkaClient, "close", close)

    async def story() -> None:
        broker.script["InitProducerId"] = [asyncio.get_running_loop().create_future()]
        producer = FencedProducer("meter-0", {"bootstrap_servers": "nowhere:9"})
        begun = await starting(producer, broker)
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        await producer.stop()
        assert len(closed) == 1

    asyncio.run(story())


def test_a_producer_that_is_stopped_while_it_starts_writes_nothing(broker: ScriptedBroker) -> None:
    async def story() -> None:
        answer = asyncio.get_running_loop().create_future()
        broker.script["InitProducerId"] = [answer]
        producer = FencedProducer("meter-0", {"bootstrap_servers": "nowhere:9"})
        begun = await starting(producer, broker)
        await producer.stop()
        answer.set_result(NONE)
        with pytest.raises(Reopen, match="was stopped while it started"):
            await begun
        with pytest.raises(Reopen, match="the transactional producer meter-0 is stopped"):
            await producer.commit([("overages", 0, [(b"k", b"v")])])

    asyncio.run(story())
