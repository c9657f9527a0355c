"""Runs in which days end: the real `DayEnd` of each worker, beside everything else that goes on and goes wrong.

Clocks of workers may be a day ahead or behind; entries may be lost, unheard of, or stand there twice; slices are of
one account or of an item or two, so that every entry has a cursor to keep, mostly inside an account.
"""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from aiokafka.errors import KafkaConnectionError, KafkaError
from faust.types import TP

from agents.meter.day_end import DayEnd
from agents.meter.watermarks import Written
from meter.rules.state.journal_facts import JournalFacts
from schemas.journal import DayClosed, DayExpired, encode
from schemas.rows import replaced
from tests.oracle_time import DAY_US
from tests.simulation.kafka import Cluster
from tests.simulation.owner import JOURNAL, Anything, Seat, simulated
from tests.simulation.simulator import WORKERS, Simulator, Stuck
from tests.simulation.steps import at_once
from tests.simulation.world import HORIZON_DAYS

TURNS_MOST = 8_000
DAY_MS = DAY_US // 1000
#: A worker's clock less the broker's.
WRONG_US = (0, 0, DAY_US, -DAY_US)
#: Items of a slice; 0: whole accounts, as entries of earlier versions.
SLICES = (1, 1, 2, 3, 0)
#: How far the worker's monotonic clock goes between two looks at it: no wait of `DayEnd` is longer.
TICK_SECONDS = 10_000.0


class SimulatedWatermarks:
    """In place of `agents.meter.watermarks.Watermarks`."""

    def __init__(self, simulator: "DayEnds") -> None:
        self.simulator = simulator
        self.cluster: Cluster = simulator.cluster

    async def ends(self) -> dict[TP, int]:
        return {tp: len(self.cluster.log(*tp).records) for tp in self.simulator.offsets}

    async def not_reached(self, ends: Mapping[TP, int]) -> list[TP]:
        return [tp for tp, end in ends.items() if self.simulator.offsets[tp] < end]

    async def append(self, partition: int, entry: DayClosed | DayExpired) -> Written:
        """An entry may be lost, stand there unheard of, or stand there twice."""
        simulator, log = self.simulator, self.cluster.log(JOURNAL, partition)
        if isinstance(entry, DayClosed):
            entry = replaced(entry, items=simulator.rng.choice(SLICES))
        fate = simulator.rng.choice(("lost", "unheard", "twice")) if simulator.chance(0.1) else ""
        if fate == "lost":
            raise KafkaConnectionError("the connection broke before: append")
        for _ in range(2 if fate == "twice" else 1):
            simulator.now_ms += 1
            offset = log.append(None, encode(entry), simulator.now_ms)
        simulator.note(f"journal {partition} at {offset}: {entry} {fate}")
        if fate == "unheard":
            raise KafkaConnectionError("the connection broke after: append")
        return Written(offset, simulator.now_ms)

    async def close(self) -> None: ...


@contextmanager
def day_ends_simulated() -> Iterator[None]:
    """The simulated Kafka, and the smallest slices."""
    slices = patch("meter.rules.fold.closing.SLICE_ACCOUNTS", 1)
    with simulated(), slices, patch("meter.rules.fold.expiry.SWEEP_ACCOUNTS", 1):
        yield


class DayEnds(Simulator):
    """A run at whose end some days more have passed, mostly so many that every day of the world has expired."""

    def __post_init__(self) -> None:
        super().__post_init__()
        last_ms = max(self.now_ms, self.world.sent[-1].kafka_ms)
        self.final_ms = last_ms + self.rng.choice((0, 1, HORIZON_DAYS + 3, HORIZON_DAYS + 3)) * DAY_MS
        self.wrong_us = [self.rng.choice(WRONG_US) for _ in range(WORKERS)]
        self.ends = [self._day_end(worker) for worker in range(WORKERS)]

    def _day_end(self, worker: int) -> DayEnd:
        ticks = itertools.count(0)
        watermarks: Any = SimulatedWatermarks(self)
        nobody_reads: Any = Anything()
        return DayEnd(
            watermarks,
            nobody_reads,
            lambda: self.now_ms * 1000 + self.wrong_us[worker],
            lambda: next(ticks) * TICK_SECONDS,
        )

    def chance(self, probability: float) -> bool:
        """Whether something goes wrong, of the number of things that may."""
        if self.left > 0 and self.rng.random() < probability:
            self.left -= 1
            return True
        return False

    def run(self) -> None:
        """Run to the end."""
        for _ in range(TURNS_MOST):
            if self.chance(0.06):
                self._disturb()
            turns = (self._send, self._take_in, self._fold, self._haunt, self._end_days, self._wait)
            able = [turn for turn in turns if turn(False)]
            if not able:
                return
            self.rng.choice(able)(True)
        raise Stuck(f"still at work after {TURNS_MOST} turns")

    def _kill(self, partition: int) -> None:
        super()._kill(partition)
        worker = self.owners[partition]
        self.ends[worker] = self._day_end(worker)

    def _wait(self, really: bool) -> bool:
        """Time goes by: to just before the next record, or half a day when all else is done."""
        if self.unsent:
            if really and self.rng.random() < 0.1:
                self.now_ms = max(self.now_ms, self.unsent[-1].kafka_ms - 1)
            return True
        busy = any(turn(False) for turn in (self._take_in, self._fold, self._haunt, self._end_days))
        if really and not busy:
            self.now_ms += DAY_MS // 2
        return not busy and self.now_ms < self.final_ms

    def _end_days(self, really: bool) -> bool:
        """The owners look whether a day is over; now and then also when none is."""
        due = self.due()
        if really:
            partition = self.rng.choice(due or range(self.partitions))
            place = (self.owners[partition], partition)
            owned = self.seats[place].lane.owned() if place in self.seats else None
            try:
                at_once(self.ends[place[0]].look([] if owned is None else [owned]))
            except KafkaError as error:
                self.note(f"worker {place[0]}: {error}")
        return bool(due) or bool(self.unsent and self.left)

    def due(self) -> list[int]:
        """Partitions whose owner could bring a day's end on, or let one expire."""
        return [partition for partition in range(self.partitions) if self._is_due(partition)]

    def _is_due(self, partition: int) -> bool:
        seat = self.seat_of(partition)
        if seat is None or not seat.idle:
            return False
        facts = facts_of(seat)
        slow_us = min(0, self.wrong_us[self.owners[partition]])  # a clock that is behind closes late, by that much
        closes = facts.closes_at_us(facts.closed_through + 1) <= self.now_ms * 1000 + slow_us
        handled = all(at >= len(self.cluster.log(*tp).records) for tp, at in self.offsets.items())
        return (closes and handled) or facts.sweeping is not None or facts.expirable() > facts.expired_through

    def seat_of(self, partition: int) -> Seat | None:
        """The owner's seat."""
        return self.seats.get((self.owners[partition], partition))


def facts_of(seat: Seat | None) -> JournalFacts:
    """What the state at a seat knows."""
    assert seat is not None and seat.lane.fold is not None and seat.lane.fold.facts is not None
    return seat.lane.fold.facts
