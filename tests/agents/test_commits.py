"""Offsets of workspace topics: those that moved are committed, and nothing is asked of those that rest."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from faust.types import TP

from agents.workspace_topics import commits as commits_module
from agents.workspace_topics.commits import Commits

A, B = TP("usage.a", 0), TP("usage.b", 0)


class Lane:
    """A lane that was handled up to `position`."""

    opened, holding, waits = True, False, False

    def __init__(self, tp: TP) -> None:
        self.tp, self.position, self.committed, self.committed_text = tp, 0, -1, ""
        self.asked = 0

    def idle_at(self, position: int) -> None:
        self.position = max(self.position, position)

    def progress(self) -> tuple[int, str] | None:
        self.asked += 1
        return (self.position, f"at {self.position}") if self.position > self.committed else None

    def aside_commit(self, why: str) -> tuple[int, str]:
        return self.position, f"aside {why}"

    def note_commit(self, offset: int) -> None:
        self.committed = offset


class Runner:
    """Runs a lane: it handles up to offset 9 while somebody waits for it."""

    aside, reading, why = False, True, ""

    def __init__(self, lane: Lane) -> None:
        self.lane, self.looks_until_handled = lane, 0

    @property
    def busy(self) -> bool:
        self.looks_until_handled -= 1
        if self.looks_until_handled == 0:
            self.lane.position = 9
        return self.looks_until_handled > 0


class Consumer:
    """Positions by partition, and the commits that were sent."""

    def __init__(self) -> None:
        self.positions = {A: 0, B: 0}
        self.handed_out: set[TP] = set()
        self.read: set[TP] = set()
        self.sent: list[dict[str, tuple[int, str]]] = []
        self.takes = True
        self.halted: set[TP] = set()

    def moved(self) -> set[TP]:
        read, self.read = self.read, set()
        return read

    def idle(self, tp: TP) -> bool:
        return tp not in self.handed_out

    def position(self, tp: TP) -> int:
        return self.positions[tp]

    def halt(self, tp: TP) -> None:
        self.halted.add(tp)

    async def commit_offsets(self, offsets: dict[TP, tuple[int, str]]) -> bool:
        self.sent.append({tp.topic: at for tp, at in offsets.items()})
        return self.takes


def stage() -> tuple[Any, Any, Any]:
    """Commits, their consumer, and the lanes by partition."""
    consumer: Any = Consumer()
    lanes = {tp: Lane(tp) for tp in (A, B)}
    runners: Any = {tp: Runner(lane) for tp, lane in lanes.items()}
    share: Any = SimpleNamespace(
        intake=SimpleNamespace(topics=SimpleNamespace(journal="meter.journal", bare=str)),
        app=SimpleNamespace(tables=SimpleNamespace(joined=True), consumer=SimpleNamespace(revoking=False)),
        consumer=consumer,
        runners=runners,
        slots={},
        slot=lambda topic: 0,
    )
    commits = Commits(share)
    commits.began([A, B])
    return commits, consumer, runners


def looks(commits: Commits, times: int = 1) -> int:
    async def look() -> int:
        return sum([await commits._commit() for _ in range(times)])

    return asyncio.run(look())


def test_what_moved_is_committed_and_what_rests_is_not_asked_again() -> None:
    commits, consumer, runners = stage()
    assert looks(commits) == 2
    assert consumer.sent == [{"usage.a": (0, "at 0"), "usage.b": (0, "at 0")}]
    asked = runners[B].lane.asked
    consumer.positions[A], consumer.read = 7, {A}
    assert looks(commits, 3) == 1
    assert consumer.sent[1:] == [{"usage.a": (7, "at 7")}]
    assert runners[B].lane.asked == asked


def test_a_chunk_in_hand_is_looked_at_until_it_is_handled() -> None:
    commits, consumer, runners = stage()
    looks(commits)
    consumer.read, consumer.handed_out, consumer.positions[A] = {A}, {A}, 5
    assert looks(commits, 3) == 0
    runners[A].lane.position = 5
    assert looks(commits, 3) == 1
    assert consumer.sent[-1] == {"usage.a": (5, "at 5")}


def test_what_was_not_taken_is_sent_again_and_what_is_held_back_is_looked_at_again() -> None:
    commits, consumer, runners = stage()
    consumer.takes = False
    assert looks(commits, 2) == 4
    consumer.takes, runners[A].lane.holding = True, True
    looks(commits, 2)
    runners[A].lane.holding, runners[A].lane.position = False, 3
    assert looks(commits, 2) == 1


def test_what_is_set_aside_says_so_once_and_what_left_is_forgotten() -> None:
    commits, consumer, runners = stage()
    looks(commits)
    runners[A].aside, runners[A].why = True, "it is gone"
    assert looks(commits, 3) == 1
    assert consumer.sent[-1] == {"usage.a": (0, "aside it is gone")}
    consumer.read = {B}
    del runners[B]
    assert looks(commits) == 0


def test_the_last_commit_has_what_was_under_way_and_waits_for_nothing_that_may_take_long() -> None:
    commits, consumer, runners = stage()
    looks(commits)
    consumer.read = consumer.handed_out = {A, B}
    runners[A].looks_until_handled = 3
    runners[B].looks_until_handled, runners[B].lane.waits = 1_000_000, True
    asyncio.run(commits.finish())
    assert consumer.halted == {A, B}
    assert consumer.sent[-1] == {"usage.a": (9, "at 9")}


def test_between_two_memberships_nothing_is_committed_but_before_the_first_one_ends() -> None:
    commits, consumer, _ = stage()
    app: Any = commits._topics.app
    app.tables.joined = False
    looks(commits)
    assert not consumer.sent
    app.consumer.revoking = True
    asyncio.run(commits.finish())
    assert len(consumer.sent) == 1


def test_commits_go_on_after_a_connection_was_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commits_module, "COMMIT_SECONDS", 0.0)
    commits, consumer, _ = stage()
    taken = consumer.commit_offsets

    async def given_up(offsets: Any) -> bool:
        consumer.commit_offsets = taken
        raise asyncio.CancelledError

    async def story() -> None:
        consumer.commit_offsets = given_up
        running = asyncio.create_task(commits.run())
        while not consumer.sent and not running.done():
            await asyncio.sleep(0)
        assert not running.done()
        running.cancel()

    asyncio.run(story())
    assert len(consumer.sent) == 1
