"""Places one order: sends it, waits for the acknowledgement, then for the meter's decision.

An order is decided once under its id, however often it is sent. So an id that the caller chose is looked up first: the
same order gets the outcome that it had, and another order under the id is refused before anything is sent.
"""

import asyncio
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from meter.commands.account_state import read
from meter.commands.send import REQUEST_BYTES
from meter.errors import Interrupted, UserError
from meter.kafka.output_reader import OutputReader, open_outputs
from meter.kafka.reachability import unreachable
from meter.kafka.topics import Topics
from meter.settings import Settings
from schemas.dead_letters import DeadLetter
from schemas.orders import Order, canonical, order_from_json
from schemas.outcomes import OrderOutcome
from schemas.record import Unreadable

#: How long one poll waits for records before the deadline is checked again.
POLL_SECONDS = 0.25


class RecordPosition(NamedTuple):
    """The coordinates of an acknowledged order."""

    topic: str
    partition: int
    offset: int


async def placed(settings: Settings, order: Order, seconds: float, chosen: bool) -> OrderOutcome:
    """The outcome of an order; `chosen`: its id may have been used before. `UserError` if none comes in `seconds`.

    1. If the id was decided, send nothing. 2. Read outputs from their present end. 3. Send, and wait for the
    acknowledgement. 4. Wait for the outcome, or for the dead letter if another order took the id meanwhile.
    """
    topics = Topics.of(settings.topic_prefix)
    async with open_outputs(settings, topics.order_outcomes, topics.dead_letters, account=order.account) as reader:
        await reader.skip(topics.dead_letters)  # 2
        if chosen:
            before = await _decided(reader, topics, order)
            if before is not None:  # 1
                await _require_same(settings, order)
                return before
        else:
            await reader.skip(topics.order_outcomes)  # 2
        try:
            place = await sent(settings, order)  # 3
        except asyncio.CancelledError:
            raise Interrupted(f"interrupted: order {order.order_id} may have been sent; {_again(order)}") from None
        try:
            async with asyncio.timeout(seconds):
                return await _outcome(reader, topics, order, place)  # 4
        except TimeoutError:
            raise UserError(_no_outcome(settings, order, place, seconds)) from None
        except asyncio.CancelledError:
            raise Interrupted(
                f"interrupted: order {order.order_id} was sent ({place.topic}, offset {place.offset}) and counts; "
                f"{_again(order)}"
            ) from None


async def ordered(settings: Settings, account: str, order_id: str) -> Order | None:
    """The order that has an id: the first readable one with it on `plan-purchases`."""
    found = None
    async with open_outputs(settings, Topics.of(settings.topic_prefix).plan_purchases) as reader:
        async for record in reader.to_the_end():
            try:
                order = order_from_json(record.value)
            except (Unreadable, ValueError):
                continue
            if found is None and (order.account, order.order_id) == (account, order_id):
                found = order
    return found


def same(first: Order, second: Order) -> bool:
    """Whether two orders are the same by SPEC; an absent currency is the catalog's."""
    currency = first.currency or second.currency or ""
    return canonical(first, currency) == canonical(second, currency)


async def _decided(reader: OutputReader, topics: Topics, order: Order) -> OrderOutcome | None:
    found = None
    async for record in reader.to_the_end(settled=True):
        if record.topic == topics.order_outcomes and record.key == _key(order):
            found = read(record.topic, OrderOutcome, record.value)
    return found


async def _require_same(settings: Settings, order: Order) -> None:
    """`UserError` if another order was decided under the id."""
    first = await ordered(settings, order.account, order.order_id)
    if first is not None and not same(first, order):
        raise UserError(
            f"an order id is used once in an account: {order.order_id} of {order.account} was decided with other "
            "content, and nothing is sent; take another --order-id"
        )


async def sent(settings: Settings, order: Order) -> RecordPosition:
    """Send the order under its account's key; returns its coordinates once Kafka has acknowledged it."""
    topics = Topics.of(settings.topic_prefix)
    producer = AIOKafkaProducer(
        acks="all", enable_idempotence=True, max_request_size=REQUEST_BYTES, **settings.kafka_client_kwargs()
    )
    value = order.model_dump_json(exclude_none=True, exclude_defaults=True).encode()
    try:
        await producer.start()
    except (KafkaError, OSError) as error:
        await producer.stop()
        raise await unreachable(settings, error) from error
    try:
        written = await producer.send_and_wait(topics.plan_purchases, value, key=order.account.encode())
    except KafkaError as error:
        raise UserError(
            f"Kafka did not take order {order.order_id}: {type(error).__name__}: {error}; "
            f"send it again with --order-id {order.order_id}: if it arrived after all, it still counts once"
        ) from error
    finally:
        await producer.stop()
    return RecordPosition(topics.bare(written.topic), written.partition, written.offset)


async def _outcome(reader: OutputReader, topics: Topics, order: Order, place: RecordPosition) -> OrderOutcome:
    letter_key = "/".join(map(str, place)).encode()
    while True:
        for record in await reader.within(POLL_SECONDS):
            if record.topic == topics.order_outcomes and record.key == _key(order):
                return read(record.topic, OrderOutcome, record.value)
            if record.topic == topics.dead_letters and record.key == letter_key:
                letter = read(record.topic, DeadLetter, record.value)
                raise UserError(f"the order is a dead letter, {letter.reason}: {letter.error}")


def _no_outcome(settings: Settings, order: Order, place: RecordPosition, seconds: float) -> str:
    return (
        f"no outcome of order {order.order_id} came within {seconds:g} s. It is acknowledged ({place.topic}, offset "
        f"{place.offset}) and counts when a worker has read it: is one running (`meter worker`, "
        f"METER_TOPIC_PREFIX={settings.topic_prefix!r})? {_again(order)}"
    )


def _again(order: Order) -> str:
    return f"the same command with --order-id {order.order_id} waits for its outcome; the order counts once"


def _key(order: Order) -> bytes:
    return f"{order.account}/{order.order_id}".encode()
