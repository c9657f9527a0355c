"""Sending dead letters again: read them, complete those that are cut from their source, send, note how far it went."""

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiokafka
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from meter import control
from meter.admin import connected_admin, partition_counts
from meter.batch.records import slim
from meter.outputs import open_outputs
from meter.redriving import Left, Place, Plan, Sendable, completed, in_order, planned
from meter.rules.days import time_text
from meter.sending import REQUEST_BYTES
from meter.settings import Settings
from meter.topics import Topics
from meter.trouble import Trouble
from schemas.control import Redriven
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason

#: Letters of one run: they are held in memory. What is beyond is left to the next run.
LETTERS_LIMIT = 100_000
#: Records on their way at once.
ON_THEIR_WAY = 1_000
#: How long one record may take to be read from its source, in ms.
SOURCE_MS = 5_000


async def plan_of(settings: Settings, reasons: Sequence[DeadReason], again: bool) -> Plan:
    """What there is to send again, cut records completed."""
    topics = Topics.of(settings.topic_prefix)
    async with connected_admin(settings) as admin:
        names = frozenset(topics.bare(name) for name in await partition_counts(admin) if name.startswith(topics.prefix))
    runs = [order for order in await control.orders(settings) if isinstance(order, Redriven)]
    plan = planned(await _letters(settings, topics), runs, reasons, names, again)
    cut = [made for made in plan.send if not made.whole]
    if cut:
        plan.send = [made for made in plan.send if made.whole]
        plan.send += await _completed(settings, topics, cut, plan)
    plan.send.sort(key=in_order)
    return plan


async def _letters(settings: Settings, topics: Topics) -> list[tuple[Place, DeadLetter]]:
    found: list[tuple[Place, DeadLetter]] = []
    async with open_outputs(settings, topics.dead_letters) as reader:
        async for record in reader.to_the_end():
            try:
                letter = DeadLetter.model_validate_json(record.value)
            except ValidationError as error:
                where = f"{record.topic}/{record.partition} at {record.offset}"
                raise Trouble(f"{where} is no dead letter: {error.error_count()} fields are wrong") from error
            found.append((Place(record.partition, record.offset), letter))
            if len(found) >= LETTERS_LIMIT:
                break
    return found


async def _completed(settings: Settings, topics: Topics, cut: list[Sendable], plan: Plan) -> list[Sendable]:
    whole = []
    slim()  # for the lenient reader behind it: what the intake could read can be read again
    consumer = aiokafka.AIOKafkaConsumer(
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed",
        **settings.kafka_client_kwargs(),
    )
    await consumer.start()
    try:
        for made in cut:
            source = await _record_at(consumer, topics, made.letter)
            found = (None, None, ()) if source is None else (source.key, source.value, tuple(source.headers))
            answer = completed(made, *found)
            if isinstance(answer, str):
                plan.left.append((made.letter, Left.OTHER, answer))
            else:
                whole.append(answer)
    finally:
        await consumer.stop()
    return whole


async def _record_at(consumer: Any, topics: Topics, letter: DeadLetter) -> Any | None:
    place = TopicPartition(topics.prefix + letter.topic, letter.partition)
    consumer.assign([place])
    try:
        beginning = (await consumer.beginning_offsets([place]))[place]
        end = (await consumer.end_offsets([place]))[place]
        if not beginning <= letter.offset < end:
            return None
        consumer.seek(place, letter.offset)
        fetched = await consumer.getmany(place, timeout_ms=SOURCE_MS, max_records=1)
    except KafkaError:
        return None
    return next((record for record in fetched.get(place, ()) if record.offset == letter.offset), None)


async def send(settings: Settings, plan: Plan, reasons: Sequence[DeadReason], told: Callable[[int], None]) -> int:
    """1 send all of a plan and wait for every acknowledgement, 2 note that it was; answers how many there were."""
    topics = Topics.of(settings.topic_prefix)
    producer = AIOKafkaProducer(
        acks="all",
        enable_idempotence=True,
        max_request_size=REQUEST_BYTES,
        linger_ms=5,
        **settings.kafka_client_kwargs(),
    )
    waiting: deque[Awaitable[Any]] = deque()
    sent = 0
    try:
        await producer.start()
        for made in plan.send:  # 1
            key, headers = made.key, list(made.headers)
            waiting.append(await producer.send(topics.prefix + made.topic, made.value, key=key, headers=headers))
            if len(waiting) >= ON_THEIR_WAY:
                await waiting.popleft()
                sent += 1
                told(1)
        while waiting:
            await waiting.popleft()
            sent += 1
            told(1)
    except (KafkaError, OSError) as error:
        raise Trouble(
            f"Kafka took {sent} of {len(plan.send)} records, then: {error!r}; redrive once more, "
            "what arrived already counts once"
        ) from error
    finally:
        await producer.stop()
    through = {str(partition): offset for partition, offset in plan.through.items()}
    at = time_text(time.time_ns() // 1000)
    await control.order(settings, Redriven(kind="redriven", reasons=list(reasons), through=through, at=at))  # 2
    return sent
