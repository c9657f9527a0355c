"""Sends dead letters again: reads them, completes cut ones from their source, sends, notes how far it went."""

import time
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from meter.commands import control_log as control
from meter.commands.redrive import Distinct, Left, Plan, Planning, RecordPosition, Sendable, completed, in_order
from meter.commands.redriven import notes_of, runs_of
from meter.commands.send import REQUEST_BYTES
from meter.errors import UserError
from meter.kafka.admin import connected_admin, partition_counts
from meter.kafka.output_reader import open_outputs
from meter.kafka.source_records import SourceRecords, source_records
from meter.kafka.topics import Topics
from meter.rules.billing_days import time_text
from meter.settings import Settings
from schemas.control import Redriven
from schemas.dead_letters import DeadLetter
from schemas.reasons import DeadReason

#: Unacknowledged records at a time.
ON_THEIR_WAY = 1_000


class Redrive(NamedTuple):
    """A plan, with what decides which records of shared letters are sent."""

    plan: Plan
    planning: Planning
    again: bool


async def plan_of(settings: Settings, reasons: Sequence[DeadReason], again: bool) -> Redrive:
    """The plan of a run: cut records completed, records of shared letters checked."""
    topics = Topics.of(settings.topic_prefix)
    async with connected_admin(settings) as admin:
        names = frozenset(topics.bare(name) for name in await partition_counts(admin) if name.startswith(topics.prefix))
    runs = [order for order in await control.operator_commands(settings) if isinstance(order, Redriven)]
    planning = Planning(runs, reasons, names, again)
    async for place, letter in _letters(settings, topics):
        planning.look(place, letter)
    async for place, letter in _letters(settings, topics):
        planning.take(place, letter)
    plan = planning.plan
    cut = [made for made in plan.send if not made.whole]
    if cut or plan.summaries:
        async with source_records(settings) as records:
            plan.send = [made for made in plan.send if made.whole] + await _completed(records, cut, plan)
            await _look_at_summaries(records, Redrive(plan, planning, again))
    plan.send.sort(key=lambda made: in_order(made.letter))
    return Redrive(plan, planning, again)


async def _letters(settings: Settings, topics: Topics) -> AsyncIterator[tuple[RecordPosition, DeadLetter]]:
    async with open_outputs(settings, topics.dead_letters) as reader:
        async for record in reader.to_the_end():
            try:
                letter = DeadLetter.model_validate_json(record.value)
            except ValidationError as error:
                where = f"{record.topic}/{record.partition} at {record.offset}"
                raise UserError(f"{where} is no dead letter: {error.error_count()} fields are wrong") from error
            yield RecordPosition(record.partition, record.offset), letter


async def _completed(records: SourceRecords, cut: list[Sendable], plan: Plan) -> list[Sendable]:
    whole = []
    for made in cut:
        letter = made.letter
        source = await records.at(letter.topic, letter.partition, letter.offset)
        found = (None, None, ()) if source is None else (source.key, source.value, tuple(source.headers))
        answer = completed(made, *found)
        if isinstance(answer, str):
            plan.leave(letter, Left.OTHER, answer)
        else:
            whole.append(answer)
    return whole


async def _look_at_summaries(records: SourceRecords, run: Redrive) -> None:
    """Read the records of each shared letter; count those that can be sent, note why others cannot."""
    plan, distinct = run.plan, run.planning.distinct.copy()
    wanted, plan.summaries = plan.summaries, []
    for letter, _ in sorted(wanted, key=lambda each: in_order(each[0])):
        found = await records.of_summary(letter)
        if isinstance(found, str):
            plan.leave(letter, Left.OTHER, found)
            continue
        fresh, same = _chosen(run, found, distinct)
        died = len(found) - len(fresh) - same
        if fresh:
            plan.summaries.append((letter, len(fresh)))
        for why, count in ((Left.SAME, same), (Left.DIED_AGAIN, died)):
            if count:
                plan.leave(letter, why, records=count)


def _chosen(run: Redrive, found: Sequence[Sendable], distinct: Distinct) -> tuple[list[Sendable], int]:
    """The records of a shared letter to send, and how many others have equal content."""
    letter, sent = found[0].letter, run.planning.sent
    alive = [made for made in found if run.again or not sent.went_to(letter.topic, letter.partition, made.offset)]
    fresh = [made for made in alive if distinct.is_new(made.content())]
    return fresh, len(alive) - len(fresh)


async def send(settings: Settings, run: Redrive, reasons: Sequence[DeadReason], advance: Callable[[int], None]) -> int:
    """1 send the plan's records and await every acknowledgement, 2 note it; returns how many were sent."""
    plan = run.plan
    sender = _Sender(settings, plan.records, advance)
    try:
        await sender.producer.start()
        async for made in records_in_order(settings, run):  # 1
            await sender.send(made)
        await sender.finish()
    except (KafkaError, OSError) as error:
        raise UserError(
            f"Kafka took {sender.sent} of {plan.records} records, then: {error!r}; redrive once more, "
            "what arrived already counts once"
        ) from error
    finally:
        await sender.producer.stop()
    through = {str(partition): offset for partition, offset in plan.through.items()}
    at = time_text(time.time_ns() // 1000)
    for note in notes_of(runs_of(sender.places), through, list(reasons), at):  # 2
        await control.append(settings, note)
    return sender.sent


async def records_in_order(settings: Settings, run: Redrive) -> AsyncIterator[Sendable]:
    """The records of a plan in order; those of a shared letter at the place of its first one."""
    plan, distinct = run.plan, run.planning.distinct.copy()
    singles = deque(plan.send)
    if plan.summaries:
        async with source_records(settings) as records:
            for letter, count in plan.summaries:
                while singles and in_order(singles[0].letter) < in_order(letter):
                    yield singles.popleft()
                found = await records.of_summary(letter)
                fresh = [] if isinstance(found, str) else _chosen(run, found, distinct)[0]
                if len(fresh) != count:
                    raise UserError(f"the records of {letter.record_key()} were deleted meanwhile; redrive once more")
                for made in fresh:
                    yield made
    for made in singles:
        yield made


class _Sender:
    """Sends records, ON_THEIR_WAY unacknowledged at most, and keeps where they went."""

    def __init__(self, settings: Settings, count: int, advance: Callable[[int], None]) -> None:
        self.producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_request_size=REQUEST_BYTES,
            linger_ms=5,
            **settings.kafka_client_kwargs(),
        )
        self.sent, self.count = 0, count
        self.places: list[tuple[str, int]] = []
        self._topics = Topics.of(settings.topic_prefix)
        self._advance = advance
        self._waiting: deque[Awaitable[Any]] = deque()

    async def send(self, made: Sendable) -> None:
        topic, headers = self._topics.prefix + made.topic, list(made.headers)
        self._waiting.append(await self.producer.send(topic, made.value, key=made.key, headers=headers))
        if len(self._waiting) >= ON_THEIR_WAY:
            await self._first_acknowledged()

    async def finish(self) -> None:
        while self._waiting:
            await self._first_acknowledged()

    async def _first_acknowledged(self) -> None:
        found = await self._waiting.popleft()
        self.places.append((f"{self._topics.bare(found.topic)}/{found.partition}", found.offset))
        self.sent += 1
        self._advance(1)
