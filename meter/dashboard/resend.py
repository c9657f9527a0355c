"""Resends dead letters of one reason and source: one as a trial, then the group; reports every record's outcome.

One attempt at a time, at a limited rate. A record that was already counted is a duplicate, so an attempt may safely
be repeated after any failure. `meter redrive` does the same from the command line.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from meter.batch.stopping import ended
from meter.commands import control_log as control
from meter.commands.redrive import Sendable
from meter.commands.redrive_plan import Redrive, plan_of, records_in_order
from meter.commands.redriven import notes_of, runs_of
from meter.commands.send import REQUEST_BYTES
from meter.dashboard.calendar import Calendar
from meter.dashboard.models import Record
from meter.errors import UserError
from meter.explain.record_fate import fate_of
from meter.kafka.topics import Topics
from meter.rules.billing_days import time_text
from meter.settings import Settings
from schemas.reasons import DeadReason

log = logging.getLogger(__name__)

#: Records a second, and most records of one attempt; the next attempt sends the rest.
RATE, RECORDS_LIMIT = 500, 10_000
#: Attempts shown, and records listed per attempt.
ATTEMPTS, NAMED = 10, 200
#: Records per attempt whose outcome is looked up in the journal, and the time limit of that.
FATES, FATE_SECONDS = 20, 30.0
NOT_YET = ("not_handled_yet", "not_there_yet")


class Sent(NamedTuple):
    """A resent record: its letter, and its new topic position."""

    made: Sendable
    partition: int
    offset: int


@dataclass
class Attempt:
    """One attempt, as the page shows it."""

    reason: str
    source: str
    kind: str  # try, group
    at: str
    state: str = "planning"  # planning, sending, looking, done, failed
    planned: int = 0
    sent: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    error: str | None = None
    outcomes: list[Record] = field(default_factory=list)


class Resending:
    """The attempts of one dashboard process; pages read them from `shown`."""

    def __init__(self, settings: Settings, calendar: Calendar, shown: list[Any], changed: Callable[[], None]) -> None:
        self._settings, self._calendar, self._shown, self._changed = settings, calendar, shown, changed
        self._topics = Topics.of(settings.topic_prefix)
        self._task: asyncio.Task[None] | None = None

    def begin(self, reason: str, source: str, only_one: bool) -> Attempt:
        """Begin an attempt; raises UserError while another one runs, and for an unknown reason."""
        if self._task is not None and not self._task.done():
            raise UserError("another attempt is under way; wait until it has ended, then try again")
        if reason not in set(DeadReason):
            raise UserError(f"there is no reason {reason[:40]!r}; the page lists the reasons that there are")
        kind = "try" if only_one else "group"
        attempt = Attempt(reason, source, kind, self._calendar.time(time.time_ns() // 1000))
        self._shown[:] = [attempt, *self._shown][:ATTEMPTS]
        self._task = asyncio.create_task(self._run(attempt, only_one))
        log.info("dashboard: sending dead letters again: %s of %s, %s", kind, reason, source.encode("ascii", "replace"))
        return attempt

    async def close(self) -> None:
        """Cancel the running attempt; records already sent stay sent."""
        if self._task is not None:
            await ended(self._task)

    async def _run(self, attempt: Attempt, only_one: bool) -> None:
        """1 plan, 2 send, 3 note the records' new positions, 4 look up their outcomes."""
        try:
            run = await self._plan(attempt, only_one)  # 1
            sent = [each async for each in self._sent(attempt, run)]  # 2
            await self._note(attempt, sent)  # 3
            await self._look(attempt, sent)  # 4
            self._to(attempt, "done")
        except (UserError, KafkaError, OSError, TimeoutError) as error:
            attempt.error = str(error) or repr(error)
            self._to(attempt, "failed")
            log.warning("dashboard: sending dead letters again failed after %d records: %r", attempt.sent, error)

    async def _plan(self, attempt: Attempt, only_one: bool) -> Redrive:
        run = await plan_of(self._settings, [DeadReason(attempt.reason)], again=False)
        plan = run.plan
        plan.send = [made for made in plan.send if made.letter.topic == attempt.source]
        plan.summaries = [each for each in plan.summaries if each[0].topic == attempt.source]
        if only_one and plan.send:
            plan.send, plan.summaries = plan.send[:1], []
        attempt.planned = min(1 if only_one else RECORDS_LIMIT, plan.records)
        for (_, topic, why), count in plan.left_out.items():
            if topic == attempt.source:
                attempt.left_out[why.value] = attempt.left_out.get(why.value, 0) + count
        self._to(attempt, "sending")
        return run

    async def _sent(self, attempt: Attempt, run: Redrive) -> AsyncIterator[Sent]:
        """Send the planned records, no faster than RATE, each acknowledged."""
        producer = AIOKafkaProducer(
            acks="all",
            enable_idempotence=True,
            max_request_size=REQUEST_BYTES,
            **self._settings.kafka_client_kwargs(),
        )
        await producer.start()
        try:
            async for made in records_in_order(self._settings, run):
                if attempt.sent >= attempt.planned:
                    return
                topic = self._topics.prefix + made.topic
                written = await producer.send_and_wait(topic, made.value, key=made.key, headers=list(made.headers))
                attempt.sent += 1
                yield Sent(made, written.partition, written.offset)
                await asyncio.sleep(1 / RATE)
        finally:
            await producer.stop()

    async def _note(self, attempt: Attempt, sent: list[Sent]) -> None:
        """Note the new positions, so that a record that dies again is recognized and its letter can still be resent."""
        places = [(f"{each.made.topic}/{each.partition}", each.offset) for each in sent]
        at = time_text(time.time_ns() // 1000)
        for note in notes_of(runs_of(places), {}, [DeadReason(attempt.reason)], at):
            await control.append(self._settings, note)

    async def _look(self, attempt: Attempt, sent: list[Sent]) -> None:
        """Look up the first records' outcomes in the journal; later dead letters show the others'."""
        attempt.outcomes = [_outcome(each) for each in sent[:NAMED]]
        self._to(attempt, "looking")
        until = time.monotonic() + FATE_SECONDS
        for outcome in attempt.outcomes[:FATES]:
            while time.monotonic() < until:
                place = (outcome["sent_partition"], outcome["sent_offset"])
                fate = await fate_of(self._settings, outcome["topic"], *place)
                if fate.fate not in NOT_YET:
                    outcome.update(outcome=fate.fate, reason=fate.reason, error=fate.error, sentence=fate.sentence)
                    break
                await asyncio.sleep(0.5)
            self._changed()

    def _to(self, attempt: Attempt, state: str) -> None:
        attempt.state = state
        self._changed()


def _outcome(sent: Sent) -> Record:
    letter = sent.made.letter
    return {
        "topic": sent.made.topic,
        "partition": letter.partition,
        "offset": letter.offset if sent.made.offset < 0 else sent.made.offset,
        "sent_partition": sent.partition,
        "sent_offset": sent.offset,
        "outcome": "pending",
        "reason": None,
        "error": None,
        "sentence": "",
    }
