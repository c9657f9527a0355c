"""How far behind: records that wait, and an age that is one now; idle, stuck and unknown are three things."""

from math import isnan, nan
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.metrics.behind import LATELY_SECONDS, STALE_SECONDS, Behind
from meter.batch.lanes import Lane

START = 1_000_000.0


class Consumer:
    """Says of its one partition what a test set."""

    def __init__(self) -> None:
        self.position = self.end = 0
        self.stable: int | None = None
        self.heard: float | None = START
        self.read, self.handed_out, self.crammed = True, False, False

    def reach(self, tp: TP) -> tuple[int, int, int] | None:
        return (self.position, self.end if self.stable is None else self.stable, self.end) if self.read else None

    def heard_ms(self, tp: TP) -> int | None:
        return None if self.heard is None else int(self.heard * 1000)

    def idle(self, tp: TP) -> bool:
        return not self.handed_out

    def full(self, tp: TP) -> bool:
        return self.crammed


class World:
    """One lane, its consumer and a clock."""

    def __init__(self) -> None:
        self.now = START
        self.consumer = Consumer()
        self.lane: Any = Lane(SimpleNamespace(consumer=self.consumer), TP("usage", 0))
        self.lane.opened = True
        self.behind = Behind(lambda: self.now)

    def look(self, seconds: float = 0.0, *, heard: bool = True, member: bool = True) -> tuple[float, float]:
        """Some time later: records that wait, and the age."""
        self.now += seconds
        if heard:
            self.consumer.heard = self.now
        self.behind.look([self.lane], member=member, joined=True)
        return self.behind.records, self.behind.seconds


@pytest.fixture
def world() -> World:
    return World()


def test_while_nothing_comes_the_age_is_0_for_days(world: World) -> None:
    world.lane.handled_ms = int((START - 86_400) * 1000)
    assert world.look() == (0, 0)
    assert world.look(86_400) == (0, 0)


def test_a_partition_that_is_stuck_gets_older_by_the_second(world: World) -> None:
    world.look()
    world.consumer.end, world.consumer.handed_out = 5, True
    assert world.look(1.0) == (5, 1.0)
    assert world.look(600.0) == (5, 601.0)
    world.lane.position, world.lane.handled_ms = 5, int((START + 500) * 1000)
    assert world.look(1.0) == (0, 0)


def test_a_backlog_after_a_start_is_as_old_as_the_last_record_that_was_handled(world: World) -> None:
    world.lane.handled_ms = int((START - 3_600) * 1000)
    world.consumer.end, world.consumer.position, world.consumer.handed_out = 1_000, 500, True
    assert world.look() == (1_000, 3_600)
    world.lane.position, world.lane.handled_ms = 500, int((START - 60) * 1000)
    assert world.look(1.0) == (500, 61.0)


def test_what_was_read_and_is_not_handled_waits(world: World) -> None:
    world.consumer.end = world.consumer.position = 7
    world.consumer.handed_out = True
    assert world.look()[0] == 7


def test_records_of_an_open_transaction_wait_but_nobody_is_late(world: World) -> None:
    world.consumer.end, world.consumer.stable = 9, 0
    assert world.look(60.0) == (9, 0)


def test_what_is_held_back_waits_since_kafka_had_it(world: World) -> None:
    world.lane.held_records = lambda: (3, int((START - 20) * 1000))
    assert world.look() == (3, 20)


def test_a_broker_that_is_away_leaves_no_number_and_a_rising_age(world: World) -> None:
    world.look()
    assert world.look(LATELY_SECONDS - 1, heard=False) == (0, 0)
    records, age = world.look(STALE_SECONDS, heard=False)
    assert isnan(records)
    assert age == LATELY_SECONDS - 1 + STALE_SECONDS
    assert isnan(world.look(1.0, member=False)[0]), "without a membership nobody knows what is ours"


def test_a_partition_so_busy_that_it_is_not_asked_for_keeps_its_number(world: World) -> None:
    world.consumer.end, world.consumer.handed_out, world.consumer.crammed = 5, True, True
    world.look()
    assert world.look(60.0, heard=False) == (5, 60.0)


def test_before_kafka_was_heard_nothing_is_known_and_then_it_is(world: World) -> None:
    assert isnan(world.behind.seconds)
    assert isnan(world.behind.records)
    world.consumer.heard = None
    world.lane.handled_ms = int((START - 3_600) * 1000)
    records, age = world.look(heard=False)
    assert isnan(records)
    assert isnan(age), "an hour without usage is no hour of lag"
    assert world.look(1.0) == (0, 0)


def test_a_partition_that_kafka_never_says_anything_about_gets_older_too(world: World) -> None:
    world.consumer.heard = None
    assert isnan(world.look(heard=False)[1])
    assert isnan(world.look(STALE_SECONDS, heard=False)[1])
    assert world.look(1.0, heard=False)[1] == STALE_SECONDS + 1
    assert world.look(60.0, heard=False)[1] == STALE_SECONDS + 61


def test_a_partition_that_is_opened_again_gets_older_meanwhile(world: World) -> None:
    world.look()
    world.lane.opened = False
    records, age = world.look(30.0)
    assert isnan(records)
    assert age == 30.0


def test_a_worker_without_partitions_is_not_late_and_one_without_a_group_knows_nothing() -> None:
    behind = Behind()
    behind.look([], member=True, joined=True)
    assert (behind.records, behind.seconds) == (0, 0)
    behind.look([], member=False, joined=False)
    assert [behind.records, behind.seconds] == pytest.approx([nan, nan], nan_ok=True)
