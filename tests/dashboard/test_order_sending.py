"""Orders of forms are sent once: under one id however often, a failed one again, and no more than so many."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiokafka.errors import KafkaTimeoutError

from meter.commands.place_order import RecordPosition
from meter.dashboard.orders import sending
from meter.dashboard.orders.sending import FAILED, SENDING, SENT, Sending, SentOrder, TooMany
from meter.settings import Settings
from schemas.orders import Order, order_from_json

PLACE = RecordPosition("plan-purchases", 0, 7)


def top_up(order_id: str, amount: str = "5.00") -> Order:
    order = {"order_id": order_id, "account": "acme", "kind": "top_up", "method": "cash", "amount": amount}
    return order_from_json(json.dumps(order).encode())


class Kafka:
    """Takes orders when it is told to; `fails`: the next ones are not taken."""

    def __init__(self) -> None:
        self.asked: list[Order] = []
        self.fails = 0
        self.free = asyncio.Event()

    async def take(self, order: Order) -> RecordPosition:
        self.asked.append(order)
        await self.free.wait()
        if self.fails:
            self.fails -= 1
            raise KafkaTimeoutError("no answer")
        return PLACE


def with_kafka(test: Callable[[Kafka, Sending, list[str]], Awaitable[None]]) -> None:
    """Run a test with a sending of its own."""

    async def run() -> None:
        kafka = Kafka()
        told: list[str] = []
        shown: dict[tuple[str, str], SentOrder] = {}
        made = Sending(Settings(), shown, told.append, kafka.take)
        try:
            await test(kafka, made, told)
        finally:
            await made.close()

    asyncio.run(run())


def test_a_double_click_is_one_order() -> None:
    async def twice(kafka: Kafka, made: Sending, told: list[str]) -> None:
        first, second = made.begin(top_up("t-1"), "seen"), made.begin(top_up("t-1"), "seen")
        assert first is second
        assert first.state == SENDING
        kafka.free.set()
        await made.acknowledged(second)
        assert (first.state, first.place) == (SENT, PLACE)
        assert made.begin(top_up("t-1"), "seen") is first
        assert len(kafka.asked) == 1
        assert told == ["acme"]

    with_kafka(twice)


def test_an_order_that_kafka_did_not_take_is_sent_again_under_its_id() -> None:
    async def again(kafka: Kafka, made: Sending, told: list[str]) -> None:
        kafka.free.set()
        kafka.fails = 1
        first = made.begin(top_up("t-1"), "seen")
        await made.acknowledged(first)
        assert first.state == FAILED
        assert "no answer" in (first.error or "")
        second = made.begin(top_up("t-1"), "seen")
        await made.acknowledged(second)
        assert (second.state, [order.order_id for order in kafka.asked]) == (SENT, ["t-1", "t-1"])
        assert made.known("acme", "t-1") is second

    with_kafka(again)


def test_an_answer_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(kafka: Kafka, made: Sending, told: list[str]) -> None:
        order = made.begin(top_up("t-1"), "seen")
        await made.acknowledged(order)
        assert order.state == SENDING
        monkeypatch.setattr(sending, "ACK_SECONDS", 60.0)
        kafka.free.set()
        await made.acknowledged(order)
        assert order.state == SENT

    monkeypatch.setattr(sending, "ACK_SECONDS", 0.05)
    with_kafka(slow)


def test_only_so_many_are_on_their_way_at_once() -> None:
    async def many(kafka: Kafka, made: Sending, told: list[str]) -> None:
        orders = [made.begin(top_up(f"t-{number}"), "seen") for number in range(sending.AT_ONCE)]
        with pytest.raises(TooMany, match="4 may be at once"):
            made.begin(top_up("t-x"), "seen")
        assert made.known("acme", "t-x") is None
        assert made.begin(top_up("t-0"), "seen") is orders[0]
        kafka.free.set()
        for order in orders:
            await made.acknowledged(order)
        assert made.begin(top_up("t-x"), "seen").state == SENDING

    with_kafka(many)


def test_only_so_many_are_sent_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]

    async def fast(kafka: Kafka, made: Sending, told: list[str]) -> None:
        kafka.free.set()
        for number in range(sending.A_MINUTE):
            await made.acknowledged(made.begin(top_up(f"t-{number}"), "seen"))
        with pytest.raises(TooMany, match="60 is the most"):
            made.begin(top_up("t-x"), "seen")
        now[0] += sending.MINUTE_SECONDS
        made.begin(top_up("t-x"), "seen")

    monkeypatch.setattr("meter.dashboard.orders.sending.time.monotonic", lambda: now[0])
    with_kafka(fast)


def test_memory_is_bounded_and_keeps_what_is_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    async def long(kafka: Kafka, made: Sending, told: list[str]) -> None:
        kafka.free.set()
        for number in range(10):
            await made.acknowledged(made.begin(top_up(f"t-{number}"), "seen"))
        kept = [number for number in range(10) if made.known("acme", f"t-{number}") is not None]
        assert kept == [7, 8, 9]

    monkeypatch.setattr(sending, "KEPT", 3)
    with_kafka(long)


def test_the_end_of_the_process_ends_what_is_on_its_way() -> None:
    async def end(kafka: Kafka, made: Sending, told: list[Any]) -> None:
        order = made.begin(top_up("t-1"), "seen")
        await asyncio.sleep(0)
        await made.close()
        assert order.state == SENDING
        assert told == []

    with_kafka(end)
