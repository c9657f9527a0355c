"""Ends days: the owner of a journal partition appends the entries that close a day or expire one, when they are due.

The steps are those of docs/architecture.md §3 (closing and expiry): 1 a journal record shows that the day's end and
grace have passed by the broker's clock; 2 only then ask for the ends of the source partitions; 3 wait until the intakes
have committed up to them; 4 append the next slice; 5 wait until it is folded and committed, then go on from the new
state. The fold ignores entries that come too early, twice or too late, so only the order of the steps matters.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple

from aiokafka.errors import KafkaError

from agents.meter.watermarks import Watermarks, Written
from agents.metrics.metrics import Metrics
from meter.batch.denials import denied
from meter.batch.stopping import spared
from meter.failpoints import reach
from meter.rules.billing_days import MINUTE_US, SECOND_US, day_text
from meter.rules.fold.closing import SLICE_ITEMS
from meter.rules.state.journal_facts import JournalFacts
from schemas.journal import DayClosed, DayExpired

log = logging.getLogger(__name__)

#: A clock that differs more from the broker's is logged: days could close that much late.
CLOCK_LIMIT_US = 5 * MINUTE_US
#: How long one turn may append slice after slice, and how often it checks whether one was folded.
TURN_SECONDS = 5.0
SLICE_SECONDS = 0.02
#: How often it asks for the intake's committed offsets.
ASK_SECONDS = 0.5
#: After an error of the broker.
RETRY_SECONDS = 2.0
#: How often it logs what it waits for.
TELL_SECONDS = 60.0
#: While a day seems due, the broker's time is asked at least this often.
ASK_CLOCK_SECONDS = 3_600.0
#: The cursor of an entry that only asks for the broker's time: no account can have this name, so the fold ignores it.
ASKS_TIME = "?"


class OwnedPartition(NamedTuple):
    """A journal partition that this worker owns: its facts, and its last folded record."""

    partition: int
    facts: JournalFacts
    last_offset: int
    last_ms: int


class DayEnd:
    """Ends days for the journal partitions that this worker owns."""

    def __init__(
        self,
        watermarks: Watermarks,
        metrics: Metrics,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._kafka = watermarks
        self._metrics = metrics
        self._now_us = now_us
        self._monotonic = monotonic
        #: The broker's time is at least this.
        self._broker_us = 0
        #: All that reached Kafka by this time is in the journal.
        self._handled_us = 0
        #: Watermarks to be reached: the broker's time before they were asked, and the ends; earliest first.
        self._asked: deque[tuple[int, Mapping[Any, int]]] = deque()
        #: Journal partition -> offset of our last entry in it.
        self._appended: dict[int, int] = {}
        self._not_before = 0.0
        self._ask_after = 0.0
        self._clock_not_before = 0.0
        self._tell_after = 0.0

    async def serve(self, owned: Callable[[], Sequence[OwnedPartition]]) -> None:
        """One turn: take the steps that are due, slice after slice. Raises if a right is missing."""
        if self._monotonic() < self._not_before:
            return
        end = self._monotonic() + TURN_SECONDS
        try:
            while await spared(self.look(owned())) and self._monotonic() < end:
                await asyncio.sleep(SLICE_SECONDS)
        except (KafkaError, TimeoutError, OSError) as error:
            if denied(error):
                raise
            log.warning("the day's end: Kafka did not answer (%r); trying again in %.0f s", error, RETRY_SECONDS)
            self._not_before = self._monotonic() + RETRY_SECONDS
        finally:
            with suppress(KafkaError, TimeoutError, OSError):
                await spared(self._kafka.close())

    async def look(self, owned: Sequence[OwnedPartition]) -> bool:
        """Take each due step once; returns whether an entry was appended or is still to be folded."""
        for each in owned:
            self._heard(each.last_ms)
        now_us = max(self._now_us(), self._broker_us)
        self._metrics.days_unclosed.set(max((_unclosed(each.facts, now_us) for each in owned), default=0))
        wanted = {each.facts.closes_at_us(each.facts.closed_through + 1): each.partition for each in owned}
        due = [instant for instant in wanted if self._handled_us < instant <= now_us]
        if due and self._monotonic() >= self._ask_after:
            self._ask_after = self._monotonic() + ASK_SECONDS
            await self._handle(max(due), wanted[max(due)])
        busy = [await self._append(*each[:3]) for each in owned]
        return any(busy)

    async def _handle(self, instant: int, partition: int) -> None:
        """Steps 1 to 3: find out whether everything that reached Kafka by `instant` is handled."""
        if all(asked_us < instant for asked_us, _ in self._asked):
            if not await self._has_come(instant, partition):  # 1
                return
            self._asked.append((self._broker_us, await self._kafka.ends()))  # 2
            reach("day-end.watermarks-asked")
        while self._asked:  # 3
            asked_us, ends = self._asked[0]
            behind = await self._kafka.not_reached(ends)
            if behind:
                self._tell(f"{len(behind)} source partitions are not handled up to the day's end, as {behind[0]}")
                return
            self._handled_us = max(self._handled_us, asked_us)
            self._asked.popleft()
            reach("day-end.handled")

    async def _has_come(self, instant: int, partition: int) -> bool:
        """Whether a journal record shows that `instant` has come by the broker's clock; if none does, append one."""
        if self._broker_us < instant and self._monotonic() >= self._clock_not_before:
            self._measured(await self._kafka.append(partition, DayClosed(0, ASKS_TIME)))
            reach("day-end.time-asked")
            rest = (instant - self._broker_us) / SECOND_US
            self._clock_not_before = self._monotonic() + min(max(rest, 0.0), ASK_CLOCK_SECONDS)
        return self._broker_us >= instant

    async def _append(self, partition: int, facts: JournalFacts, last_offset: int) -> bool:
        """Steps 4 and 5 of one partition; returns whether an entry of it is appended or to be folded."""
        if self._appended.get(partition, -1) > last_offset:
            return True
        entry = self._next(facts)
        if entry is None:
            return False
        if isinstance(entry, DayClosed) and not entry.cursor:
            log.info("journal %d: closing %s", partition, day_text(entry.day))
        written = await self._kafka.append(partition, entry)
        if isinstance(entry, DayClosed):
            reach("day-end.close-appended")
        else:
            reach("day-end.expiry-appended")
        self._measured(written)
        self._appended[partition] = written.offset
        return True

    def _next(self, facts: JournalFacts) -> DayClosed | DayExpired | None:
        """The entry that the partition's state is due for; None if none is."""
        day = facts.closed_through + 1
        if facts.closes_at_us(day) <= self._handled_us:
            return DayClosed(day, facts.closing, SLICE_ITEMS)
        expiring = max(facts.expirable(), facts.expired_through)
        if facts.sweeping is not None or expiring > facts.expired_through:
            return DayExpired(expiring, facts.sweeping or "")
        return None

    def _measured(self, written: Written) -> None:
        """Compare the clocks by an entry that this worker appended just now."""
        ahead_us = self._now_us() - written.timestamp_ms * 1000
        if abs(ahead_us) > CLOCK_LIMIT_US:
            self._clock_is_wrong(ahead_us)
        self._broker_us = max(self._broker_us, written.timestamp_ms * 1000)

    def _heard(self, timestamp_ms: int) -> None:
        """Compare the clocks by a journal record: this worker's clock may be later than its time, but not earlier."""
        behind_us = timestamp_ms * 1000 - self._now_us()
        if behind_us > CLOCK_LIMIT_US:
            self._clock_is_wrong(-behind_us)
        self._broker_us = max(self._broker_us, timestamp_ms * 1000)

    def _clock_is_wrong(self, ahead_us: int) -> None:
        self._tell(
            f"clocks differ by at most 5 minutes: this worker's is {abs(ahead_us) / SECOND_US:.0f} s "
            f"{'ahead of' if ahead_us > 0 else 'behind'} the broker's, which is the one that counts; set it"
        )

    def _tell(self, what: str) -> None:
        """Log a lasting condition, at most every TELL_SECONDS."""
        if self._monotonic() >= self._tell_after:
            self._tell_after = self._monotonic() + TELL_SECONDS
            log.warning("the day's end: %s", what)


def _unclosed(facts: JournalFacts, now_us: int) -> int:
    """How many days should be closed and are not."""
    first = facts.closed_through + 1
    if facts.closes_at_us(first) > now_us:
        return 0
    last = facts.zone.day_of(now_us)
    while facts.closes_at_us(last) > now_us:
        last -= 1
    return max(0, last - facts.closed_through)
